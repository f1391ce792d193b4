"""The combinations of a sweep: grids, random draws and rows of a file."""

import math
from pathlib import Path

import pytest

from rnnbench.errors import RnnbenchError
from rnnbench.sweep.combinations import MOST, Combination, draw, grid, read_rows, with_values

CONTENT = {"suites": {"adding": {"training": {"epochs": 20, "optimizer": "adam"}}}, "seeds": 5}
EPOCHS = "suites.adding.training.epochs"


def test_a_grid_has_each_combination_once_and_in_order() -> None:
    combinations = grid(["a=1,2,2", "+b=x", "c=range(0,2)"])
    assert [one.overrides for one in combinations] == [
        ("a=1", "+b=x", "c=0"),
        ("a=1", "+b=x", "c=1"),
        ("a=2", "+b=x", "c=0"),
        ("a=2", "+b=x", "c=1"),
    ]
    assert combinations[0].values == {"a": "1", "b": "x", "c": "0"}


def test_a_grid_that_is_too_large_is_refused_before_it_is_made() -> None:
    axes = [f"key_{number}=range(0,1000)" for number in range(6)]
    with pytest.raises(RnnbenchError, match=f"have 1{',000' * 6} combinations.* {MOST:,} at most"):
        grid(axes)


def test_a_draw_from_a_grid_repeats_none_and_follows_from_the_seed() -> None:
    axes = ["a=range(0,10)", "b=x,y"]
    drawn = draw(axes, 8, seed=1)
    assert len(set(drawn)) == 8
    assert set(drawn) < set(grid(axes))
    assert draw(axes, 8, seed=1) == drawn
    assert draw(axes, 8, seed=2) != drawn
    assert set(draw(axes, 50, seed=1)) == set(grid(axes))


def test_intervals_are_drawn_evenly_or_by_their_logarithm_and_integers_stay_integers() -> None:
    axes = ["a=interval(0.5,2.5)", "b=tag(log,interval(1e-4,1e-2))", "c=interval(1,3)"]
    drawn = [one.values for one in draw(axes, 500, seed=0)]
    a, b, c = ([float(values[key]) for values in drawn] for key in "abc")
    assert 0.5 <= min(a) < 0.6
    assert 2.4 < max(a) <= 2.5
    assert 1e-4 <= min(b) < max(b) <= 1e-2
    assert sum(math.log10(one) for one in b) / len(b) == pytest.approx(-3, abs=0.1)
    counts = [c.count(float(value)) for value in (1, 2, 3)]
    assert sum(counts) == len(drawn)
    assert min(counts) > 130


def test_rows_of_a_file_are_combinations_and_an_empty_cell_leaves_a_key_alone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('a,+b\n1,x\n2,\n,"[1,2]"\n')
    assert [one.overrides for one in read_rows(path)] == [("a=1", "+b=x"), ("a=2",), ("+b=[1,2]",)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "its first line names the keys"),
        ("a,b\n", "has 0 rows"),
        ("a,b\n1\n", "line 2 has 1 values for 2 keys"),
        ('a\n"1,2"\n', "a=1,2 has several values"),
        ("a,a\n1,2\n", "a is given twice"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    with pytest.raises(RnnbenchError, match=reason):
        read_rows(path)


def test_a_value_gets_the_type_that_dvc_gives_it() -> None:
    changed = with_values(CONTENT, Combination((f"{EPOCHS}=3", "seeds=1e-4", "+more=[a,true]")))
    assert changed["suites"]["adding"]["training"] == {"epochs": 3, "optimizer": "adam"}
    assert changed["seeds"] == 1e-4
    assert changed["more"] == ["a", True]
    assert CONTENT["seeds"] == 5


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("suites.adding.training.epoch=3", "'epoch' does not exist.*did you mean 'epochs'"),
        ("suites.adding.training.epochs.more=3", "params.yaml has no key"),
        ("+seeds=3", "exists in params.yaml already: leave the"),
    ],
)
def test_a_key_that_params_yaml_lacks_is_refused_with_what_was_meant(
    override: str, reason: str
) -> None:
    with pytest.raises(RnnbenchError, match=reason):
        with_values(CONTENT, Combination((override,)))


def test_a_combination_gets_another_value_of_a_key_once_and_an_added_key_stays_added() -> None:
    combination = Combination(("a=1", "+b.epochs=9"))
    assert combination.with_value("b.epochs", 3).overrides == ("a=1", "+b.epochs=3")
    assert combination.with_value("c.epochs", 3).overrides == ("a=1", "+b.epochs=9", "c.epochs=3")


@pytest.mark.parametrize("assignment", ["a", "a==1", "~a", "a=glob(*)", "a=interval(1,2)"])
def test_what_is_no_list_of_values_is_refused(assignment: str) -> None:
    with pytest.raises(RnnbenchError, match=r"KEY=VALUE|--random NUMBER"):
        grid([assignment])
