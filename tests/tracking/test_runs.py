"""Runs in a real MLflow store: complete, found again, and never in training's way."""

from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from rnnbench.tracking.runs import EXPERIMENT_TAG, RUN_TAG, Tracker, flatten
from rnnbench.training.devices import environment

HISTORY = [
    {"epoch": 1, "train/loss": 0.7, "validation/loss": 0.8},
    {"epoch": 2, "train/loss": 0.5, "validation/loss": 0.6},
]
TIMING = {
    "epoch_seconds": [2.0, 1.0],
    "step_milliseconds": {"p50": 10.0, "p95": 20.0},
    "compile_seconds": 1.5,
    "examples_per_second": 640.0,
    "device": "cpu",
}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")


@pytest.fixture
def record() -> dict[str, Any]:
    return {
        "run_id": "a" * 32,
        "experiment_id": "b" * 32,
        "experiment": "imdb-lstm",
        "suite": "first-look",
        "view": "imdb-20k-200",
        "dataset": "imdb",
        "data_route": "registry",
        "data_digest": "c" * 32,
        "citation": "Maas et al. 2011",
        "seed": 42,
        "stage": "train@imdb-lstm",
        "git_commit": "d" * 40,
        "git_dirty": False,
        "parameters": {"training": {"learning_rate": 0.001}, "view": {"padding": "pre"}},
        "layer_parameters": {"layer_1_dense": 4},
        "environment": environment(),
    }


@pytest.fixture
def model() -> keras.Model:
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])


EXAMPLE = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]], dtype=np.float32)


def runs_of(store: MlflowClient) -> tuple[Run, Run]:
    """The parent and the child."""
    experiment = store.get_experiment_by_name("first-look")
    assert experiment is not None
    found = store.search_runs([experiment.experiment_id])
    assert len(found) == 2
    parent = next(run for run in found if EXPERIMENT_TAG in run.data.tags)
    child = next(run for run in found if RUN_TAG in run.data.tags)
    return parent, child


def log_everything(record: dict[str, Any], model: keras.Model) -> None:
    tracker = Tracker(record)
    with tracker.running():
        tracker.log_epoch(1, {"train/loss": 0.7, "validation/loss": 0.8})
        tracker.log_training(HISTORY, TIMING, model, EXAMPLE)
    assert not tracker.failed


def test_a_run_has_parameters_epochs_timing_tags_data_set_and_parent(
    store: MlflowClient, record: dict[str, Any], model: keras.Model
) -> None:
    log_everything(record, model)
    parent, child = runs_of(store)
    assert child.data.params["training.learning_rate"] == "0.001"
    assert child.data.params["view.padding"] == "pre"
    assert child.data.params["model.parameters"] == "4"
    for name, expected in (("train/loss", [0.7, 0.5]), ("timing/epoch_seconds", [2.0, 1.0])):
        logged = store.get_metric_history(child.info.run_id, name)
        assert [(metric.step, metric.value) for metric in logged] == list(enumerate(expected, 1))
    assert child.data.metrics["timing/step_milliseconds/p95"] == 20.0
    assert child.data.metrics["timing/compile_seconds"] == 1.5
    tags = child.data.tags
    assert tags["seed"] == "42"
    assert tags["stage"] == "train@imdb-lstm"
    assert tags["git_dirty"] == "False"
    assert tags["data_route"] == "registry"
    assert tags["timing.device"] == "cpu"
    assert tags["mlflow.parentRunId"] == parent.info.run_id
    assert tags["mlflow.source.git.commit"] == "d" * 40
    assert not [name for name in child.data.metrics if "gpu" in name]
    assert child.inputs is not None
    (data,) = child.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("imdb-20k-200", "c" * 32)
    assert child.info.status == "FINISHED"


def test_the_logged_model_predicts_through_pyfunc_and_says_what_it_takes(
    store: MlflowClient, record: dict[str, Any], model: keras.Model
) -> None:
    log_everything(record, model)
    _, child = runs_of(store)
    assert child.outputs is not None
    (output,) = child.outputs.model_outputs
    loaded = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
    np.testing.assert_allclose(loaded.predict(EXAMPLE), model.predict_on_batch(EXAMPLE), rtol=1e-6)
    assert loaded.metadata.signature.inputs.inputs[0].shape == (-1, 3)
    np.testing.assert_allclose(loaded.input_example, EXAMPLE)
    requirements = Path(mlflow.artifacts.download_artifacts(f"models:/{output.model_id}"))
    pinned = (requirements / "requirements.txt").read_text().split()
    assert f"keras=={keras.__version__}" in pinned


def test_evaluation_finds_the_run_that_training_began(
    store: MlflowClient, record: dict[str, Any], model: keras.Model, tmp_path: Path
) -> None:
    log_everything(record, model)
    figure = tmp_path / "confusion_matrix.png"
    figure.write_bytes(b"png")
    later = Tracker(record)
    later.log_evaluation({"accuracy": 0.86}, [figure])
    later.log_experiment_metrics({"accuracy": 0.86})
    parent, child = runs_of(store)
    assert child.data.metrics["test/accuracy"] == 0.86
    assert parent.data.metrics["test/accuracy"] == 0.86
    assert parent.info.status == "FINISHED"
    assert [item.path for item in store.list_artifacts(child.info.run_id, "figures")] == [
        "figures/confusion_matrix.png"
    ]


def test_logging_training_twice_makes_nothing_twice(
    store: MlflowClient, record: dict[str, Any], model: keras.Model
) -> None:
    log_everything(record, model)
    Tracker(record).log_training(HISTORY, TIMING, model, EXAMPLE)
    _, child = runs_of(store)
    assert child.outputs is not None
    assert len(child.outputs.model_outputs) == 1
    assert len(store.get_metric_history(child.info.run_id, "train/loss")) == 2


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt, "KILLED"), (ValueError, "FAILED")]
)
def test_a_run_that_does_not_end_well_says_so(
    error: type[BaseException], status: str, store: MlflowClient, record: dict[str, Any]
) -> None:
    tracker = Tracker(record)
    with pytest.raises(error), tracker.running():
        tracker.log_epoch(1, {"train/loss": 0.7})
        raise error
    parent, child = runs_of(store)
    assert child.info.status == parent.info.status == status


def test_a_server_that_does_not_answer_costs_one_warning_and_no_training(
    record: dict[str, Any],
    model: keras.Model,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracker = Tracker(record)
    with tracker.running():
        tracker.log_epoch(1, {"train/loss": 0.7})
        tracker.log_training(HISTORY, TIMING, model, EXAMPLE)
    assert tracker.failed
    assert capsys.readouterr().out.count("warning: tracking is off") == 1


def test_nested_parameters_become_one_level() -> None:
    assert flatten({"a": {"b": {"c": 1}}, "d": 2}, separator=".") == {"a.b.c": 1, "d": 2}
    assert flatten({"p50": 1}, "timing/step") == {"timing/step/p50": 1}
