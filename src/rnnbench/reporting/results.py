"""What evaluation and training left of an experiment, read for tables."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rnnbench.errors import RnnbenchError
from rnnbench.files import read_json
from rnnbench.layout import (
    HISTORY_FILE,
    PREDICTIONS_FOLDER,
    RESULTS_FOLDER,
    SCORES_FILE,
    TIMING_FILE,
    seed_folder,
)
from rnnbench.params import (
    AddingView,
    AnyView,
    CopyingView,
    FramesView,
    Params,
    Reported,
    Target,
)
from rnnbench.reporting.describe import describe_model

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
    kind : str
        Of its targets: "classes", "frames", "sums" or "copies".
    length : int or None
        Of a synthetic task: steps of a sequence to add in, blank steps to remember over.
    model : str
        Its layers in one line.
    target : Target or None
        The validation metric that experiments on its view are to reach.
    """

    name: str
    folder: Path
    scores: dict[str, Any] | None
    timing: dict[str, Any]
    reported: Reported
    kind: str
    length: int | None
    model: str
    target: Target | None

    @property
    def parameters(self) -> int:
        """Parameters of all layers."""
        return sum((self.scores or {}).get("layer_parameters", {}).values())

    @property
    def seeds(self) -> int:
        """How many runs there are."""
        return len(self._runs)

    @property
    def kernel(self) -> str:
        """What ran the recurrences, and the reason if it was not the fastest there is."""
        found = (self.scores or {}).get("kernels", {}).values()
        said = [
            f"{layer['kernel']} ({layer['reason']})" if "reason" in layer else layer["kernel"]
            for layer in found
        ]
        return "; ".join(dict.fromkeys(said))

    def metric(self, name: str) -> float:
        """Return the mean over seeds; not a number where there is none."""
        values = self._values(name)
        return float(np.mean(values)) if values else float("nan")

    def spread(self, name: str) -> float:
        """Return the standard deviation over seeds; not a number for fewer than two."""
        values = self._values(name)
        return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")

    def extremes(self, name: str) -> tuple[float, float]:
        """Return the lowest and the highest value of a seed; not numbers where there is none."""
        values = self._values(name) or [float("nan")]
        return min(values), max(values)

    def time(self, *path: str) -> float:
        """Return the mean over seeds of a time that training measured.

        Parameters
        ----------
        *path : str
            Keys of `timing.json` below a seed; of a list, such as epochs, the median, as the
            first epoch compiles too.
        """
        values = []
        for entry in self.timing.values():
            value: Any = entry
            for key in path:
                value = value.get(key, {}) if isinstance(value, dict) else {}
            if value != {}:
                values.append(np.median(value))
        return float(np.mean(values)) if values else float("nan")

    @property
    def seconds_to_target(self) -> float:
        """Return the mean over seeds of the epochs' seconds until the target was reached.

        Without validation, and without compiling, which one seed does for all. Not a number without
        a target, or if a seed did not reach it.
        """
        return self._until_target("epoch_seconds", once="compile_seconds")

    @property
    def joules_to_target(self) -> float:
        """Return what `seconds_to_target` does, of the GPU's energy, compiling included."""
        return self._until_target("gpu_epoch_energy_joules")

    def _until_target(self, spent: str, once: str | None = None) -> float:
        """Return the mean over seeds of what epochs spent until the target, less what but one did.

        `spent` names a list of `timing.json`, an entry an epoch, and `once` a number there. Not a
        number if it was not measured.
        """
        if self.target is None or self.target.metric not in self._history:
            return float("nan")
        sums = []
        for seed, history in self._history.groupby("seed"):
            reached = history["epoch"][history[self.target.metric].map(self.target.is_reached_by)]
            timing = self.timing[seed_folder(int(str(seed)))]
            if spent not in timing or reached.empty:
                return float("nan")
            sums.append(sum(timing[spent][: int(reached.iloc[0])]) - timing.get(once, 0.0))
        return float(np.mean(sums))

    def last_epoch(self, name: str) -> float:
        """Return the mean over seeds of the last epoch's value; not a number without one.

        Parameters
        ----------
        name : str
            A column of `history.csv`: `loss`, `validation_loss`, ….
        """
        history = self._history
        if name not in history:
            return float("nan")
        return float(history.groupby("seed")[name].last().mean())

    def of_epoch(self, name: str, epoch: int) -> float:
        """Return the mean over seeds of an epoch's value; not a number without one."""
        history = self._history
        if name not in history:
            return float("nan")
        return float(history.loc[history["epoch"] == epoch, name].mean())

    def layer(self, number: str) -> tuple[str, float]:
        """Return the name of a layer (`layer_2`) and its parameters; not a number if not run."""
        for name, count in (self.scores or {}).get("layer_parameters", {}).items():
            if name.startswith(f"{number}_"):
                return name, count
        return number, float("nan")

    def correct(self) -> npt.NDArray[np.bool_]:
        """Return whether each run was right about each test example, shape (seeds, examples).

        Raises
        ------
        RnnbenchError
            If the predictions are not here; they are not in git.
        """
        right = []
        for path in sorted((self.folder / PREDICTIONS_FOLDER).glob("*.npz")):
            with np.load(path, allow_pickle=False) as kept:
                right.append(kept["probabilities"].argmax(axis=1) == kept["labels"])
        if not right:
            raise RnnbenchError(
                f"the predictions of {self.name} are not here; `dvc pull evaluate@{self.name}`"
                f" brings them from a remote, `dvc repro evaluate@{self.name}` makes them"
            )
        return np.stack(right)

    @property
    def training_seconds(self) -> float:
        """Return what training and validating took, all seeds together."""
        return float(sum(entry["training_seconds"] for entry in self.timing.values()))

    @property
    def unfit(self) -> list[str]:
        """What speaks against its times, of all seeds."""
        return [reason for entry in self.timing.values() for reason in entry.get("unfit", [])]

    @cached_property
    def _history(self) -> pd.DataFrame:
        path = self.folder / HISTORY_FILE
        if self.scores is None or not path.exists():
            return pd.DataFrame()
        return pd.read_csv(path)

    def _values(self, name: str) -> list[float]:
        return [run[name] for run in self._runs if name in run]

    @property
    def _runs(self) -> list[dict[str, float]]:
        return list((self.scores or {}).get("runs", {}).values())


def read_results(params: Params, suite: str, results: Path = RESULTS_FOLDER) -> list[Result]:
    """Read the results of a suite's experiments, in the order of its table."""
    read = []
    for name in params.experiment_names(suite):
        experiment = params.experiments[name]
        view = params.views[experiment.view]
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
                _kind(view),
                _length(view),
                describe_model(experiment.model),
                params.suites[suite].targets.get(experiment.view),
            )
        )
    return read


def _kind(view: AnyView) -> str:
    kinds = {FramesView: "frames", AddingView: "sums", CopyingView: "copies"}
    return kinds.get(type(view), "classes")


def _length(view: AnyView) -> int | None:
    if isinstance(view, AddingView):
        return view.sequence_length
    return view.delay if isinstance(view, CopyingView) else None


def tabulate(results: list[Result]) -> pd.DataFrame:
    """Put a suite's results beside what is reported, a row an experiment."""
    return pd.DataFrame([_row(result) for result in results])


def _row(result: Result) -> dict[str, Any]:
    reported = result.reported
    lowest_accuracy, highest_accuracy = result.extremes("accuracy")
    lowest_loss, highest_loss = result.extremes("loss")
    return {
        "experiment": result.name,
        "model": result.model,
        "length": _number(result.length),
        "status": "evaluated" if result.scores else "not run",
        "seeds": result.seeds,
        "parameters": result.parameters,
        "accuracy": result.metric("accuracy"),
        "accuracy_spread": result.spread("accuracy"),
        "lowest_accuracy": lowest_accuracy,
        "highest_accuracy": highest_accuracy,
        "reported_accuracy": _number(reported.accuracy),
        "accuracy_with_words": result.metric("accuracy_with_words"),
        "majority_class_accuracy": result.metric("majority_class_accuracy"),
        "memoryless_accuracy": result.metric("memoryless_accuracy"),
        "sequence_accuracy": result.metric("sequence_accuracy"),
        "correct": result.metric("correct"),
        "mean_absolute_error": result.metric("mean_absolute_error"),
        "macro_f1": result.metric("macro_f1"),
        "loss": result.metric("loss"),
        "loss_spread": result.spread("loss"),
        "lowest_loss": lowest_loss,
        "highest_loss": highest_loss,
        "baseline_loss": _first_number(
            result.metric(f"{name}_loss") for name in ("always_one", "memoryless")
        ),
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
        "epoch_processor_seconds": result.time("epoch_processor_seconds"),
        "reported_epoch_seconds": _number(reported.epoch_seconds),
        "step_milliseconds_p50": result.time("step_milliseconds", "p50"),
        "step_milliseconds_p95": result.time("step_milliseconds", "p95"),
        "reported_step_milliseconds": reported.step_milliseconds or "",
        "target": str(result.target or ""),
        "seconds_to_target": result.seconds_to_target,
        "joules_to_target": result.joules_to_target,
        "examples_per_second": result.time("examples_per_second"),
        "kernel": result.kernel,
        "remark": reported.remark or "",
    }


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _first_number(values: Iterable[float]) -> float:
    return next((value for value in values if not np.isnan(value)), float("nan"))
