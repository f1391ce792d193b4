"""Processes that were killed leave nothing at the tracking server that stays wrong."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus

from rnnbench.tracking.metrics import flatten
from rnnbench.tracking.runs import TRAINED_TAG, Tracker, connect, model_of
from rnnbench.tracking.store import default_uri, make_default_store
from rnnbench.tracking.sync import compare_with_server
from tests.tracking.runs_to_log import runs_of

# Begin a training, say so, and wait to be killed.
TRAINING = """
import json, sys, time
from rnnbench.tracking.runs import Tracker
from rnnbench.tracking.unfinished import noted
record = json.loads(sys.argv[1])
with noted(record):
    Tracker(record).start()
    print("training", flush=True)
    time.sleep(600)
"""
# Be killed when MLflow opens the database to make its tables.
MAKING = """
import os, signal, sys
from pathlib import Path
from rnnbench.tracking.store import default_uri, make_default_store
def kill(event, _):
    if event == "sqlite3.connect":
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill)
make_default_store(Path.cwd())
"""


def test_runs_of_a_training_that_was_killed_are_ended_and_those_of_one_that_lives_are_not(
    store: MlflowClient, record: dict[str, Any], tmp_path: Path
) -> None:
    connect()  # the database is there
    command = [sys.executable, "-c", TRAINING, json.dumps(record)]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "training\n"
    compare_with_server(tmp_path)
    assert [run.info.status for run in runs_of(store)] == ["RUNNING", "RUNNING"]
    process.kill()
    process.communicate()
    compare_with_server(tmp_path)
    runs = runs_of(store)
    assert [run.info.status for run in runs] == ["KILLED", "KILLED"]
    assert all(run.info.end_time == run.info.start_time for run in runs), "nothing was heard since"
    assert list((tmp_path / ".dvc" / "tmp" / "trainings").iterdir()) == []


def test_a_database_whose_making_is_killed_is_made_by_the_next_process(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", MAKING], cwd=tmp_path)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "mlflow.db").exists()
    assert list(tmp_path.glob(".mlflow.db.*"))
    make_default_store(tmp_path)
    assert not list(tmp_path.glob(".mlflow.db.*"))
    client = MlflowClient(default_uri(tmp_path))
    assert [one.name for one in client.search_experiments()] == ["Default"]


def test_a_model_that_was_logged_in_part_is_logged_again(
    store: MlflowClient, record: dict[str, Any], run: Path
) -> None:
    tracker = Tracker(record)
    tracker.start()
    tracker.log_training(run)
    (logged,) = (one for one in runs_of(store) if TRAINED_TAG in one.data.tags)
    client = connect()
    first = model_of(client, logged)
    assert first
    client.finalize_logged_model(first, LoggedModelStatus.FAILED)
    client.delete_tag(logged.info.run_id, TRAINED_TAG)
    Tracker(record).log_training(run)
    again = client.get_run(logged.info.run_id)
    assert TRAINED_TAG in again.data.tags
    second = model_of(client, again)
    assert second not in (None, first)


def test_parameters_that_a_killed_process_did_not_come_to_are_logged(
    store: MlflowClient, record: dict[str, Any]
) -> None:
    without = Tracker({**record, "parameters": {}})
    without.start()
    assert [run.data.params for run in runs_of(store)] == [{}, {}]
    Tracker(record).start()
    expected = flatten(record["parameters"], separator=".")
    expected = {name: str(value) for name, value in expected.items()}
    assert [run.data.params for run in runs_of(store)] == [expected, expected]
