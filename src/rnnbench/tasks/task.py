"""A kind of task: the head of its models, and how their predictions are scored and shown.

Each module of this package defines one kind and adds it to `TASKS`. No other code depends on the
kind of a task.
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from rnnbench.data.prepared import Array, Manifest, Split
from rnnbench.errors import RnnbenchError
from rnnbench.models.heads import Head
from rnnbench.registry import Registry
from rnnbench.tables import Column

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PREDICTION_BATCH = 512  # examples; faster than smaller batches, with the same outputs
SCORE_ARRAY = "score"  # name of the predictions with the task's score of each example
SCORE_ENDS = ("score_lower", "score_upper")  # columns with the ends of its 95 % interval
CONFUSION_COLUMNS = ["actual", "predicted", "count"]

Integers = npt.NDArray[np.integer[Any]]
Metric = TypeVar("Metric", bound=Callable[..., Any])


class NotFiniteError(RnnbenchError):
    """The outputs of a model have infinity or NaN."""


@dataclass(frozen=True)
class Score:
    """The test metric by which experiments are compared."""

    name: str
    title: str
    higher_is_better: bool


@dataclass(frozen=True)
class TrainedModel:
    """A model and the meaning of its outputs.

    Attributes
    ----------
    predict : callable
        Takes a batch of inputs as they are stored, bytes unscaled, and returns the outputs.
    manifest : Manifest
        Manifest of the data that it was trained on.
    from_logits : bool
        Whether outputs are before their sigmoid or softmax.
    batch_size : int
        Examples per training step.
    """

    predict: Callable[[Array], Array]
    manifest: Manifest
    from_logits: bool
    batch_size: int

    def predict_all(self, inputs: Array) -> Array:
        """Return the outputs for all inputs, predicted in batches.

        Raises
        ------
        NotFiniteError
            If an output is not finite, which happens if weights are too large.
        """
        begins = range(0, len(inputs), PREDICTION_BATCH)
        batches = [self.predict(inputs[at : at + PREDICTION_BATCH]) for at in begins]
        outputs = np.concatenate(batches)
        if not np.isfinite(outputs).all():
            raise NotFiniteError("the model's outputs are not finite numbers")
        return outputs


class Metrics(dict[str, Callable[..., Any]]):
    """The test metrics of a task by name: functions of its predictions and its targets."""

    def add(self, metric: Metric) -> Metric:
        """Register a metric under the name of its function; a decorator."""
        self[metric.__name__] = metric
        return metric

    def measure(self, *answers: Any) -> dict[str, Any]:
        """Return the value of every metric."""
        return {name: metric(*answers) for name, metric in self.items()}


@dataclass
class Evaluation:
    """The results of one run on the test split.

    Attributes
    ----------
    metrics, baseline : dict of float
        Test metrics of the model, and of the baseline that it is compared with.
    details : DataFrame
        One row per class, range of values or frame ahead.
    confusions : DataFrame
        One row per pair of classes: actual, predicted, count.
    predictions : dict of ndarray
        Arrays for statistics. `score` is the task's score of each test example, shape (examples,);
        without it, experiments of the task are not compared in pairs.
    drawings : dict
        Figures by name, each a function of its title.
    shown : dict of ndarray
        Arrays of one test example, for pages that show it.
    gradients : DataFrame
        Share of the gradient that each step gets; see `rnnbench.evaluation.gradients`.
    """

    metrics: dict[str, float]
    baseline: dict[str, float]
    details: pd.DataFrame = field(default_factory=pd.DataFrame)
    confusions: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=CONFUSION_COLUMNS)
    )
    predictions: dict[str, Array] = field(default_factory=dict)
    drawings: "dict[str, Callable[[str], Figure]]" = field(default_factory=dict)
    shown: dict[str, Array] = field(default_factory=dict)
    gradients: pd.DataFrame = field(default_factory=pd.DataFrame)


class Task(Head):
    """A kind of task: the head of its models, and how they are scored.

    Attributes
    ----------
    test_metrics : Metrics
        Metrics that evaluation measures.
    score : Score
        The test metric by which experiments are compared.
    headline : tuple of str
        The test metrics that `metrics.json` holds.
    baseline_name : str
        Prefix of the baseline's metrics, such as `majority_class`.
    columns, summary : tuple of Column
        The scores in a full and in a short table: test metrics, METRIC_std, reported_METRIC and
        `length`.
    length : str or None, default None
        The view's parameter with the number of steps over which a model has to remember.
    """

    test_metrics: Metrics
    score: Score
    headline: tuple[str, ...]
    baseline_name: str
    columns: tuple[Column, ...]
    summary: tuple[Column, ...]
    length: str | None = None

    @abstractmethod
    def evaluate(self, model: TrainedModel, test: Split) -> Evaluation:
        """Score a model on the test split."""

    def as_stored(self, values: Array, model: TrainedModel) -> Array:
        """Convert a user's numbers to the form in which a view stores them; unchanged by default.

        Parameters
        ----------
        values : ndarray
            Values of several examples.
        model : TrainedModel
            The model that is to take them.
        """
        return values

    def as_given(self, inputs: Array, model: TrainedModel) -> Array:
        """Convert stored inputs to the form in which a user gives them: inverse of `as_stored`."""
        return inputs

    def answer(self, outputs: Array, model: TrainedModel, given: str, target: Path) -> str:
        """Return the line that `rnnbench predict` prints for one example: numbers by default.

        Parameters
        ----------
        outputs : ndarray
            The model's outputs for the example.
        model : TrainedModel
            The model.
        given : str
            Name of the example.
        target : Path
            The file to write, if the answer is not text.
        """
        return " ".join(f"{value:.4f}" for value in outputs.ravel())

    def answers(self, outputs: Array, model: TrainedModel) -> Any:
        """Return a served model's response for several examples: its outputs by default.

        Parameters
        ----------
        outputs : ndarray
            The model's outputs for the examples.
        model : TrainedModel
            The model.
        """
        return outputs


TASKS: Registry[Task] = Registry("task", "rnnbench.tasks")


def count_pairs(actual: Integers, predicted: Integers, names: list[str]) -> pd.DataFrame:
    """Count each pair of classes: `actual`, `predicted` and `count`."""
    pairs = len(names) * actual.astype(np.int64) + predicted
    counts = np.bincount(pairs, minlength=len(names) ** 2)
    columns = (np.repeat(names, len(names)), np.tile(names, len(names)), counts)
    return pd.DataFrame(dict(zip(CONFUSION_COLUMNS, columns, strict=True)))


def sum_pairs(counts: list[pd.DataFrame]) -> pd.DataFrame:
    """Add tables of counts of the same classes; the list may be empty."""
    if not counts:
        return pd.DataFrame(columns=CONFUSION_COLUMNS)
    pairs = CONFUSION_COLUMNS[:2]
    return pd.concat(counts).groupby(pairs, sort=False, as_index=False).sum()
