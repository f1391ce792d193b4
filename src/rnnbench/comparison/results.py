"""The results of a suite's experiments, read from what training and evaluation wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rnnbench.files import read_json
from rnnbench.layout import (
    CONFUSION_FILE,
    EVALUATION_FOLDER,
    FIGURES_FOLDER,
    HISTORY_FILE,
    PREDICTIONS_FOLDER,
    RESULTS_FOLDER,
    SCORES_FILE,
    TIMING_FILE,
    seed_folder,
)
from rnnbench.params import Target
from rnnbench.tasks.task import SCORE_ARRAY, TASKS, Task

NOT_RUN = "not run"
EVALUATED = "evaluated"
NAN = float("nan")


@dataclass(frozen=True)
class Result:
    """The results of one experiment that was trained and evaluated.

    Attributes
    ----------
    name : str
        The experiment.
    folder : Path
        Where its results are.
    scores, timing : dict
        What evaluation wrote, and what training measured with each seed.
    history : DataFrame
        One row per seed and epoch.
    """

    name: str
    folder: Path
    scores: dict[str, Any]
    timing: dict[str, Any]
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
        """The view's parameter that says over how many steps to remember; not a number without."""
        return float(self.scores["data"]["parameters"].get(self.task.length, NAN))

    @property
    def kernel(self) -> str:
        """The kernels of the recurrences, and why they were not the fastest there are."""
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
        """How often each class was taken for each, over all seeds."""
        return pd.read_csv(self.folder / CONFUSION_FILE)

    def figure(self, name: str) -> Path:
        """Return where evaluation put a figure of the first seed, if it drew one."""
        folder = self.folder / EVALUATION_FOLDER / FIGURES_FOLDER
        return folder / next(iter(self.runs), "") / name

    def metrics(self) -> dict[str, float]:
        """Return the mean of every test metric over seeds.

        For the task's score and the loss also NAME_std, the standard deviation over seeds (not a
        number with fewer than two), lowest_NAME and highest_NAME.
        """
        row: dict[str, float] = {}
        for name in dict.fromkeys(name for run in self.runs.values() for name in run):
            values = [run[name] for run in self.runs.values() if name in run]
            row[name] = float(np.mean(values))
            if name in (self.task.score.name, "loss"):
                row[f"{name}_std"] = float(np.std(values, ddof=1)) if len(values) > 1 else NAN
                row[f"lowest_{name}"], row[f"highest_{name}"] = min(values), max(values)
        return row

    def example_scores(self) -> npt.NDArray[np.float64] | None:
        """Return the task's score of each test example, shape (seeds, examples).

        None where the task has no score of single examples.
        """
        rows = []
        for seed in self.runs:
            path = self.folder / EVALUATION_FOLDER / PREDICTIONS_FOLDER / f"{seed}.npz"
            with np.load(path, allow_pickle=False) as predictions:
                if SCORE_ARRAY not in predictions:
                    return None
                rows.append(predictions[SCORE_ARRAY])
        return np.stack(rows).astype(np.float64) if rows else None

    def time(self, *path: str) -> float:
        """Return the mean over seeds of a time that training measured.

        Parameters
        ----------
        *path : str
            Keys of `timing.json` below a seed. Of a list, such as one of epochs, the median is
            taken, as the first epoch includes compiling.
        """
        values = []
        for seed in self.runs:
            value: Any = self.timing[seed]
            for key in path:
                value = value.get(key, {}) if isinstance(value, dict) else {}
            if value != {}:
                values.append(np.median(value))
        return float(np.mean(values)) if values else NAN

    def until_target(self, target: Target | None, cost: str, once: str | None = None) -> float:
        """Return the mean over seeds of a cost up to the epoch that reaches the target.

        Parameters
        ----------
        target : Target or None
            The value of a validation metric to reach.
        cost : str
            A list of `timing.json`, one number per epoch.
        once : str, optional
            A number of `timing.json` to subtract, of something that one seed does for all.

        Returns
        -------
        float
            Not a number without a target, if a seed did not reach it, or without measurements.
        """
        if target is None or target.metric not in self.history:
            return NAN
        costs = []
        for seed, history in self.history.groupby("seed"):
            reached = history["epoch"][history[target.metric].map(target.is_reached_by)]
            timing = self.timing[seed_folder(int(str(seed)))]
            if cost not in timing or reached.empty:
                return NAN
            costs.append(sum(timing[cost][: int(reached.iloc[0])]) - timing.get(once, 0.0))
        return float(np.mean(costs))

    def last_epoch(self, name: str) -> float:
        """Return the mean over seeds of the last epoch's value of a column of the history."""
        if name not in self.history:
            return NAN
        return float(self.evaluated_history.groupby("seed")[name].last().mean())

    @property
    def timing_warnings(self) -> list[str]:
        """Reasons not to trust its times, of all seeds."""
        reasons = [reason for seed in self.timing.values() for reason in seed["timing_warnings"]]
        return list(dict.fromkeys(reasons))


Results = Mapping[str, Result | None]


def read_results(names: list[str], suite: str, results: Path = RESULTS_FOLDER) -> Results:
    """Read the results of a suite's experiments; None stands for one that was not run."""
    return {name: read_result(results / suite / name) for name in names}


def read_result(folder: Path) -> Result | None:
    """Read the results of one experiment; None if it was not trained and evaluated."""
    history, evaluation = folder / HISTORY_FILE, folder / EVALUATION_FOLDER
    # Training that failed leaves no history: scores that are there are those of an earlier one.
    if not (history.exists() and (evaluation / SCORES_FILE).exists()):
        return None
    return Result(
        folder.name,
        folder,
        read_json(evaluation / SCORES_FILE),
        read_json(evaluation / TIMING_FILE),
        pd.read_csv(history),
    )
