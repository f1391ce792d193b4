"""Which stage runs next, which not at all."""

from collections.abc import Callable

import pytest

from rnnbench.repro.schedule import SECONDS_ELSEWHERE, Schedule

NEEDS = {
    "prepare@a": frozenset[str](),
    "prepare@b": frozenset[str](),
    "train@a": frozenset({"prepare@a"}),
    "train@b": frozenset({"prepare@b"}),
    "time@a": frozenset({"prepare@a"}),
    "evaluate@a": frozenset({"train@a"}),
    "evaluate@b": frozenset({"train@b"}),
    "compare@all": frozenset({"evaluate@a", "evaluate@b", "time@a"}),
    "report": frozenset({"compare@all"}),
}


def work_off(schedule: Schedule, succeeds: Callable[[str], bool] = lambda _: True) -> list[str]:
    order = []
    while (stage := schedule.begin()) is not None:
        order.append(stage)
        schedule.end(stage, succeeds(stage))
    return order


def test_every_stage_runs_once_and_after_what_it_needs() -> None:
    order = work_off(Schedule(list(NEEDS), NEEDS, {}))
    assert sorted(order) == sorted(NEEDS)
    for stage, needed in NEEDS.items():
        assert all(order.index(one) < order.index(stage) for one in needed)


def test_stages_that_are_up_to_date_are_not_waited_for() -> None:
    assert work_off(Schedule(["evaluate@a"], NEEDS, {})) == ["evaluate@a"]


def test_of_what_can_run_the_longest_begins() -> None:
    schedule = Schedule(list(NEEDS), NEEDS, {"prepare@a": 1.0, "prepare@b": 60.0})
    assert schedule.begin() == "prepare@b"


def test_a_failure_stops_only_what_depends_on_it_and_tables_are_made_all_the_same() -> None:
    schedule = Schedule(list(NEEDS), NEEDS, {})
    order = work_off(schedule, lambda stage: stage != "prepare@a")
    assert schedule.failed == ["prepare@a"]
    assert sorted(schedule.skipped) == ["evaluate@a", "time@a", "train@a"]
    assert order[-3:] == ["evaluate@b", "compare@all", "report"]


def test_a_stage_is_held_back_while_what_it_needs_runs() -> None:
    schedule = Schedule(["train@a", "evaluate@a"], NEEDS, {})
    assert schedule.begin() == "train@a"
    assert schedule.begin() is None
    schedule.end("train@a", succeeded=True)
    assert schedule.begin() == "evaluate@a"


def test_a_stage_that_runs_alone_begins_when_nothing_else_runs_or_can_begin() -> None:
    schedule = Schedule(["time@a", "train@a", "evaluate@a"], NEEDS, {}, alone=["time@a"])
    assert schedule.begin() == "train@a", "others first, so that the machine is emptied once"
    assert schedule.begin() is None
    schedule.end("train@a", succeeded=True)
    assert schedule.begin() == "evaluate@a"
    schedule.end("evaluate@a", succeeded=True)
    assert schedule.begin() == "time@a"


def test_beside_a_stage_that_runs_alone_nothing_begins() -> None:
    schedule = Schedule(["prepare@a", "time@a", "train@a"], NEEDS, {}, alone=["prepare@a"])
    assert schedule.begin() == "prepare@a"
    assert schedule.begin() is None
    schedule.end("prepare@a", succeeded=True)
    assert {schedule.begin(), schedule.begin()} == {"time@a", "train@a"}


def test_what_is_left_is_told_from_past_times_and_from_stages_alike() -> None:
    schedule = Schedule(["train@a", "train@b"], NEEDS, {"train@a": 30.0})
    assert schedule.remaining_seconds == pytest.approx(60.0)


def test_a_first_run_knows_about_how_long_a_stage_takes() -> None:
    schedule = Schedule(["train@a"], NEEDS, {})
    assert schedule.remaining_seconds == SECONDS_ELSEWHERE["train"]


def test_the_gpu_is_given_to_as_many_stages_as_it_has_memory_for() -> None:
    seconds = {"train@a": 60.0, "train@b": 30.0}
    schedule = Schedule(["train@a", "train@b", "report"], NEEDS, seconds, most_on_gpu=1)
    assert schedule.begin() == "train@a"
    assert schedule.begin() == "report"
    assert schedule.begin() is None
    schedule.end("train@a", succeeded=True)
    assert schedule.begin() == "train@b"
