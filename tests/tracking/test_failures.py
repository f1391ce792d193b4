"""A tracking server that fails costs nothing: one warning, whole files, and a record made later."""

import http.server
import multiprocessing
import resource
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from rnnbench.cli import main
from rnnbench.params import Params
from rnnbench.tracking.runs import RUN_TAG, TRAINED_TAG, Tracker, create_experiments
from rnnbench.tracking.sync import compare_with_server
from rnnbench.training.experiment import train_experiment
from tests.small_experiment import NAME, SEEDS
from tests.tracking.runs_to_log import log_everything, make_record, runs_of, write_run
from tests.tracking.servers import Server, tracking_server

WRITERS = 8


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = tracking_server(tmp_path / "server")
    server.start()
    yield server
    server.kill()


def processes() -> Any:
    """Processes that begin with TensorFlow imported: each import would take seconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rnnbench.tracking.models", "tests.tracking.runs_to_log"])
    return context


def log_with_a_failure(record: dict[str, Any], run: Path) -> Tracker:
    """Log as training does; whatever the server does, this ends and nothing is raised."""
    tracker = Tracker(record)
    with tracker.running():
        for epoch in (1, 2):
            tracker.log_epoch(epoch, {"loss": 0.7 / epoch})
        tracker.log_training(run)
    return tracker


def require_one_warning(said: str) -> None:
    assert said.count("warning: tracking is off for this run") == 1
    assert "`rnnbench track sync` makes up for it later" in said


@pytest.mark.slow
def test_a_server_that_dies_in_mid_training_and_comes_back_misses_nothing_after_a_sync(
    workspace: tuple[Path, Any],
    server: Server,
    changed: Callable[..., Params],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, _ = workspace
    params = changed("experiments", NAME, epochs=2)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    log_epoch = Tracker.log_epoch

    def die_after_an_epoch(tracker: Tracker, *epoch: Any) -> None:
        log_epoch(tracker, *epoch)
        server.kill()

    monkeypatch.setattr(Tracker, "log_epoch", die_after_an_epoch)
    train_experiment(NAME, params)
    said = capsys.readouterr().out
    # A warning for each run: the first was cut off, the second found no server.
    assert said.count("warning: tracking is off for this run") == len(SEEDS)
    for seed in SEEDS:
        run = folder / "runs" / "digit-rows" / NAME / f"seed-{seed}"
        assert {"model.keras", "run.json", "history.csv"} <= {path.name for path in run.iterdir()}
    server.start()
    answer = CliRunner().invoke(main, ["track", "sync"])
    assert answer.output.splitlines()[-1] == "2 runs were made or completed, 0 were whole"
    now = compare_with_server(folder)
    assert (len(now.missing), now.complete) == (0, len(SEEDS))
    client = MlflowClient(server.uri)
    experiment = client.get_experiment_by_name("digit-rows")
    assert experiment
    runs = client.search_runs([experiment.experiment_id], f"tags.`{RUN_TAG}` != ''")
    assert len(runs) == len(SEEDS)
    for logged in runs:
        epochs = client.get_metric_history(logged.info.run_id, "train/loss")
        assert sorted(metric.step for metric in epochs) == [1, 2]
        assert logged.outputs and len(logged.outputs.model_outputs) == 1
        assert logged.info.status == "FINISHED"


class Failing(http.server.BaseHTTPRequestHandler):
    """Answers 500 to everything, after `delay` seconds."""

    delay = 0.0

    def do_GET(self) -> None:
        time.sleep(self.delay)
        self.send_error(500)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("delay", [0.0, 3.0], ids=["answers 500", "is too slow"])
def test_a_server_that_fails_is_left_alone_after_one_warning(
    delay: float,
    store: MlflowClient,
    record: dict[str, Any],
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Failing, "delay", delay)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Failing) as failing:
        threading.Thread(target=failing.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{failing.server_port}")
        begun = time.monotonic()
        assert log_with_a_failure(record, run).failed
        assert time.monotonic() - begun < 15
        failing.shutdown()
    require_one_warning(capsys.readouterr().out)


def test_a_database_that_another_program_keeps_locked_is_left_alone_and_completed_later(
    store: MlflowClient, record: dict[str, Any], run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create_experiments(["imdb"], run.parent)
    with sqlite3.connect(run.parent / "mlflow.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert log_with_a_failure(record, run).failed
        other.execute("ROLLBACK")
    require_one_warning(capsys.readouterr().out)
    log_everything(record, run)
    assert runs_of(store)[1].data.tags[TRAINED_TAG] == "true"


def _log_on_a_full_disk(record: dict[str, Any], run: Path, said: Any) -> None:
    """In a process that may not make a file grow: the kernel refuses, as a full disk does."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    said.put(log_with_a_failure(record, run).failed)


def test_a_disk_that_is_full_stops_nothing_and_the_record_is_completed_later(
    store: MlflowClient, record: dict[str, Any], run: Path
) -> None:
    context = processes()
    said: Any = context.Queue()
    process = context.Process(target=_log_on_a_full_disk, args=(record, run, said))
    process.start()
    assert said.get(timeout=120)
    process.join()
    assert process.exitcode == 0
    log_everything(record, run)
    assert runs_of(store)[1].data.tags[TRAINED_TAG] == "true"


def _log_one_of_many(folder: Path, number: int) -> None:
    record = {**make_record(), "run_id": f"{number:032}", "experiment_id": f"{number:032}"}
    log_everything(record, write_run(folder / f"run-{number}", record))


@pytest.mark.slow
def test_eight_processes_that_log_at_once_lose_nothing(store: MlflowClient, tmp_path: Path) -> None:
    create_experiments(["imdb"], tmp_path)
    context = processes()
    writers = [
        context.Process(target=_log_one_of_many, args=(tmp_path, number))
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    experiment = store.get_experiment_by_name("imdb")
    assert experiment
    runs = store.search_runs([experiment.experiment_id], f"tags.`{RUN_TAG}` != ''")
    assert len(runs) == WRITERS
    for run in runs:
        assert run.data.tags[TRAINED_TAG] == "true"
        assert len(store.get_metric_history(run.info.run_id, "train/loss")) == 2
        assert run.outputs and len(run.outputs.model_outputs) == 1
