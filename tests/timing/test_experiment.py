"""The stage `time` on a small experiment: its file, MLflow, and how it ends early."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from ruamel.yaml import YAML

from rnnbench.data.prepared import read_training_data
from rnnbench.errors import RnnbenchError
from rnnbench.files import read_json, write_json
from rnnbench.params import Params, parse_params
from rnnbench.runs import read_first_record
from rnnbench.timing.experiment import time_experiment
from rnnbench.timing.steps import Steps
from rnnbench.timing.subject import Subject
from rnnbench.tracking.runs import EXPERIMENT_TAG
from rnnbench.training.devices import DeviceUsage
from rnnbench.training.experiment import train_experiment
from tests.small_experiment import NAME, write_view
from tests.timing.test_worker import children, wait_until_ended

EXPERIMENT = f"digit-rows/{NAME}"
UNITS, PIXELS, STEPS, BATCH_SIZE = 8, 28, 28, 16
MULTIPLY_ADDS = STEPS * 3 * UNITS * (PIXELS + UNITS) + UNITS * 10


@pytest.fixture(scope="module")
def timed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a small experiment that was trained and timed, and what was printed."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / "dvc.yaml").touch()
    write_view(folder / "data" / "prepared" / "mnist-rows")
    content = YAML(typ="safe").load((root / "params.yaml").read_text())
    content["experiments"][NAME] |= {"seeds": 1, "epochs": 1, "batch_size": BATCH_SIZE}
    content["models"]["digits-gru"] = {"layer_1": {"type": "gru", "units": UNITS}}
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        train_experiment(NAME, parse_params(content, "params.yaml"))
        script = str(root / "stages" / "measure_times.py")
        answer = subprocess.run(
            [sys.executable, script, EXPERIMENT, "mnist-rows"], capture_output=True, text=True
        )
    assert answer.returncode == 0, answer.stderr
    return folder, answer.stdout


@pytest.fixture
def times(timed: tuple[Path, str]) -> dict[str, Any]:
    found: dict[str, Any] = read_json(timed[0] / "results" / EXPERIMENT / "times.json")
    return found


def test_both_ways_are_timed_with_quartiles_and_compiling_apart(times: dict[str, Any]) -> None:
    for way in ("stock", "compiled"):
        step = times[way]["step_milliseconds"]
        assert 0 < step["lower_quartile"] <= step["median"] <= step["upper_quartile"]
        assert 1000 * times[way]["compile_seconds"] > step["median"]
        assert times[way]["peak_memory_bytes"] > 2**27
    ratio = times["ratio"]
    assert 0 < ratio["lower_quartile"] <= ratio["median"] <= ratio["upper_quartile"]


def test_the_file_says_how_it_was_measured(times: dict[str, Any], timed: tuple[Path, str]) -> None:
    assert times["rounds"] == 5
    assert 3 <= times["batches"] <= 200
    assert times["batch_size"] == BATCH_SIZE
    record = read_first_record(timed[0] / "runs" / EXPERIMENT)
    assert times["environment"] == record["environment"]
    assert isinstance(times["timing_warnings"], list)


def test_multiply_adds_are_those_of_one_example(times: dict[str, Any]) -> None:
    assert times["multiply_adds"] == MULTIPLY_ADDS


def test_the_times_are_printed_and_stand_in_mlflow_with_the_experiment(
    times: dict[str, Any], timed: tuple[Path, str]
) -> None:
    folder, printed = timed
    assert printed.startswith(f"{EXPERIMENT}: stock ")
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    found = client.get_experiment_by_name("digit-rows")
    assert found is not None
    (parent,) = [
        run for run in client.search_runs([found.experiment_id]) if EXPERIMENT_TAG in run.data.tags
    ]
    logged = {key: value for key, value in parent.data.metrics.items() if "timing/" in key}
    assert logged["timing/compiled/compile_seconds"] == times["compiled"]["compile_seconds"]
    assert logged["timing/ratio/median"] == times["ratio"]["median"]
    assert logged["timing/multiply_adds"] == MULTIPLY_ADDS


@pytest.fixture
def untrained(workspace: tuple[Path, Params]) -> Path:
    """A working directory in which a run has a record and nothing else."""
    parameters = {"training": {"precision": "float32", "batch_size": 8}}
    folder = workspace[0] / "runs" / EXPERIMENT / "seed-1"
    folder.mkdir(parents=True)
    write_json(folder / "run.json", {"seed": 1, "parameters": parameters})
    return workspace[0]


def test_without_runs_it_says_what_to_do(workspace: tuple[Path, Params]) -> None:
    with pytest.raises(RnnbenchError, match=f"has no runs; `dvc repro train@{NAME}`"):
        time_experiment(EXPERIMENT, "mnist-rows")


def test_a_process_that_cannot_train_ends_the_stage_with_its_error(untrained: Path) -> None:
    with pytest.raises(RnnbenchError, match=r"(?s)'stock' ended with 1: .*'model'"):
        time_experiment(EXPERIMENT, "mnist-rows")
    assert not (untrained / "results").exists()


def test_ctrl_c_ends_the_processes_that_train(untrained: Path, root: Path) -> None:
    with subprocess.Popen(
        [sys.executable, root / "stages" / "measure_times.py", EXPERIMENT, "mnist-rows"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell that runs the tests in the background makes its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as stage:
        while len(processes := children(stage.pid)) < 2:
            assert stage.poll() is None
            time.sleep(0.05)
        os.killpg(stage.pid, signal.SIGINT)  # as Ctrl-C does: to all of the terminal
        _, errors = stage.communicate()
    wait_until_ended(processes)
    assert (stage.returncode, errors) == (130, "interrupted: no partial result was kept\n")
    assert not (untrained / "results").exists()


def test_an_experiment_that_diverges_is_timed_with_a_warning(
    workspace: tuple[Path, Params], changed: Callable[..., Params]
) -> None:
    changed("experiments", NAME, learning_rate=3e38, learning_rate_decay=0.0)
    experiment = changed("experiments", NAME, batch_size=8).experiments[NAME]
    subject = Subject(experiment.layers, experiment.training, seed=1, deterministic=False)
    data = read_training_data(workspace[0] / "data" / "prepared" / "mnist-rows" / "fit")
    with DeviceUsage() as usage:
        steps = Steps(subject, data, usage, compiled=False)
        steps.begin()
        steps.round(batches=3)
    assert "the loss was not finite" in steps.report()["timing_warnings"]
