"""The tags of a sweep in MLflow."""

from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from rnnbench.params import Params
from rnnbench.sweep.tags import tag_runs
from rnnbench.tracking.runs import RUN_TAG
from tests.tracking.conftest import database, record, store  # noqa: F401 - fixtures
from tests.tracking.runs_to_log import write_run


def tags(store: MlflowClient, suite: str) -> list[dict[str, str]]:  # noqa: F811
    experiment = store.get_experiment_by_name(suite)
    assert experiment is not None
    return [dict(run.data.tags) for run in store.search_runs([experiment.experiment_id])]


def test_a_run_and_its_parent_are_made_and_tagged_and_can_belong_to_two_sweeps(
    store: MlflowClient,  # noqa: F811
    record: dict[str, Any],  # noqa: F811
    params: Params,
    tmp_path: Path,
) -> None:
    experiment = params.experiments[record["experiment"]]
    folder = tmp_path / "runs" / record["suite"] / experiment.name / f"seed-{record['seed']}"
    folder.parent.mkdir(parents=True)
    write_run(folder, record)
    tag_runs(tmp_path, "lr", "lr-2", [experiment])
    tag_runs(tmp_path, "size", "size-1", [experiment])
    found = tags(store, record["suite"])
    assert len(found) == 2
    assert [RUN_TAG in one for one in found].count(True) == 1
    for one in found:
        assert one["rnnbench.sweep.lr"] == "lr-2"
        assert one["rnnbench.sweep.size"] == "size-1"


def test_a_server_that_does_not_answer_stops_nothing(
    tmp_path: Path,
    record: dict[str, Any],  # noqa: F811
    params: Params,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    experiment = params.experiments[record["experiment"]]
    folder = tmp_path / "runs" / record["suite"] / experiment.name / "seed-42"
    folder.parent.mkdir(parents=True)
    write_run(folder, record)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nobody listens there
    tag_runs(tmp_path, "lr", "lr-2", [experiment])
    assert "warning: runs of lr-2 are not tagged in MLflow" in capsys.readouterr().out
