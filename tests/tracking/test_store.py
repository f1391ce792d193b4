"""Where runs go, and what made them."""

import os
import subprocess
from pathlib import Path

import mlflow
import pytest

from rnnbench.tracking.identity import dvc_stage, made_from
from rnnbench.tracking.runs import connect, find_or_create_experiment
from rnnbench.tracking.store import artifact_location, default_uri, repository_root, tracking_uri


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def test_the_default_store_is_sqlite_in_the_root_by_absolute_path(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = repository / "src" / "package"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert tracking_uri() == f"sqlite:///{repository}/mlflow.db"
    assert artifact_location() == (repository / "mlartifacts").as_uri()


@pytest.mark.parametrize("copy", [".dvc/tmp/exps/tmpabc", ".dvc/tmp/exps/standalone/tmpabc"])
def test_a_temporary_copy_of_dvc_logs_to_the_repository_it_came_from(
    copy: str, repository: Path
) -> None:
    workspace = repository / copy
    workspace.mkdir(parents=True)
    (workspace / "dvc.yaml").touch()
    assert repository_root(workspace) == repository
    assert default_uri(repository_root(workspace)) == tracking_uri()


def test_a_path_with_signs_that_mean_something_in_addresses_holds_database_and_artifacts(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = repository / "a b ü #1 50%25,?x"
    root.mkdir()
    (root / "dvc.yaml").touch()
    monkeypatch.chdir(root)
    client = connect()
    run = client.create_run(find_or_create_experiment(client, "suite")).info.run_id
    client.log_text(run, "text", "file.txt")
    assert sorted(path.name for path in root.iterdir()) == [
        "dvc.yaml",
        "mlartifacts",
        "mlflow.db",
        "mlflow.db.lock",
    ]
    assert mlflow.artifacts.load_text(f"runs:/{run}/file.txt") == "text"


def test_a_named_server_is_respected_and_keeps_artifacts_itself(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert tracking_uri() == "http://127.0.0.1:5000"
    assert artifact_location() is None


@pytest.mark.parametrize(
    ("named", "store", "artifacts"),
    [
        ("sqlite:///mlflow.db", "sqlite:///{root}/mlflow.db", "{root}/mlartifacts"),
        (" sqlite:///runs/my.db\n", "sqlite:///{root}/runs/my.db", "{root}/runs/mlartifacts"),
        ("sqlite:////srv/a/mlflow.db", "sqlite:////srv/a/mlflow.db", "/srv/a/mlartifacts"),
        ("postgresql://me@db/mlflow", "postgresql://me@db/mlflow", "{root}/mlartifacts"),
        ("", "sqlite:///{root}/mlflow.db", "{root}/mlartifacts"),
        ("databricks", "databricks", None),
    ],
)
def test_a_database_is_the_same_from_every_folder_and_has_its_artifacts_beside_it(
    named: str,
    store: str,
    artifacts: str | None,
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", named)
    (repository / "src").mkdir()
    for folder in (repository, repository / "src"):
        monkeypatch.chdir(folder)
        assert tracking_uri() == store.format(root=repository)
        expected = artifacts and Path(artifacts.format(root=repository)).as_uri()
        assert artifact_location() == expected


def test_user_and_password_of_a_server_reach_mlflow_apart_from_its_address(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")  # so that they are as before after the test
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:ge%40heim@bench.example:5000/x")
    connect()
    assert tracking_uri() == os.environ["MLFLOW_TRACKING_URI"] == "https://bench.example:5000/x"
    given = [os.environ[f"MLFLOW_TRACKING_{part}"] for part in ("USERNAME", "PASSWORD")]
    assert given == ["me", "ge@heim"]


def test_the_commit_and_whether_the_tree_was_dirty_are_known(repository: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)

    assert set(made_from()) == {"source_digest"}
    git("init")
    (repository / "results").mkdir()
    (repository / "results" / "metrics.json").write_text("{}")
    git("add", ".")
    git("commit", "-m", "first")
    clean = made_from()
    assert len(clean["git_commit"]) == 40
    assert clean["git_dirty"] is False
    (repository / "results" / "metrics.json").write_text('{"accuracy": 1}')
    assert made_from()["git_dirty"] is False, "what the pipeline writes is not a change of it"
    (repository / "dvc.yaml").write_text("stages: {}")
    changed = made_from()
    assert changed["git_dirty"] is True
    (repository / "dvc.yaml").write_text("stages: {another: {}}")
    assert made_from()["git_diff_digest"] != changed["git_diff_digest"]


def test_the_stage_is_the_one_that_dvc_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_STAGE", raising=False)
    assert dvc_stage("train@x") == "train@x"
    monkeypatch.setenv("DVC_STAGE", "train@y")
    assert dvc_stage("train@x") == "train@y"
