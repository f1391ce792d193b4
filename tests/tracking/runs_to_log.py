"""A run's files as training leaves them, and how a test logs them and finds them again."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Run

from rnnbench.data.prepared import Manifest, write_manifest
from rnnbench.files import write_json
from rnnbench.models.saved import save_model
from rnnbench.tracking.runs import EXPERIMENT_TAG, RUN_TAG, Tracker
from rnnbench.training.devices import environment
from tests.tasks.manifests import make_manifest

HISTORY = "epoch,loss,validation_loss\n1,0.7,0.8\n2,0.5,0.6\n"
SYSTEM_METRICS = "seconds,cpu_utilization_percentage\n0.5,80.0\n2.9,95.5\n"
TIMING = {
    "training_seconds": 3.0,
    "epoch_seconds": [2.0, 1.0],
    "step_milliseconds": {"p50": 10.0, "p95": 20.0},
    "compile_seconds": 1.5,
    "examples_per_second": 640.0,
    "device": "cpu",
    "timing_warnings": ["other programs used 1.0 of 2 cores"],
}
EXAMPLE = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]], dtype=np.float32)
TRAINING = {"learning_rate": 0.001, "from_logits": False, "batch_size": 64}
WORDS = ["the", "movie", "excellent", "dull"]


def make_record() -> dict[str, Any]:
    """What `run.json` says."""
    return {
        "run_id": "a" * 32,
        "experiment_id": "b" * 32,
        "experiment": "imdb-lstm",
        "suite": "imdb",
        "view": "imdb-20k-200",
        "dataset": "imdb",
        "data_digest": "c" * 32,
        "seed": 42,
        "started_at": "2026-01-02T03:04:05+00:00",
        "stage": "train@imdb-lstm",
        "git_commit": "d" * 40,
        "git_dirty": False,
        "parameters": {"training": TRAINING, "view": {"padding": "pre"}},
        "layer_parameters": {"layer_1_dense": 4},
        "kernels": {"layer_1_gru": {"kernel": "graph loop", "reason": "recurrent dropout"}},
        "environment": environment(),
    }


def write_run(folder: Path, record: dict[str, Any]) -> Path:
    """A run's folder with a model of arrays."""
    folder.mkdir()
    save_model(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]), folder / "model.keras")
    np.save(folder / "input_example.npy", EXAMPLE)
    (folder / "history.csv").write_text(HISTORY)
    (folder / "system_metrics.csv").write_text(SYSTEM_METRICS)
    write_manifest(folder, make_manifest("regression", (3,), (1,)))
    write_json(folder / "timing.json", TIMING)
    write_json(folder / "run.json", record)
    return folder


def make_text_run(run: Path, record: dict[str, Any]) -> Path:
    """The same with a model of text."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Embedding(8, 4), keras.layers.GRU(4), keras.layers.Dense(1, "sigmoid")]
    save_model(keras.Sequential([keras.Input((5,), dtype="int32"), *layers]), run / "model.keras")
    write_json(run / "vocabulary.json", WORDS)
    view = {"sequence_length": 5, "padding": "pre", "truncation": "pre"}
    record["parameters"] = {"view": view, "training": TRAINING}
    manifest = Manifest(
        view="imdb-20k-200",
        dataset="imdb",
        task="classification",
        parameters=view,
        class_names=["negative", "positive"],
        vocabulary_size=8,
        splits={},
        facts={},
    )
    write_manifest(run, manifest)
    write_json(run / "run.json", record)
    return run


def runs_of(store: MlflowClient) -> tuple[Run, Run]:
    """The parent and the child."""
    experiment = store.get_experiment_by_name("imdb")
    assert experiment is not None
    found = store.search_runs([experiment.experiment_id])
    assert len(found) == 2
    parent = next(run for run in found if EXPERIMENT_TAG in run.data.tags)
    child = next(run for run in found if RUN_TAG in run.data.tags)
    return parent, child


def log_everything(record: dict[str, Any], run: Path) -> None:
    tracker = Tracker(record)
    with tracker.running():
        tracker.log_epoch(1, {"loss": 0.7, "validation_loss": 0.8})
        tracker.log_training(run)
    assert not tracker.failed
