"""What DVC says of this repository's own stages."""

from pathlib import Path

import pytest

from rnnbench.errors import RnnbenchError
from rnnbench.params import Params
from rnnbench.repro.environment import stage_environment
from rnnbench.repro.graph import Needs, read_needs, with_what_follows, with_what_they_need


@pytest.fixture(scope="module")
def needs(root: Path) -> Needs:
    """The graph of this repository."""
    return read_needs(root, stage_environment(root))


def test_every_experiment_is_trained_and_evaluated_on_its_view(
    needs: Needs, params: Params
) -> None:
    for name, experiment in params.experiments.items():
        assert needs[f"train@{name}"] == {f"prepare@{experiment.view}"}
        assert f"train@{name}" in needs[f"evaluate@{name}"]
        assert f"evaluate@{name}" in needs[f"compare@{experiment.suite}"]


def test_a_target_brings_what_it_needs_and_no_more(needs: Needs) -> None:
    assert with_what_they_need(["evaluate@mnist-gru"], needs) == {
        "fetch@mnist",
        "prepare@mnist-rows",
        "train@mnist-gru",
        "evaluate@mnist-gru",
    }


def test_a_change_brings_what_depends_on_it_and_no_more(needs: Needs) -> None:
    assert with_what_follows(["train@mnist-gru"], needs) == {
        "train@mnist-gru",
        "evaluate@mnist-gru",
        "compare@digit-rows",
        "report",
    }


def test_a_kind_of_stage_is_a_target(needs: Needs, params: Params) -> None:
    trained = {stage for stage in with_what_they_need(["train"], needs) if "train@" in stage}
    assert trained == {f"train@{name}" for name in params.experiments}


def test_a_target_that_does_not_exist_says_what_does(needs: Needs) -> None:
    with pytest.raises(RnnbenchError, match=r"no stage 'train@mnist'.*dvc stage list.*fetch"):
        with_what_they_need(["train@mnist"], needs)
