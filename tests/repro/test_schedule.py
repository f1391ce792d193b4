"""Which stage runs next, which not at all."""

import threading
from collections.abc import Callable

import pytest

from rnnbench.repro.schedule import Schedule

NEEDS = {
    "prepare@a": frozenset[str](),
    "prepare@b": frozenset[str](),
    "train@a": frozenset({"prepare@a"}),
    "train@b": frozenset({"prepare@b"}),
    "evaluate@a": frozenset({"train@a"}),
    "evaluate@b": frozenset({"train@b"}),
    "compare@all": frozenset({"evaluate@a", "evaluate@b"}),
    "report": frozenset({"compare@all"}),
}


def work_off(schedule: Schedule, succeeds: Callable[[str], bool] = lambda _: True) -> list[str]:
    order = []
    while (stage := schedule.next()) is not None:
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
    assert schedule.next() == "prepare@b"


def test_a_failure_stops_only_what_depends_on_it_and_tables_are_made_all_the_same() -> None:
    schedule = Schedule(list(NEEDS), NEEDS, {})
    order = work_off(schedule, lambda stage: stage != "prepare@a")
    assert schedule.failed == ["prepare@a"]
    assert sorted(schedule.skipped) == ["evaluate@a", "train@a"]
    assert order[-3:] == ["evaluate@b", "compare@all", "report"]


def test_a_stage_is_held_back_while_what_it_needs_runs() -> None:
    schedule = Schedule(["train@a", "evaluate@a"], NEEDS, {})
    assert schedule.next() == "train@a"
    taken: list[str | None] = []
    waiting = threading.Thread(target=lambda: taken.append(schedule.next()))
    waiting.start()
    waiting.join(0.2)
    assert taken == []
    schedule.end("train@a", succeeded=True)
    waiting.join(10)
    assert taken == ["evaluate@a"]


def test_nothing_is_handed_out_after_a_stop() -> None:
    schedule = Schedule(list(NEEDS), NEEDS, {})
    schedule.stop()
    assert schedule.next() is None


def test_what_is_left_is_told_from_past_times_and_from_stages_alike() -> None:
    schedule = Schedule(["train@a", "train@b"], NEEDS, {"train@a": 30.0})
    assert schedule.remaining_seconds == pytest.approx(60.0)
    assert Schedule(["train@a"], NEEDS, {}).remaining_seconds is None


def test_the_gpu_is_given_to_as_many_stages_as_it_has_memory_for() -> None:
    seconds = {"train@a": 60.0, "train@b": 30.0}
    schedule = Schedule(["train@a", "train@b", "report"], NEEDS, seconds, most_on_gpu=1)
    assert schedule.next() == "train@a"
    assert schedule.next() == "report"
    schedule.end("train@a", succeeded=True)
    assert schedule.next() == "train@b"
