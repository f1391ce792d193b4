"""What DVC says of a small pipeline."""

import os
from pathlib import Path
from typing import Any

import pytest

from rnnbench.errors import RnnbenchError
from rnnbench.repro.pipeline import Pipeline, read_pipeline
from rnnbench.repro.worker import reproduce
from tests.repro.repository import make_repository

EACH: dict[str, Any] = {"foreach": ["a", "b"]}
STAGES = {
    "prepare": {**EACH, "do": {"cmd": "echo ${item} > ${item}", "outs": ["${item}"]}},
    "train": {**EACH, "do": {"cmd": "true", "deps": ["${item}"], "outs": ["model-${item}"]}},
    "time": {"cmd": "true", "deps": ["a"], "outs": ["t"], "meta": {"alone": True}},
    "compare": {"cmd": "true", "deps": ["model-a", "model-b", "t"], "outs": ["table"]},
}
ALL = {"prepare@a", "prepare@b", "train@a", "train@b", "time", "compare"}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The pipeline when nothing has run."""
    return read_pipeline(make_repository(tmp_path_factory.mktemp("repository"), STAGES))


def test_a_stage_needs_those_whose_outputs_it_reads(pipeline: Pipeline) -> None:
    assert pipeline.needs == {
        "prepare@a": frozenset(),
        "prepare@b": frozenset(),
        "train@a": {"prepare@a"},
        "train@b": {"prepare@b"},
        "time": {"prepare@a"},
        "compare": {"train@a", "train@b", "time"},
    }


def test_dvc_yaml_marks_the_stages_that_run_alone(pipeline: Pipeline) -> None:
    assert pipeline.alone == {"time"}


def test_a_target_brings_what_it_needs_and_no_more(pipeline: Pipeline) -> None:
    assert pipeline.out_of_date() == ALL
    assert pipeline.out_of_date(["train@a"]) == {"prepare@a", "train@a"}
    assert pipeline.out_of_date(["train"]) == {"prepare@a", "train@a", "prepare@b", "train@b"}


def test_a_change_brings_what_depends_on_it_and_no_more(pipeline: Pipeline) -> None:
    changed = Pipeline(pipeline.needs, frozenset({"train@a"}), pipeline.alone)
    assert changed.out_of_date() == {"train@a", "compare"}
    assert changed.out_of_date(["train@b"]) == set()


def test_a_target_that_does_not_exist_says_what_does(pipeline: Pipeline) -> None:
    with pytest.raises(RnnbenchError, match=r"no stage 'train@c'.*dvc stage list.*prepare, train"):
        pipeline.out_of_date(["train@a", "train@c"])


def test_what_has_run_is_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make_repository(tmp_path, STAGES))
    reproduce("prepare@a")
    assert read_pipeline(tmp_path).changed == ALL - {"prepare@a"}


def test_a_pipeline_that_cannot_be_read_is_an_error_with_the_reason(tmp_path: Path) -> None:
    make_repository(tmp_path, {"train": {"command": "true"}})
    with pytest.raises(RnnbenchError, match=r"dvc\.yaml"):
        read_pipeline(tmp_path)


@pytest.mark.parametrize("given", ["HOME", "USER"])
def test_a_user_without_a_home_or_a_name_is_told_to_name_both(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_repository(tmp_path, STAGES)
    for name in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(given, str(tmp_path))
    monkeypatch.setattr(os, "getuid", lambda: 64_001)  # of whom the system knows nothing
    with pytest.raises(RnnbenchError, match="DVC needs both: let HOME name a folder"):
        read_pipeline(tmp_path)
