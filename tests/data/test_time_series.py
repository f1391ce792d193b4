"""Series of a person's own file: times, gaps, scales, and windows that do not see the future."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.data.datasets.series import OwnSeries, SeriesView
from rnnbench.data.fetch import fetch
from rnnbench.data.prepare import prepare
from rnnbench.data.prepared import read_manifest, read_split, read_training_data
from rnnbench.data.time_series import Gaps, Scaling, Series, read_series, windows
from rnnbench.errors import RnnbenchError
from rnnbench.files import read_json
from rnnbench.params import Params

SCALING = Scaling(["a"], "t", "refuse", 2, 1, [0.0], [1.0], [1.0])


def read(path: Path, times: Any, values: Any, gaps: Gaps = "refuse") -> Series:
    pd.DataFrame({"time": times, "value": values}).to_csv(path / "series.csv", index=False)
    return read_series(path / "series.csv", "time", ["value"], gaps)


@pytest.mark.parametrize(
    ("times", "step"),
    [
        (pd.date_range("2020-01-31", periods=30, freq="ME"), "month"),
        (pd.date_range("1990-04-01", periods=30, freq="3MS"), "3 months"),
        (pd.date_range("2020-02-28", periods=30, freq="D"), "day"),
        (pd.date_range("2020-01-01", periods=30, freq="B"), "business day"),
        (pd.date_range("2020-01-01", periods=30, freq="90min"), "1 hour 30 minutes"),
        (pd.date_range("2020-03-28", periods=60, freq="h", tz="Europe/Berlin"), "hour"),
        (range(1700, 1730), "unit of time"),
        (np.arange(30) * 0.1, "0.1 units of time"),
        ([f"Jan {day} 2000" for day in range(1, 31)], "day"),
    ],
    ids=range(9),
)
def test_regular_times_are_recognised(times: Any, step: str, tmp_path: Path) -> None:
    series = read(tmp_path, times, np.arange(len(times)))
    assert series.step == step
    assert series.values[:, 0].tolist() == list(range(len(times)))
    assert series.filled == 0


def test_rows_are_put_in_the_order_of_time(tmp_path: Path) -> None:
    series = read(tmp_path, ["2020-01-03", "2020-01-01", "2020-01-02"], [3, 1, 2])
    assert series.values[:, 0].tolist() == [1, 2, 3]


DAYS = list(pd.date_range("2020-01-01", periods=10).strftime("%Y-%m-%d"))


@pytest.mark.parametrize(
    ("times", "values", "message"),
    [
        ([*DAYS[:4], DAYS[2]], range(5), "1 rows with a time .* 2020-01-03 in row 6"),
        ([*DAYS[:5], *DAYS[7:]], range(8), "every day, but 2 of 10 times are missing, 2020-01-06"),
        ([*DAYS[:9], "2020-01-09 12:00"], range(10), "1 are between two steps, 2020-01-09 12:00"),
        (["2020-01-01", "2020-01-02", "2020-01-05", "2020-02-01"], range(4), "no regular distance"),
        (DAYS, [*range(8), "many", 3], "'many' in row 10, expected a number"),
        (DAYS, ["1,5"] * 10, "'1,5' in row 2"),
        (DAYS, [0, 1, "", *range(7)], r"no value in 1 rows, first in row 4 \(2020-01-03\)"),
        (DAYS, [""] * 10, "'value' .* has no number"),
        ([*DAYS[:9], ""], range(10), "row 11 .* has no time"),
        ([*DAYS[:9], "later"], range(10), "'later' in row 11 where the other rows"),
        ([*DAYS[:9], 7], range(10), "'7' in row 11 where the other rows"),
        (["01/02/2020", "02/02/2020", "03/02/2020"], range(3), "can mean 2020-01-02 or 2020-02-01"),
    ],
)
def test_times_and_values_that_cannot_be_used_are_refused_in_words(
    times: Any, values: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(RnnbenchError, match=message):
        read(tmp_path, times, list(values))


def test_gaps_are_filled_with_the_past_or_ignored(tmp_path: Path) -> None:
    times, values = [*DAYS[:5], *DAYS[7:]], [0, 1, "", 3, 4, 7, 8, 9]
    filled = read(tmp_path, times, values, "fill")
    assert filled.values[:, 0].tolist() == [0, 1, 1, 3, 4, 4, 4, 7, 8, 9]
    assert filled.filled == 3
    ignored = read(tmp_path, times, range(8), "ignore")
    assert ignored.values[:, 0].tolist() == list(range(8))


def test_a_month_that_is_missing_is_named(tmp_path: Path) -> None:
    months = pd.date_range("2020-01-01", periods=12, freq="MS").delete(4)
    with pytest.raises(RnnbenchError, match=r"every month, but 1 of 12 times .*, 2020-05-01"):
        read(tmp_path, months, range(11))


def test_windows_see_what_lies_before_and_forecast_what_lies_within() -> None:
    values = np.arange(20, dtype=np.float64)[:, np.newaxis]
    split = windows(values, SCALING, length=3, begin=10, end=16, stride=2)
    assert split.inputs[:, :, 0].tolist() == [[7, 8, 9], [9, 10, 11], [11, 12, 13]]
    assert split.targets.tolist() == [[10, 11], [12, 13], [14, 15]]


def test_more_windows_than_fit_into_memory_are_refused() -> None:
    values = np.zeros((1_000_000, 5))
    scaling = Scaling(list("abcde"), "t", "refuse", 2, 1, [0.0] * 5, [1.0] * 5, [1.0] * 5)
    with pytest.raises(RnnbenchError, match=r"999,799 windows of 200 steps .* raise train_stride"):
        windows(values, scaling, length=200, begin=0, end=1_000_000, stride=1)


@pytest.fixture
def own(
    changed: Callable[..., Params], tmp_path: Path
) -> Callable[..., tuple[Path, "pd.DataFrame"]]:
    """Prepare a view of two series, after the rows from some on were changed."""

    def make(change_from: int | None = None, **view: Any) -> tuple[Path, pd.DataFrame]:
        generator = np.random.default_rng(0)
        table = pd.DataFrame(
            {
                "year": range(1900, 2000),
                "a": 1000 + generator.normal(size=100),
                "b": generator.normal(size=100).cumsum(),
            }
        )
        if change_from is not None:
            table.loc[change_from:, ["a", "b"]] += 1e6
        path = tmp_path / "own.csv"
        table.to_csv(path, index=False)
        given = {"path": str(path), "time": "year", "values": ["a", "b"]}
        changed(files={"series-own": given})
        cut = {"dataset": "series-own", "sequence_length": 5, "horizon": 3, "season": 2}
        params = changed("views", own={**cut, "validation_fraction": 0.25, **view})
        fetch("series-own", params, tmp_path / "raw")
        return prepare("own", params, tmp_path / "raw", tmp_path / "prepared"), table

    return make


def test_splits_are_in_the_order_of_time_with_scales_of_the_training_part(
    own: Callable[..., tuple[Path, pd.DataFrame]],
) -> None:
    folder, table = own(test_stride=3)
    data, test = read_training_data(folder / "fit"), read_split(folder / "test", "test")
    assert data.validation is not None
    # 100 rows: 60 to train, 20 for validation, 20 to test.
    assert [len(data.train), len(data.validation), len(test)] == [60 - 5 - 2, 20 - 2, 6]
    training = table[["a", "b"]].to_numpy()[:60]
    scaling = Scaling.from_facts(data.manifest.facts)
    assert scaling.means == pytest.approx(training.mean(axis=0))
    assert scaling.standard_deviations == pytest.approx(training.std(axis=0))
    assert scaling.naive_errors == pytest.approx(np.abs(training[2:] - training[:-2]).mean(axis=0))
    seen, following = scaling.unscaled(test.inputs), scaling.forecasts(test.targets)
    assert seen[0] == pytest.approx(table[["a", "b"]].to_numpy()[75:80], rel=1e-5)
    assert following[1] == pytest.approx(table[["a", "b"]].to_numpy()[83:86], rel=1e-5)
    assert read_manifest(folder / "test").facts["series"] == ["a", "b"]
    origin = read_json(folder / "test" / "origin.json")
    assert (origin["step"], origin["counts"]) == ("unit of time", {"train": 80, "test": 20})


@pytest.mark.parametrize(("first", "stays"), [(60, ["train"]), (80, ["train", "validation"])])
def test_what_comes_later_changes_nothing_that_is_before_it(
    first: int, stays: list[str], own: Callable[..., tuple[Path, pd.DataFrame]]
) -> None:
    def digests() -> dict[str, Any]:
        return {name: split["inputs"]["sha256"] + split["targets"]["sha256"] for name, split in
                read_manifest(folder / "fit").splits.items()}  # fmt: skip

    folder, _ = own()
    before, facts = digests(), read_manifest(folder / "fit").facts
    own(first)
    assert [name for name, digest in digests().items() if digest == before[name]] == stays
    assert read_manifest(folder / "fit").facts == facts


def test_a_view_that_leaves_no_window_or_no_season_is_refused(
    own: Callable[..., tuple[Path, pd.DataFrame]],
) -> None:
    with pytest.raises(RnnbenchError, match=r"validation part .* has 20 rows, too few"):
        own(horizon=21)
    with pytest.raises(ValueError, match="season is 7 and sequence_length 5"):
        SeriesView(dataset="series-own", sequence_length=5, horizon=1, season=7)


def test_a_series_that_is_constant_is_refused(
    tmp_path: Path, changed: Callable[..., Params]
) -> None:
    pd.DataFrame({"t": range(100), "v": [1.0] * 100}).to_csv(tmp_path / "own.csv", index=False)
    changed(files={"series-own": {"path": str(tmp_path / "own.csv"), "time": "t", "values": ["v"]}})
    view = {"dataset": "series-own", "sequence_length": 5, "horizon": 3}
    params = changed("views", own=view)
    fetch("series-own", params, tmp_path / "raw")
    with pytest.raises(RnnbenchError, match="'v' of series-own is constant"):
        prepare("own", params, tmp_path / "raw", tmp_path / "prepared")


@pytest.mark.parametrize(
    ("values", "message"),
    [(["a", "a"], "named twice"), (["t"], "cannot be both time and value"), ([], "at least 1")],
)
def test_columns_are_named_once(values: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OwnSeries(path="own.csv", time="t", values=values)
