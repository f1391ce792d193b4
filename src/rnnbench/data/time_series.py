"""Reading time series, and cutting windows out of them."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from rnnbench.data.prepared import Array, Split
from rnnbench.data.table_files import read_columns
from rnnbench.errors import RnnbenchError

Gaps = Literal["refuse", "fill", "ignore"]
Values = npt.NDArray[np.float64]  # of shape (rows, series)

NAMED = 3  # number of times that a message lists
SATURDAY = 5
FREQUENT = 0.5  # least share of distances that equal the regular one
TOLERANCE = 1e-6  # in steps; distances such as 0.1 are not exact in binary
MOST_BYTES = 2 * 2**30  # of the windows of a split
ADVICE = (
    "`--gaps fill` (gaps: fill) repeats the last value before a gap, `--gaps ignore` counts each"
    " row as one step, whatever its distance"
)


@dataclass(frozen=True)
class Series:
    """Time series with common times.

    Attributes
    ----------
    times : Index
        Time of each row, ascending: dates or numbers.
    values : ndarray of float64, shape (rows, series)
        One column per series.
    step : str
        The distance between two rows, in words.
    filled : int
        Number of rows that were missing or lacked a value, and were filled.
    """

    times: "pd.Index[Any]"
    values: Values
    step: str
    filled: int


@dataclass(frozen=True)
class Scaling:
    """Names and scales of a view's series; scales are measured on the training part alone.

    Attributes
    ----------
    series : list of str
        Names of the columns.
    time : str
        Name of the column with the times.
    gaps : str
        Treatment of gaps, see `read_series`.
    horizon, season : int
        Steps to forecast, and steps after which the series are expected to repeat.
    means, standard_deviations : list of float
        Mean and standard deviation of each series.
    naive_errors : list of float
        Mean absolute error of each series against its value one season before, the unit of MASE.
    """

    series: list[str]
    time: str
    gaps: Gaps
    horizon: int
    season: int
    means: list[float]
    standard_deviations: list[float]
    naive_errors: list[float]

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Scaling":
        """Return the scaling from the facts of a manifest."""
        return cls(**{name: facts[name] for name in cls.__dataclass_fields__})

    def facts(self) -> dict[str, Any]:
        """Return the scaling as facts of a manifest."""
        return asdict(self)

    def scaled(self, values: Array) -> Array:
        """Return standardised values, shape (..., series), the inputs of models."""
        scaled: Array = (values - np.array(self.means)) / np.array(self.standard_deviations)
        return scaled.astype(np.float32)

    def unscaled(self, values: Array) -> Array:
        """Return values in the unit of each series, shape (..., series)."""
        unscaled: Array = values * np.array(self.standard_deviations) + np.array(self.means)
        return unscaled

    def forecasts(self, outputs: Array) -> Array:
        """Return outputs in the units of the series, shape (examples, horizon, series)."""
        values = np.asarray(outputs, dtype=np.float64)
        return self.unscaled(values.reshape(len(values), self.horizon, len(self.series)))


def read_series(path: Path, time: str, columns: Sequence[str], gaps: Gaps) -> Series:
    """Read columns of a table as series, in the order of time.

    Parameters
    ----------
    path : Path
        A `.csv`, `.tsv` or `.parquet` file.
    time : str
        The column with the times: dates, or numbers such as years.
    columns : sequence of str
        The columns with the numbers.
    gaps : {"refuse", "fill", "ignore"}
        How missing times and values are treated: as an error, by repeating the last value before
        the gap, or, for missing times alone, by ignoring them.

    Raises
    ------
    RnnbenchError
        If the file cannot be read, times are invalid, ambiguous, repeated or have gaps, or values
        are missing or not numbers.
    """
    table = read_columns(path, [time, *columns])
    if table.empty:
        raise RnnbenchError(f"{path} has no rows")
    numbers = pd.DataFrame({name: _numbers(table[name], name, path) for name in columns})
    times = _times(table[time], time, path)
    _require_once(times, time, path)
    order = np.argsort(times.to_numpy(), kind="stable")
    numbers, moments = numbers.iloc[order], pd.Index(times.iloc[order])
    rows = table.index[order]
    numbers.index = moments
    for name in columns:
        if numbers[name].isna().all():
            raise RnnbenchError(f"the column {name!r} of {path} has no number")
    return _without_gaps(numbers, rows, gaps, path)


def windows(
    values: Values, scaling: Scaling, length: int, begin: int, end: int, stride: int
) -> Split:
    """Cut windows whose targets lie within a range of rows; their inputs may precede the range.

    Parameters
    ----------
    values : ndarray, shape (rows, series)
        All rows.
    scaling : Scaling
        Horizon and scale of the series.
    length : int
        Input rows of an example.
    begin, end : int
        The first row of the targets, and the row after the last one.
    stride : int
        Rows from one window to the next.

    Returns
    -------
    Split
        Inputs: float32, shape (examples, length, series). Targets: float32, shape (examples,
        horizon * series), with all series of a step next to each other.

    Raises
    ------
    RnnbenchError
        If the windows take more than 2 GiB.
    """
    origins = np.arange(max(begin, length), end - scaling.horizon + 1, stride)
    cells = len(origins) * (length + scaling.horizon) * values.shape[1]
    if cells * np.dtype(np.float32).itemsize > MOST_BYTES:
        raise RnnbenchError(
            f"{len(origins):,} windows of {length} steps take more than"
            f" {MOST_BYTES / 2**30:.0f} GiB; raise train_stride, or lower sequence_length"
        )
    scaled = scaling.scaled(values)
    seen = scaled[origins[:, np.newaxis] + np.arange(-length, 0)]
    following = scaled[origins[:, np.newaxis] + np.arange(scaling.horizon)]
    return Split(seen, following.reshape(len(origins), scaling.horizon * values.shape[1]))


def _numbers(cells: "pd.Series[Any]", name: str, path: Path) -> "pd.Series[float]":
    """Convert cells to numbers, empty cells to NaN."""
    empty = cells.isna() | (cells.astype(str).str.strip() == "")
    numbers = pd.to_numeric(cells.where(~empty), errors="coerce").astype(np.float64)
    strange = cells[~empty & ~np.isfinite(numbers)]
    if len(strange):
        raise RnnbenchError(
            f"the column {name!r} of {path} has {strange.iloc[0]!r} in row {strange.index[0]},"
            f" expected a number ({len(strange):,} cells are not numbers); write numbers such as"
            " 1234.5, and leave cells without a value empty"
        )
    return numbers


def _times(cells: "pd.Series[Any]", name: str, path: Path) -> "pd.Series[Any]":
    """Convert cells to numbers if all are numbers, otherwise to dates."""
    if pd.api.types.is_datetime64_any_dtype(cells):
        return _plain_dates(cells)
    numbers = pd.to_numeric(cells, errors="coerce")
    if numbers.notna().all():
        return numbers.astype(np.float64)
    try:
        return _plain_dates(pd.to_datetime(cells, format="ISO8601", utc=True))
    except (ValueError, TypeError):
        pass
    readings = [_dates(cells, day_first) for day_first in (False, True)]
    found = [reading for reading in readings if reading is not None]
    if not found:
        row = _first_odd_cell(cells, numbers)
        raise RnnbenchError(
            f"the column {name!r} of {path} has {row} where the other rows have times of another"
            " form; write all as numbers, or all as dates such as 2020-01-31 or 2020-01-31 13:00"
        )
    if len(found) > 1 and not found[0].equals(found[1]):
        raise RnnbenchError(
            f"in the column {name!r} of {path}, {cells.iloc[0]!r} can mean"
            f" {found[0].iloc[0]:%Y-%m-%d} or {found[1].iloc[0]:%Y-%m-%d}; write dates as"
            " 2020-01-31"
        )
    return found[0]


def _first_odd_cell(cells: "pd.Series[Any]", numbers: "pd.Series[Any]") -> str:
    """Describe the first cell unlike most others: no date among dates, or a date among numbers."""
    dates = pd.to_datetime(cells.astype(str), errors="coerce", utc=True, format="mixed")
    unlike = numbers.isna() if numbers.notna().mean() > 0.5 else dates.isna() | numbers.notna()  # noqa: PLR2004
    odd = cells[unlike] if unlike.any() else cells
    return f"{odd.iloc[0]!r} in row {odd.index[0]}"


def _dates(cells: "pd.Series[Any]", day_first: bool) -> "pd.Series[Any] | None":
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about formats that pandas cannot infer
            return _plain_dates(pd.to_datetime(cells, dayfirst=day_first))
    except (ValueError, TypeError):
        return None


def _plain_dates(dates: "pd.Series[Any]") -> "pd.Series[Any]":
    """Convert dates with a time zone to UTC without a zone."""
    if getattr(dates.dt, "tz", None) is not None:
        dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
    return dates


def _require_once(times: "pd.Series[Any]", name: str, path: Path) -> None:
    missing = times.index[times.isna()]
    if len(missing):
        raise RnnbenchError(
            f"row {missing[0]} of {path} has no time in the column {name!r} ({len(missing):,} rows"
            " have none); write one, or remove these rows"
        )
    repeated = times[times.duplicated()]
    if len(repeated):
        raise RnnbenchError(
            f"{path} has {len(repeated):,} rows with a time that an earlier row has:"
            f" {shown_time(repeated.iloc[0])} in row {repeated.index[0]}, for example; keep one"
            " row for each time, and give several series a column each"
        )


@dataclass(frozen=True)
class _Grid:
    """Times at a regular distance, from the first to the last time of the rows.

    Attributes
    ----------
    times : Index
        All times.
    places : ndarray of int, shape (rows,)
        Position of each row in `times`; -1 if it lies between two times.
    step : str
        Distance between two times, in words.
    """

    times: "pd.Index[Any]"
    places: npt.NDArray[np.intp]
    step: str


def _without_gaps(numbers: pd.DataFrame, rows: "pd.Index[Any]", gaps: Gaps, path: Path) -> Series:
    """Return series at every step, with gaps refused, filled or ignored."""
    lacking = numbers.isna().any(axis=1).to_numpy()
    count = int(lacking.sum())
    if count and gaps != "fill":
        raise RnnbenchError(
            f"{path} has no value in {count:,} rows, first in row {rows[lacking][0]}"
            f" ({shown_time(numbers.index[lacking][0])}); add the values, or repeat the last"
            " value before with `--gaps fill` (gaps: fill)"
        )
    if gaps == "ignore":
        return Series(numbers.index, numbers.to_numpy(), "row", 0)
    grid = _grid(numbers.index)
    if grid is None:
        raise RnnbenchError(
            f"the times of {path} have no regular distance:"
            f" {', '.join(map(shown_time, numbers.index[:NAMED]))}, …; {ADVICE}"
        )
    missing = np.setdiff1d(np.arange(len(grid.times)), grid.places)
    between = grid.places < 0
    if gaps == "refuse" and (len(missing) or between.any()):
        example = grid.times[missing[0]] if len(missing) else numbers.index[between][0]
        faults = [
            f"{len(missing):,} of {len(grid.times):,} times are missing" if len(missing) else "",
            f"{between.sum():,} are between two steps" if between.any() else "",
        ]
        raise RnnbenchError(
            f"{path} has a row every {grid.step}, but {' and '.join(filter(None, faults))},"
            f" {shown_time(example)} for example; {ADVICE}"
        )
    placed = np.full((len(grid.times), numbers.shape[1]), np.nan)
    placed[grid.places[~between]] = numbers[~between]
    filled = pd.DataFrame(placed, index=grid.times).ffill().dropna()
    return Series(filled.index, filled.to_numpy(), grid.step, count + len(missing))


def _grid(times: "pd.Index[Any]") -> _Grid | None:
    """Find the regular distance of rows; None if fewer than half of them have it."""
    if len(times) < 3:  # noqa: PLR2004
        return _Grid(times, np.arange(len(times)), "row")
    if isinstance(times, pd.DatetimeIndex):
        months = _months(times)
        if months is not None:
            return months
    distances = pd.Series(np.diff(times.to_numpy()))
    distance = distances.sort_values().iloc[len(distances) // 2]
    shares = (distances / distance).to_numpy(dtype=np.float64)
    if np.mean(np.abs(shares - 1.0) < TOLERANCE) < FREQUENT:
        return None
    if isinstance(times, pd.DatetimeIndex):
        regular = pd.Timedelta(distance)
        if regular == pd.Timedelta(days=1) and (times.dayofweek < SATURDAY).all():
            grid, step = pd.date_range(times[0], times[-1], freq="B"), "business day"
        else:
            grid, step = pd.date_range(times[0], times[-1], freq=regular), _in_words(regular)
        return _Grid(grid, grid.get_indexer(times), step)
    steps = ((times - times[0]) / distance).to_numpy()
    places = np.round(steps).astype(int)
    grid = pd.Index(times[0] + distance * np.arange(places[-1] + 1))
    words = "unit of time" if distance == 1.0 else f"{distance:g} units of time"
    return _Grid(grid, np.where(np.abs(steps - places) < TOLERANCE, places, -1), words)


def _months(times: pd.DatetimeIndex) -> _Grid | None:
    """Find a distance in months, for times on the same day of the month or on its last day."""
    last = bool(times.is_month_end.all())
    if not (last or times.day.nunique() == 1) or (times - times.normalize()).nunique() > 1:
        return None
    months = 12 * times.year.to_numpy() + times.month.to_numpy()
    distance = int(pd.Series(np.diff(months)).mode().iloc[0])
    if distance == 0:
        return None
    steps = (months - months[0]) / distance
    places = np.round(steps).astype(int)
    offsets = (pd.DateOffset(months=distance * number) for number in range(places[-1] + 1))
    grid = pd.DatetimeIndex([times[0] + offset for offset in offsets])
    if last:
        grid = grid + pd.offsets.MonthEnd(0)
    return _Grid(grid, np.where(steps == places, places, -1), _count(distance, "month"))


def _in_words(step: pd.Timedelta) -> str:
    parts = step.components
    named = ((parts.days, "day"), (parts.hours, "hour"), (parts.minutes, "minute"))
    words = [(count, unit) for count, unit in named if count]
    if len(words) == 1:
        return _count(*words[0])
    joined = " ".join(f"{count} {unit}{'s' * (count > 1)}" for count, unit in words)
    return joined or f"{step.total_seconds():g} seconds"


def _count(count: int, unit: str) -> str:
    return unit if count == 1 else f"{count} {unit}s"


def shown_time(time: Any) -> str:
    """Format a time for messages: a number, or a date without the time of day if it is midnight."""
    if isinstance(time, pd.Timestamp):
        return str(time.date()) if time == time.normalize() else str(time)
    return f"{time:g}"
