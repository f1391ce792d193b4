"""The results of a suite's experiments, read from the files of training and evaluation."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.files import read_json
from rnnbench.history import KEPT, kept_epochs
from rnnbench.layout import (
    BASELINES_FOLDER,
    CONFUSION_FILE,
    DETAILS_FILE,
    EVALUATION_FOLDER,
    GRADIENTS_FILE,
    HISTORY_FILE,
    LENGTHS_FILE,
    MISTAKES_FILE,
    PREDICTIONS_FILE,
    PREDICTIONS_FOLDER,
    RESULTS_FOLDER,
    SCORES_FILE,
    SHOWN_FOLDER,
    TIMES_FILE,
    TIMING_FILE,
    seed_folder,
)
from rnnbench.params import Target
from rnnbench.statistics import Array, Estimate, estimate_score
from rnnbench.tasks.task import SCORE_ARRAY, TASKS, Task

NOT_RUN = "not run"
EVALUATED = "evaluated"
NAN = float("nan")
# Parameters of a view that do not decide which test examples there are.
PRESENTATION = {"train_examples", "validation_fraction"}
PRESENTATION_OF_TEXTS = PRESENTATION | {
    "vocabulary_size", "sequence_length", "padding", "truncation"
}  # fmt: skip


@dataclass(frozen=True)
class Result:
    """The results of one experiment that was trained and evaluated.

    Attributes
    ----------
    name : str
        The experiment.
    folder : Path
        The folder of its results.
    scores, timing : dict
        The scores of evaluation, and the times that training measured with each seed.
    times : dict
        The times of the `time` stage; empty if it was not run.
    history : DataFrame
        One row per seed and epoch.
    """

    name: str
    folder: Path
    scores: dict[str, Any]
    timing: dict[str, Any]
    times: dict[str, Any]
    history: pd.DataFrame

    @property
    def task(self) -> Task:
        """The kind of task."""
        return TASKS[self.scores["task"]]

    @property
    def view(self) -> str:
        """The view that it was trained and tested on."""
        name: str = self.scores["data"]["view"]
        return name

    @property
    def test_split(self) -> str:
        """The data set and the parameters of the view that decide which test examples there are.

        Views of the same texts that differ in their words, lengths or padding have one test split.
        """
        data = self.scores["data"]
        parameters: dict[str, Any] = data["parameters"]
        shown = PRESENTATION_OF_TEXTS if "vocabulary_size" in parameters else PRESENTATION
        deciding = {name: parameters[name] for name in sorted(parameters.keys() - shown)}
        return str({"dataset": data["dataset"], **deciding})

    @property
    def runs(self) -> dict[str, dict[str, float]]:
        """Test metrics of each seed that did not diverge."""
        runs: dict[str, dict[str, float]] = self.scores["runs"]
        return runs

    @property
    def diverged(self) -> dict[str, str]:
        """The reason for each seed that diverged."""
        reasons: dict[str, str] = self.scores["diverged"]
        return reasons

    @property
    def status(self) -> str:
        """Whether every seed was evaluated, or how many were."""
        seeds = len(self.runs) + len(self.diverged)
        return f"{len(self.runs)} of {seeds} seeds" if self.diverged else EVALUATED

    @property
    def length(self) -> float:
        """The number of steps to remember, a parameter of the view; NaN if it has none."""
        return float(self.scores["data"]["parameters"].get(self.task.length, NAN))

    @property
    def kernel(self) -> str:
        """The kernels of the recurrent layers, and the reason for each that is not the fastest."""
        kernels = [
            f"{layer['kernel']} ({layer['reason']})" if "reason" in layer else layer["kernel"]
            for layer in self.scores["kernels"].values()
        ]
        return "; ".join(dict.fromkeys(kernels))

    @property
    def evaluated_history(self) -> pd.DataFrame:
        """The history of the seeds that did not diverge."""
        return self.history[self.history["seed"].map(seed_folder).isin(self.runs)]

    @property
    def confusions(self) -> pd.DataFrame:
        """The confusion matrix over all seeds, one row per pair of actual and predicted class."""
        return pd.read_csv(self.folder / CONFUSION_FILE)

    @property
    def details(self) -> pd.DataFrame:
        """One row per seed and class, range of values or frame ahead."""
        return self._table(DETAILS_FILE)

    @property
    def mistakes(self) -> pd.DataFrame:
        """The worst mistakes of each run; empty if the examples are not texts."""
        return self._table(MISTAKES_FILE)

    @property
    def lengths(self) -> pd.DataFrame:
        """The accuracy of each run by the length of a text; empty if the examples are not texts."""
        return self._table(LENGTHS_FILE)

    @property
    def gradients(self) -> pd.DataFrame:
        """The share of the gradient of each step, by run and lag."""
        return self._table(GRADIENTS_FILE)

    @property
    def shown(self) -> dict[str, Array]:
        """Arrays of the test example that evaluation shows for the first seed; empty without."""
        folder = self.folder / EVALUATION_FOLDER / SHOWN_FOLDER
        path = folder / f"{next(iter(self.runs), '')}.npz"
        return read_arrays(path) if path.exists() else {}

    def predictions(self) -> Iterator[tuple[str, dict[str, Array]]]:
        """Yield the name of each run that has scores, and its predictions."""
        for seed in self.runs:
            yield (
                seed,
                read_arrays(self.folder / EVALUATION_FOLDER / PREDICTIONS_FOLDER / f"{seed}.npz"),
            )

    def _table(self, name: str) -> pd.DataFrame:
        path = self.folder / EVALUATION_FOLDER / name
        return pd.read_csv(path) if path.exists() else pd.DataFrame()

    def metrics(self) -> dict[str, float]:
        """Return the mean of every test metric over seeds.

        For the task's score and the loss also NAME_std, the standard deviation over seeds (NaN
        with fewer than two), lowest_NAME and highest_NAME.
        """
        row: dict[str, float] = {}
        for name in dict.fromkeys(name for run in self.runs.values() for name in run):
            values = [run[name] for run in self.runs.values() if name in run]
            row[name] = float(np.mean(values))
            if name in (self.task.score.name, "loss"):
                row[f"{name}_std"] = float(np.std(values, ddof=1)) if len(values) > 1 else NAN
                row[f"lowest_{name}"], row[f"highest_{name}"] = min(values), max(values)
        return row

    @cached_property
    def example_scores(self) -> Array | None:
        """The task's score of each test example, shape (seeds, examples).

        None if every seed diverged, or the task has no scores of examples.
        """
        rows = []
        for _, arrays in self.predictions():
            if SCORE_ARRAY not in arrays:
                return None
            rows.append(arrays[SCORE_ARRAY])
        return np.stack(rows).astype(np.float64) if rows else None

    def estimate(self) -> Estimate | None:
        """Estimate the task's score with its 95 % interval; None if every seed diverged.

        If the task has no scores of examples, the interval covers only other seeds.
        """
        if not self.runs:
            return None
        means = [run[self.task.score.name] for run in self.runs.values()]
        return estimate_score(self.example_scores, means)

    def time(self, *path: str) -> float:
        """Return a number of `times.json` by its keys; NaN if it was not measured."""
        value: Any = self.times
        for key in path:
            value = value.get(key, {})
        return NAN if value == {} else float(value)

    def epoch_seconds(self, loop: str) -> float:
        """Return the seconds of an epoch of median steps, `loop` being "stock" or "compiled"."""
        median = self.time(loop, "step_milliseconds", "median")
        if np.isnan(median):
            return NAN
        steps: int = math.ceil(self.scores["data"]["examples"]["train"] / self.times["batch_size"])
        return float(median * steps / 1_000.0)

    def epochs_to_target(self, target: Target | None) -> float:
        """Return the mean over seeds of the first epoch that reaches the target.

        NaN without a target, or if a seed did not reach it.
        """
        if target is None or target.metric not in self.history:
            return NAN
        reached = self.history[self.history[target.metric].map(target.is_reached_by)]
        epochs = reached.groupby("seed")["epoch"].min()
        return float(epochs.mean()) if len(epochs) == self.history["seed"].nunique() else NAN

    def at_kept_epoch(self, name: str) -> float:
        """Return the mean over seeds of a column of the history, at the epochs that are kept."""
        if name not in self.history:
            return NAN
        return float(kept_epochs(self.evaluated_history)[name].mean())

    @property
    def stopping(self) -> dict[str, float]:
        """The mean of the epochs that are kept, and how many all seeds were trained in all.

        Empty where the last epoch is kept.
        """
        history = self.evaluated_history
        if KEPT not in history:
            return {}
        return {"kept_epoch": self.at_kept_epoch("epoch"), "trained_epochs": len(history)}

    @property
    def curve_metric(self) -> str:
        """The column of the history to show: the task's score, or the loss if it is missing."""
        score = self.task.score.name
        return score if score in self.history else "loss"


def read_arrays(path: Path) -> dict[str, Array]:
    """Read the arrays of a compressed file by name."""
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays}


Results = Mapping[str, Result | None]


def read_results(names: list[str], suite: str, results: Path = RESULTS_FOLDER) -> Results:
    """Read the results of a suite's experiments; None for an experiment that was not run."""
    return {name: read_result(results / suite / name) for name in names}


def read_result(folder: Path) -> Result | None:
    """Read the results of one experiment; None if it was not trained and evaluated."""
    history, evaluation = folder / HISTORY_FILE, folder / EVALUATION_FOLDER
    # A failed training leaves no history: existing scores belong to an earlier training.
    if not (history.exists() and (evaluation / SCORES_FILE).exists()):
        return None
    return Result(
        folder.name,
        folder,
        read_json(evaluation / SCORES_FILE),
        read_json(evaluation / TIMING_FILE),
        read_json(folder / TIMES_FILE) if (folder / TIMES_FILE).exists() else {},
        pd.read_csv(history),
    )


def why_not_run(folder: Path) -> str:
    """Return why an experiment has no results in `folder`."""
    if not (folder / HISTORY_FILE).exists():
        return "training left no history: it failed, or it was never run"
    if pd.read_csv(folder / HISTORY_FILE).empty:
        return "switched off: it has 0 seeds in params.yaml"
    return "trained; evaluation left no scores: it failed, or it was never run"


@dataclass(frozen=True)
class Baseline:
    """A model without recurrent layers that a recurrent network has to beat on a view.

    Attributes
    ----------
    view, name, title : str
        The view, and the baseline's name in files and in tables.
    metrics : dict
        Its test metrics.
    fit_processor_seconds : float
        The processor time of fitting.
    example_scores : ndarray or None
        The task's score of each test example, shape (1, examples); None if the task has none.
    """

    view: str
    name: str
    title: str
    metrics: dict[str, float]
    fit_processor_seconds: float
    example_scores: Array | None


def read_baselines(views: Iterable[str], results: Path = RESULTS_FOLDER) -> list[Baseline]:
    """Read the baselines of some views, in their order."""
    return [
        baseline
        for view in views
        for baseline in _baselines(results / BASELINES_FOLDER.name / view)
    ]


def _baselines(folder: Path) -> Iterator[Baseline]:
    scores, predictions = folder / SCORES_FILE, folder / PREDICTIONS_FILE
    found = read_json(scores).get("baselines", {}) if scores.exists() else {}
    example_scores: dict[str, Array] = {}
    if predictions.exists():
        arrays = read_arrays(predictions)
        example_scores = {name: one[np.newaxis].astype(np.float64) for name, one in arrays.items()}
    for name, facts in found.items():
        yield Baseline(folder.name, name, **facts, example_scores=example_scores.get(name))
