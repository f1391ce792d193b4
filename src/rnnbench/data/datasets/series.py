"""Time series from a user's own file, to be forecast.

A data set of this kind is called `series-NAME` and stands in the section `files` of `params.yaml`.
Its rows are split in the order of time: training, then validation, then test. The targets of an
example lie within one part; its inputs may reach back into the part before, as they do when the
model is used. Scales come from the training part alone.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field, PositiveInt, model_validator

from rnnbench.data.dataset import DATASETS, Dataset, Material, Route
from rnnbench.data.table_files import describe_file
from rnnbench.data.time_series import Gaps, Scaling, Values, read_series, shown_time, windows
from rnnbench.errors import RnnbenchError
from rnnbench.files import read_json, write_json
from rnnbench.params import FileSettings, View

KIND = "series"
VALUES_FILE = "values.npy"
FACTS_FILE = "facts.json"


def _each_once(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("a column is named twice; name each once")
    return names


class OwnSeries(FileSettings):
    """The file, its columns, and the share of the test split."""

    time: str
    values: Annotated[list[str], Field(min_length=1), AfterValidator(_each_once)]
    gaps: Gaps = "refuse"
    test_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2

    @model_validator(mode="after")
    def _time_is_no_value(self) -> "OwnSeries":
        if self.time in self.values:
            raise ValueError(f"the column {self.time!r} cannot be both time and value")
        return self


class SeriesView(View):
    """Windows of steps, and the steps to forecast after them."""

    sequence_length: PositiveInt
    horizon: PositiveInt
    season: PositiveInt = 1
    train_stride: PositiveInt = 1
    test_stride: PositiveInt = 1

    @model_validator(mode="after")
    def _a_window_holds_a_season(self) -> "SeriesView":
        if self.season > self.sequence_length:
            raise ValueError(
                f"season is {self.season} and sequence_length {self.sequence_length}: the seasonal"
                " naive forecast needs a complete season in the window; raise sequence_length"
            )
        return self


def convert(_: Mapping[str, Path], folder: Path, settings: OwnSeries) -> dict[str, Any]:
    """Read the series of a file, in the order of time and without gaps."""
    path = Path(settings.path)
    series = read_series(path, settings.time, settings.values, settings.gaps)
    np.save(folder / VALUES_FILE, series.values, allow_pickle=False)
    rows = len(series.values)
    begin = test_begins(rows, settings.test_fraction)
    facts = {
        "series": settings.values,
        "time": settings.time,
        "gaps": settings.gaps,
        "test_begins": begin,
    }
    write_json(folder / FACTS_FILE, facts)
    return {
        "counts": {"train": begin, "test": rows - begin},
        "step": series.step,
        "first": shown_time(series.times[0]),
        "last": shown_time(series.times[-1]),
        "filled": series.filled,
        "sources": describe_file(path),
    }


def test_begins(rows: int, test_fraction: float) -> int:
    """Return the first row of the test split."""
    return round(rows * (1.0 - test_fraction))


def validation_begins(test_begin: int, validation_fraction: float) -> int:
    """Return the first row that is held out for validation."""
    return round(test_begin * (1.0 - validation_fraction))


def prepare(view: SeriesView, raw: Path) -> Material:
    """Cut windows out of the training, the validation and the test rows."""
    values: Values = np.load(raw / VALUES_FILE, allow_pickle=False)
    facts = read_json(raw / FACTS_FILE)
    test_begin = facts.pop("test_begins")
    held_out = validation_begins(test_begin, view.validation_fraction)
    scaling = _scaling(view, values[:held_out], facts)
    parts = {"train": (0, held_out, view.train_stride)}
    if view.validation_fraction:
        parts["validation"] = (held_out, test_begin, view.train_stride)
    parts["test"] = (test_begin, len(values), view.test_stride)
    splits = {
        name: windows(values, scaling, view.sequence_length, *part) for name, part in parts.items()
    }
    for name, split in splits.items():
        if len(split) == 0:
            begin, end, _ = parts[name]
            raise RnnbenchError(
                f"the {name} part of {view.dataset} has {end - begin} rows, too few for windows of"
                f" {view.sequence_length} steps with {view.horizon} to forecast; lower"
                " sequence_length or horizon, or change test_fraction or validation_fraction"
            )
    return Material(splits, facts=scaling.facts())


def _scaling(view: SeriesView, training: Values, facts: Mapping[str, Any]) -> Scaling:
    """Measure the scale of each series in the training rows."""
    deviations = training.std(axis=0) if len(training) else np.zeros(training.shape[1])
    changes = np.abs(training[view.season :] - training[: -view.season])
    errors = changes.mean(axis=0) if len(changes) else np.zeros(training.shape[1])
    for name, deviation, error in zip(facts["series"], deviations, errors, strict=True):
        if deviation == 0.0 or error == 0.0:
            raise RnnbenchError(
                f"the series {name!r} of {view.dataset} is constant, or repeats itself after"
                f" {view.season} steps, in all {len(training)} training rows, so that there is"
                " nothing to forecast; leave it out of values, or change season"
            )
    return Scaling(
        **facts,
        horizon=view.horizon,
        season=view.season,
        means=training.mean(axis=0).tolist(),
        standard_deviations=deviations.tolist(),
        naive_errors=errors.tolist(),
    )


DATASETS.add(
    KIND,
    Dataset(
        task="forecasting",
        settings=OwnSeries,
        view=SeriesView,
        licence="your own file: as its owner says",
        citation="your own file",
        limits=(
            "It knows the series of the file that it was trained on, up to its last training row."
            " It was scored on the time right after that, and says nothing of how sure a forecast"
            " is."
        ),
        routes={"file": Route(convert)},
        prepare=prepare,
    ),
)
