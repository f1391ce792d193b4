"""A repository without runs, and a run to log in it."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from rnnbench.tracking.store import DATABASE, make_default_store
from tests.tracking.runs_to_log import make_record, make_text_run, write_run


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without runs: MLflow takes seconds to make one."""
    folder = tmp_path_factory.mktemp("store")
    make_default_store(folder)
    return folder / DATABASE


@pytest.fixture
def store(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """The working directory's default store."""
    shutil.copy(database, tmp_path)
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")


@pytest.fixture
def record() -> dict[str, Any]:
    """What `run.json` says of `run`."""
    return make_record()


@pytest.fixture
def run(tmp_path: Path, record: dict[str, Any]) -> Path:
    """A run's folder, as training leaves it."""
    return write_run(tmp_path / "run", record)


@pytest.fixture
def text_run(run: Path, record: dict[str, Any]) -> Path:
    """The same with a model of text."""
    return make_text_run(run, record)
