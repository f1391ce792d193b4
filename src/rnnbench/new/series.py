"""`rnnbench new series`: forecasting of series from a user's own file."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnbench.data.datasets.series import KIND, OwnSeries, test_begins, validation_begins
from rnnbench.data.time_series import Series, Values, read_series, shown_time
from rnnbench.errors import RnnbenchError
from rnnbench.new.entries import add_entries, require_free
from rnnbench.new.suite import Suite, listed, name_for, quoted, stored_path
from rnnbench.params import PARAMS_FILE, read_yaml

UNITS = 32
MOST_EPOCHS = 60  # with more, a network overfits few windows
SHORTEST_WINDOW, LONGEST_WINDOW = 10, 200
SEASONS_SEEN = 2
MOST_TRAIN_WINDOWS = 20_000
FEWEST_TRAIN_WINDOWS = 20
FEWEST_TEST_WINDOWS = 20  # without overlap; with fewer, windows overlap
# Autocorrelation of changes below which a series is taken to have no season.
WEAKEST_SEASON = 0.2
NEAR_THE_BEST = 0.9  # multiples of the season are about as strong; the shortest is taken
ROWS_LOOKED_AT = 20_000


@dataclass(frozen=True)
class Windows:
    """How a view cuts series into windows.

    Attributes
    ----------
    length, horizon, season : int
        Input steps, steps to forecast, and steps after which the series are expected to repeat.
    train_stride, test_stride : int
        Rows from one window to the next.
    train, test : int
        Numbers of windows.
    """

    length: int
    horizon: int
    season: int
    train_stride: int
    test_stride: int
    train: int
    test: int


def new_series(
    root: Path,
    path: Path,
    name: str | None,
    settings: OwnSeries,
    horizon: int,
    season: int | None,
    validation_fraction: float,
) -> str:
    """Inspect a file of series and add its data set, view and suite to `params.yaml`.

    Parameters
    ----------
    root : Path
        The repository.
    path : Path
        The table.
    name : str or None
        Name of the suite and its view; None to derive it from the path.
    settings : OwnSeries
        Settings by which the file is read.
    horizon : int
        Steps to forecast.
    season : int or None
        Steps after which the series repeat, 1 for none; None to estimate it from the training rows.
    validation_fraction : float
        Share of the rows before the test split that is held out.

    Returns
    -------
    str
        The findings, the file that was written and the commands to run next.

    Raises
    ------
    RnnbenchError
        If the file cannot be used or the name is taken; nothing is written then.
    """
    suite_name, params_file = name_for(name, path), root / PARAMS_FILE
    dataset = f"{KIND}-{suite_name}"
    require_free(
        read_yaml(params_file), {"files": [dataset], "views": [suite_name], "suites": [suite_name]}
    )
    series = read_series(path, settings.time, settings.values, settings.gaps)
    test_begin = test_begins(len(series.values), settings.test_fraction)
    held_out = validation_begins(test_begin, validation_fraction)
    found = season or estimate_season(series.values[:held_out])
    cut = _cut(path, len(series.values), test_begin, held_out, horizon, found)
    suite = Suite(
        name=suite_name,
        title=f"Forecasts of {suite_name}",
        view=_view(cut, validation_fraction, estimated=season is None),
        units=UNITS,
        sequence_length=cut.length,
        train_examples=cut.train,
        most_epochs=MOST_EPOCHS,
        predict_from=f"{path}   # forecasts the steps after its last rows",
    )
    require_free(read_yaml(params_file), suite.names(dataset))
    stored = settings.model_copy(update={"path": stored_path(path, root)})
    params = add_entries(params_file, suite.blocks(dataset, _settings_lines(stored)))
    findings = _findings(series, cut, settings, estimated=season is None)
    return "\n".join([*findings, f"Written to {params_file}.", suite.next_steps(params)])


def estimate_season(training: Values) -> int:
    """Estimate after how many steps series repeat, by the autocorrelation of their changes.

    Changes from step to step are used since a trend correlates a series with itself at any lag. The
    season is the shortest lag with a peak near the highest one, after the first negative
    autocorrelation: up to there, neighbouring steps resemble each other.

    Parameters
    ----------
    training : ndarray, shape (rows, series)
        Rows of the training part alone.

    Returns
    -------
    int
        The season in steps; 1 if there is no clear season.
    """
    changes = np.diff(training[-ROWS_LOOKED_AT:], axis=0)
    changes = changes - changes.mean(axis=0)
    power = np.maximum((changes**2).sum(axis=0), np.finfo(np.float64).tiny)
    longest = min(len(changes) // 3, LONGEST_WINDOW)
    strengths = np.array(
        [
            ((changes[lag:] * changes[:-lag]).sum(axis=0) / power).mean()
            for lag in range(1, longest + 1)
        ]
    )
    negative = np.flatnonzero(strengths < 0)
    if not len(negative):
        return 1
    padded = np.append(strengths, -1.0)
    peaks = [
        at
        for at in range(max(negative[0], 1), len(strengths))
        if padded[at] >= padded[at - 1] and padded[at] >= padded[at + 1]
    ]
    if not peaks or strengths[peaks].max() < WEAKEST_SEASON:
        return 1
    near = NEAR_THE_BEST * strengths[peaks].max()
    return next(at for at in peaks if strengths[at] >= near) + 1


def _cut(
    path: Path, rows: int, test_begin: int, held_out: int, horizon: int, season: int
) -> Windows:
    """Choose the lengths and strides of windows."""
    wanted = max(SEASONS_SEEN * season, SEASONS_SEEN * horizon, SHORTEST_WINDOW)
    length = max(season, min(wanted, LONGEST_WINDOW, held_out // 4))
    windows = held_out - length - horizon + 1
    if windows < FEWEST_TRAIN_WINDOWS or rows - test_begin < horizon:
        raise RnnbenchError(
            f"{path} has {rows:,} steps, {held_out:,} of them for training: too few for windows of"
            f" {length} steps with {horizon} to forecast; take a shorter --horizon or --season, or"
            " a file with more steps"
        )
    test = rows - test_begin - horizon + 1
    train_stride = math.ceil(windows / MOST_TRAIN_WINDOWS)
    test_stride = max(1, min(horizon, test // FEWEST_TEST_WINDOWS))
    return Windows(
        length,
        horizon,
        season,
        train_stride,
        test_stride,
        math.ceil(windows / train_stride),
        math.ceil(test / test_stride),
    )


def _view(cut: Windows, validation_fraction: float, estimated: bool) -> str:
    how = "estimated from the training rows; 1: none" if estimated else "1: none"
    apart = "" if cut.test_stride == cut.horizon else "; they overlap"
    return (
        f"    sequence_length: {cut.length}   # steps that a network sees\n"
        f"    horizon: {cut.horizon}   # steps that it forecasts\n"
        f"    season: {cut.season}   # steps after which the series repeat ({how})\n"
        f"    train_stride: {cut.train_stride}   # steps from one training window to the next\n"
        f"    test_stride: {cut.test_stride}   # steps from one test window to the next{apart}\n"
        f"    validation_fraction: {validation_fraction}   # share of the steps before the test"
        " split, at their end\n"
    )


def _settings_lines(settings: OwnSeries) -> str:
    return (
        f"    path: {quoted(settings.path)}\n"
        f"    time: {quoted(settings.time)}   # the column with the times\n"
        f"    values: {listed(settings.values)}   # the columns with the series\n"
        f"    gaps: {settings.gaps}   # refuse, fill (with the last value) or ignore\n"
        f"    test_fraction: {settings.test_fraction}   # share of the steps, at the end\n"
    )


def _findings(series: Series, cut: Windows, settings: OwnSeries, estimated: bool) -> list[str]:
    """Describe the file in sentences."""
    count = len(settings.values)
    regular = f"one row every {series.step}" if settings.gaps != "ignore" else "one step per row"
    found = [
        f"{len(series.values):,} steps of {count} series, {regular}, from"
        f" {shown_time(series.times[0])} to {shown_time(series.times[-1])}."
    ]
    if series.filled:
        found.append(f"{series.filled:,} of the steps had no value and repeat the last one.")
    if estimated:
        found.append(
            f"The season was estimated as {cut.season} steps; --season sets another."
            if cut.season > 1
            else f"No season of at most {LONGEST_WINDOW} steps was found; --season sets one."
        )
    found.append(f"{cut.train:,} windows to train and {cut.test:,} to test.")
    if cut.test_stride < cut.horizon:
        found.append(
            f"Test windows begin {cut.test_stride} steps apart and overlap, since there would be"
            f" fewer than {FEWEST_TEST_WINDOWS} otherwise: their errors resemble each other, and"
            " intervals are narrower than they should be."
        )
    return found
