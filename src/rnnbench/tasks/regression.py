"""One number per example: in the adding problem, a sum from 0 to 2."""

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rnnbench.data.prepared import Split
from rnnbench.models import heads
from rnnbench.tables import Column
from rnnbench.tasks import task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Hochreiter & Schmidhuber 1997 call a sequence processed correctly within this error.
CORRECT_WITHIN = 0.04
# The mean squared error of always answering 1, the mean: the variance of the sum of two numbers
# that are uniform in [0, 1).
ERROR_OF_THE_MEAN = 1.0 / 6.0
BIN_EDGES = np.linspace(0.0, 2.0, 9)
RANGES = [f"{low:g} to {high:g}" for low, high in pairwise(BIN_EDGES)]
METRICS = task.Metrics()

Numbers = npt.NDArray[np.float64]  # of shape (examples,)


@METRICS.add
def loss(predicted: Numbers, actual: Numbers) -> float:
    """Return the mean squared error."""
    return float(np.mean((predicted - actual) ** 2))


@METRICS.add
def mean_absolute_error(predicted: Numbers, actual: Numbers) -> float:
    """Return the mean absolute error."""
    return float(np.abs(predicted - actual).mean())


@METRICS.add
def correct(predicted: Numbers, actual: Numbers) -> float:
    """Return the share of examples with an error below 0.04 (Hochreiter & Schmidhuber 1997)."""
    return float(np.mean(np.abs(predicted - actual) < CORRECT_WITHIN))


def find_ranges(numbers: Numbers) -> npt.NDArray[np.intp]:
    """Return the index in `RANGES` of each number; numbers outside belong to the nearest range."""
    ranges: npt.NDArray[Any] = np.digitize(numbers, BIN_EDGES[1:-1])
    return ranges


def score_each_range(predicted: Numbers, actual: Numbers) -> pd.DataFrame:
    """Return the errors by range of the actual number, one row per range."""
    rows = []
    for number, name in enumerate(RANGES):
        errors = pd.Series((predicted - actual)[find_ranges(actual) == number])
        rows.append(
            {
                "sum": name,
                "mean_error": errors.mean(),
                "mean_squared_error": (errors**2).mean(),
                "test_examples": len(errors),
            }
        )
    return pd.DataFrame(rows)


def draw_sums(predicted: Numbers, actual: Numbers, title: str) -> "Figure":
    """Draw predicted over actual sums, with the diagonal where they are equal."""
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(4.2, 4.0), layout="constrained")
    axis.plot([0, 2], [0, 2], color="tab:gray", linewidth=1, label="equal")
    axis.plot([0, 2], [1, 1], "--", color="tab:gray", linewidth=1, label="always 1")
    axis.plot(actual, predicted, ".", markersize=2, alpha=0.4)
    axis.set(xlabel="actual sum", ylabel="predicted sum", title=title)
    axis.legend(fontsize="small")
    return figure


class Regression(heads.Regression, task.Task):
    """One number per example."""

    test_metrics = METRICS
    score = task.Score("loss", "mean squared error", higher_is_better=False)
    headline = ("loss", "mean_absolute_error", "correct")
    baseline_name = "always_one"
    summary = (
        Column("length", "steps", ".0f"),
        Column("loss", "test MSE [95 % interval]", ".5f", task.SCORE_ENDS),
        Column("correct", "within 0.04", ".3f"),
    )
    columns = (*summary, Column("mean_absolute_error", "MAE", ".4f"))
    length = "sequence_length"

    def evaluate(self, model: task.TrainedModel, test: Split) -> task.Evaluation:
        """Score the model beside the constant prediction 1."""
        actual = np.asarray(test.targets, dtype=np.float64)[:, 0]
        predicted = np.asarray(model.predict_all(test.inputs), dtype=np.float64)[:, 0]
        return task.Evaluation(
            metrics=METRICS.measure(predicted, actual),
            baseline={"loss": ERROR_OF_THE_MEAN},
            details=score_each_range(predicted, actual),
            confusions=task.count_pairs(find_ranges(actual), find_ranges(predicted), RANGES),
            predictions={
                task.SCORE_ARRAY: (predicted - actual) ** 2,
                "predicted": predicted.astype(np.float32),
                "actual": actual,
            },
            drawings={"sums": partial(draw_sums, predicted, actual)},
        )


task.TASKS.add(Regression.name, Regression())
