"""The numbers in a run's files as metrics of MLflow: names, steps and timestamps."""

import math
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rnnbench.files import read_json
from rnnbench.history import KEPT, kept_epochs
from rnnbench.layout import HISTORY_FILE, SYSTEM_METRICS_FILE, TIMING_FILE

if TYPE_CHECKING:
    from mlflow.entities import Metric

# Read to the last bit, because logged metrics are compared with these numbers.
EXACTLY: dict[str, Any] = {"float_precision": "round_trip"}

# The measurements in `times.json`; its other entries describe how they were made.
MEASURED = ("stock", "compiled", "ratio", "multiply_adds")


def metrics_of_training(folder: Path, started_at: str) -> "list[Metric]":
    """Return all metrics of a training: its epochs, its timing and the load of the machine.

    Parameters
    ----------
    folder : Path
        The folder of the run.
    started_at : str
        When training began, in ISO 8601.
    """
    start = milliseconds(started_at)
    timing = read_json(folder / TIMING_FILE)
    history = pd.read_csv(folder / HISTORY_FILE, **EXACTLY)
    kept = kept_epochs(history)["epoch"].iloc[0] if KEPT in history else None
    return [
        *_of_epochs(history.drop(columns=KEPT, errors="ignore"), timing, start),
        *([] if kept is None else [_metric("kept_epoch", kept, _now())]),
        *_of_timing(timing),
        *_of_system(folder / SYSTEM_METRICS_FILE, start),
    ]


def metrics_of_epoch(epoch: int, values: Mapping[str, float]) -> "list[Metric]":
    """Return the metrics of an epoch that has just ended; epochs count from 1."""
    return [_metric(_name(column), value, _now(), epoch) for column, value in values.items()]


def metrics_of_evaluation(values: Mapping[str, float], model_id: str | None) -> "list[Metric]":
    """Return test metrics; with a model's identifier, they also belong to that model."""
    return [
        _metric(f"test/{name}", value, _now(), model_id=model_id) for name, value in values.items()
    ]


def metrics_of_times(times: Mapping[str, Any]) -> "list[Metric]":
    """Return the numbers of a `times.json`: `timing/stock/step_milliseconds/median` and others."""
    return list(_of_timing({name: times[name] for name in MEASURED}))


def _of_epochs(history: pd.DataFrame, timing: Mapping[str, Any], start: int) -> "Iterator[Metric]":
    """Yield the metrics of each epoch, with the time of its end."""
    columns = {_name(column): history[column].tolist() for column in history.columns.drop("epoch")}
    for name, values in timing.items():
        if isinstance(values, list) and name != "timing_warnings":
            columns[f"timing/{name}"] = values
    validation = timing.get("validation_seconds", [0.0] * len(history))
    ends = np.cumsum(np.add(timing["epoch_seconds"], validation))
    for name, values in columns.items():
        for epoch, (value, end) in enumerate(zip(values, ends, strict=True), start=1):
            if math.isfinite(value):  # the last values of a diverged run are not
                yield _metric(name, value, start + int(1000 * end), epoch)


def _of_timing(timing: Mapping[str, Any]) -> "Iterator[Metric]":
    for name, value in flatten(timing, "timing").items():
        if isinstance(value, int | float):
            yield _metric(name, value, _now())


def _of_system(path: Path, start: int) -> "Iterator[Metric]":
    if not path.exists():  # a run of an older revision has no such file
        return
    try:
        samples = pd.read_csv(path, **EXACTLY)
    except pd.errors.EmptyDataError:  # no sample was taken
        return
    moments = start + (1000 * samples["seconds"]).astype(int)
    for name in samples.columns.drop("seconds"):
        for step, (moment, value) in enumerate(zip(moments, samples[name], strict=True)):
            if math.isfinite(value):  # a device may not report every sample
                yield _metric(f"system/{name}", value, moment, step)


def _name(column: str) -> str:
    """Return the metric's name for a column of `history.csv`; the UI groups by its first part."""
    part = "validation" if column.startswith("validation_") else "train"
    return f"{part}/{column.removeprefix('validation_')}"


def _metric(
    name: str, value: float, timestamp: int, step: int = 0, model_id: str | None = None
) -> "Metric":
    from mlflow.entities import Metric

    return Metric(name, float(value), int(timestamp), step, model_id=model_id)


def _now() -> int:
    return int(1000 * time.time())


def milliseconds(moment: str) -> int:
    """Return the milliseconds since 1970, MLflow's unit, of a time in ISO 8601."""
    return int(1000 * datetime.fromisoformat(moment).timestamp())


def flatten(content: Mapping[str, Any], prefix: str = "", separator: str = "/") -> dict[str, Any]:
    """Turn nested mappings into one level, keys joined by `separator`."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        name = f"{prefix}{separator}{key}" if prefix else str(key)
        if isinstance(value, Mapping):
            flat.update(flatten(value, name, separator))
        else:
            flat[name] = value
    return flat
