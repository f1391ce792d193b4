"""What evaluation and training left of an experiment, read for tables."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.files import read_json
from rnnbench.layout import HISTORY_FILE, RESULTS_FOLDER, SCORES_FILE, TIMING_FILE
from rnnbench.params import Params, Reported

NO_REPORT = Reported()


@dataclass(frozen=True)
class Result:
    """An experiment's results; without `scores` it was not run.

    Attributes
    ----------
    name : str
        Which experiment.
    folder : Path
        Where its results are.
    scores : dict or None
        What evaluation wrote.
    timing : dict
        What training measured, an entry a seed.
    reported : Reported
        What the literature prints for it.
    """

    name: str
    folder: Path
    scores: dict[str, Any] | None
    timing: dict[str, Any]
    reported: Reported

    @property
    def is_classifier(self) -> bool:
        """Whether targets are classes; unknown counts as yes."""
        return self.scores is None or any("accuracy" in run for run in self._runs)

    @property
    def parameters(self) -> int:
        """Parameters of all layers."""
        return sum((self.scores or {}).get("layer_parameters", {}).values())

    @property
    def seeds(self) -> int:
        """How many runs there are."""
        return len(self._runs)

    def metric(self, name: str) -> float:
        """Return the mean over seeds; not a number where there is none."""
        values = self._values(name)
        return float(np.mean(values)) if values else float("nan")

    def spread(self, name: str) -> float:
        """Return the standard deviation over seeds; not a number for fewer than two."""
        values = self._values(name)
        return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")

    def time(self, *path: str) -> float:
        """Return the mean over seeds of a time that training measured.

        Parameters
        ----------
        *path : str
            Keys of `timing.json` below a seed; of a list, such as epochs, the mean.
        """
        values = []
        for entry in self.timing.values():
            value: Any = entry
            for key in path:
                value = value.get(key, {}) if isinstance(value, dict) else {}
            if value != {}:
                values.append(np.mean(value))
        return float(np.mean(values)) if values else float("nan")

    def last_epoch(self, name: str) -> float:
        """Return the mean over seeds of the last epoch's value; not a number without one.

        Parameters
        ----------
        name : str
            A column of `history.csv`: `loss`, `validation_loss`, ….
        """
        path = self.folder / HISTORY_FILE
        if self.scores is None or not path.exists():
            return float("nan")
        history = pd.read_csv(path)
        return (
            float(history.groupby("seed")[name].last().mean()) if name in history else float("nan")
        )

    @property
    def training_seconds(self) -> float:
        """Return what training and validating took, all seeds together."""
        return float(
            sum(
                sum(entry["epoch_seconds"]) + sum(entry.get("validation_seconds", []))
                for entry in self.timing.values()
            )
        )

    def _values(self, name: str) -> list[float]:
        return [run[name] for run in self._runs if name in run]

    @property
    def _runs(self) -> list[dict[str, float]]:
        return list((self.scores or {}).get("runs", {}).values())


def read_results(params: Params, suite: str, results: Path = RESULTS_FOLDER) -> list[Result]:
    """Read the results of a suite's experiments, in the order of its table."""
    read = []
    for name in params.experiment_names(suite):
        folder = results / suite / name
        scores, timing = folder / SCORES_FILE, folder / TIMING_FILE
        read.append(
            Result(
                name,
                folder,
                # Training that failed leaves no timing: older scores are not its own.
                read_json(scores) if scores.exists() and timing.exists() else None,
                read_json(timing) if timing.exists() else {},
                params.suites[suite].reported.get(name, NO_REPORT),
            )
        )
    return read


def tabulate(results: list[Result]) -> pd.DataFrame:
    """Put a suite's results beside what is reported, a row an experiment."""
    return pd.DataFrame([_row(result) for result in results])


def _row(result: Result) -> dict[str, Any]:
    reported = result.reported
    return {
        "experiment": result.name,
        "status": "evaluated" if result.scores else "not run",
        "seeds": result.seeds,
        "parameters": result.parameters,
        "accuracy": result.metric("accuracy"),
        "accuracy_spread": result.spread("accuracy"),
        "reported_accuracy": _number(reported.accuracy),
        "majority_class_accuracy": result.metric("majority_class_accuracy"),
        "macro_f1": result.metric("macro_f1"),
        "loss": result.metric("loss"),
        "reported_loss": _number(reported.loss),
        "training_loss": result.last_epoch("loss"),
        "reported_training_loss": _number(reported.training_loss),
        "validation_loss": result.last_epoch("validation_loss"),
        "reported_validation_loss": _number(reported.validation_loss),
        "mse_per_pixel": result.metric("mse_per_pixel"),
        "copy_last_frame_mse_per_pixel": result.metric("copy_last_frame_mse_per_pixel"),
        "mae_per_pixel": result.metric("mae_per_pixel"),
        "ssim": result.metric("ssim"),
        "copy_last_frame_ssim": result.metric("copy_last_frame_ssim"),
        "psnr": result.metric("psnr"),
        "epoch_seconds": result.time("epoch_seconds"),
        "reported_epoch_seconds": _number(reported.epoch_seconds),
        "step_milliseconds_p50": result.time("step_milliseconds", "p50"),
        "step_milliseconds_p95": result.time("step_milliseconds", "p95"),
        "reported_step_milliseconds": reported.step_milliseconds or "",
        "examples_per_second": result.time("examples_per_second"),
        "remark": reported.remark or "",
    }


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
