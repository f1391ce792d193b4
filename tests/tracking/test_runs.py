"""Runs in a real MLflow store: complete, found again, and never in training's way."""

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from rnnbench.models.saved import load_model
from rnnbench.tracking.identity import web_address
from rnnbench.tracking.metrics import flatten
from rnnbench.tracking.runs import TRAINED_TAG, Tracker
from tests.tracking.runs_to_log import EXAMPLE, log_everything, runs_of


def test_a_run_has_parameters_epochs_timing_tags_data_set_and_parent(
    store: MlflowClient, record: dict[str, Any], run: Path
) -> None:
    log_everything(record, run)
    parent, child = runs_of(store)
    assert child.data.params["training.learning_rate"] == "0.001"
    assert child.data.params["view.padding"] == "pre"
    assert child.data.params["model.parameters"] == "4"
    for name, expected in (("train/loss", [0.7, 0.5]), ("timing/epoch_seconds", [2.0, 1.0])):
        logged = store.get_metric_history(child.info.run_id, name)
        by_step = sorted((metric.step, metric.value) for metric in logged)
        assert by_step == list(enumerate(expected, 1))
    assert child.data.metrics["timing/step_milliseconds/p95"] == 20.0
    assert child.data.metrics["timing/compile_seconds"] == 1.5
    tags = child.data.tags
    assert tags["seed"] == "42"
    assert tags["stage"] == "train@imdb-lstm"
    assert tags["git_dirty"] == "False"
    assert tags["timing.device"] == "cpu"
    assert tags["timing.warnings"] == "other programs used 1.0 of 2 cores"
    assert tags["kernel.layer_1_gru"] == "graph loop"
    assert tags["reason.layer_1_gru"] == "recurrent dropout"
    assert tags["mlflow.parentRunId"] == parent.info.run_id
    assert tags["mlflow.source.git.commit"] == "d" * 40
    assert not [name for name in child.data.metrics if "gpu" in name]
    begun = child.info.start_time
    busy = store.get_metric_history(child.info.run_id, "system/cpu_utilization_percentage")
    assert [(one.timestamp - begun, one.value) for one in busy] == [(500, 80.0), (2900, 95.5)]
    assert child.inputs is not None
    (data,) = child.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("imdb-20k-200", "c" * 32)
    assert child.info.status == "FINISHED"


def test_the_logged_model_predicts_through_pyfunc_and_says_what_it_takes(
    store: MlflowClient, record: dict[str, Any], run: Path
) -> None:
    log_everything(record, run)
    _, child = runs_of(store)
    assert child.outputs is not None
    (output,) = child.outputs.model_outputs
    loaded = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
    expected = load_model(run / "model.keras").predict_on_batch(EXAMPLE)
    np.testing.assert_allclose(loaded.predict(EXAMPLE), expected, rtol=1e-6)
    assert loaded.metadata.signature.inputs.inputs[0].shape == (-1, 3)
    np.testing.assert_allclose(loaded.input_example, EXAMPLE)
    requirements = Path(mlflow.artifacts.download_artifacts(f"models:/{output.model_id}"))
    pinned = (requirements / "requirements.txt").read_text().split()
    assert f"keras=={keras.__version__}" in pinned


ODD_TEXTS = [
    "The EXCELLENT movie!",
    "",
    "nothing known here",
    "Ein großartiger Film, 素晴らしい映画",
    "null\0bytes \x1b[31mand escapes",
    "movie " * 100_000,
]


def test_a_logged_text_model_takes_raw_text_whatever_is_in_it(
    store: MlflowClient, record: dict[str, Any], text_run: Path
) -> None:
    log_everything(record, text_run)
    _, child = runs_of(store)
    assert child.outputs is not None
    (output,) = child.outputs.model_outputs
    loaded = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
    answers = loaded.predict(ODD_TEXTS)
    keras_model = load_model(text_run / "model.keras")
    # start 1, unknown 2, and a word of rank r has the id r + 3.
    ids = [
        [0, 1, 4, 6, 5],
        [0, 0, 0, 0, 1],
        [0, 1, 2, 2, 2],
        [1, 2, 2, 2, 2],
        [1, 2, 2, 2, 2],
        [5, 5, 5, 5, 5],
    ]
    positive = keras_model.predict_on_batch(np.array(ids, np.int32))[:, 0]
    expected = np.where(positive > 0.5, positive, 1 - positive)
    np.testing.assert_allclose(answers["probability"], expected, rtol=1e-5)
    labels = ["positive" if value > 0.5 else "negative" for value in positive]
    assert answers["label"].tolist() == labels


def test_evaluation_finds_the_run_that_training_began(
    store: MlflowClient, record: dict[str, Any], run: Path, tmp_path: Path
) -> None:
    log_everything(record, run)
    figure = tmp_path / "confusion_matrix.png"
    figure.write_bytes(b"png")
    later = Tracker(record)
    later.log_evaluation({"accuracy": 0.86}, [figure], "registry")
    later.log_experiment_metrics({"accuracy": 0.86})
    parent, child = runs_of(store)
    assert child.data.metrics["test/accuracy"] == 0.86
    assert child.data.tags["data_route"] == "registry"
    assert parent.data.metrics["test/accuracy"] == 0.86
    assert parent.info.status == "FINISHED"
    assert [item.path for item in store.list_artifacts(child.info.run_id, "figures")] == [
        "figures/confusion_matrix.png"
    ]


def test_logging_training_twice_makes_nothing_twice(
    store: MlflowClient, record: dict[str, Any], run: Path
) -> None:
    log_everything(record, run)
    Tracker(record).log_training(run)
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
        tracker.log_epoch(1, {"loss": 0.7})
        raise error
    parent, child = runs_of(store)
    assert child.info.status == parent.info.status == status


def test_a_server_that_does_not_answer_costs_one_warning_and_no_training(
    record: dict[str, Any],
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracker = Tracker(record)
    with tracker.running():
        tracker.log_epoch(1, {"loss": 0.7})
        tracker.log_training(run)
    assert tracker.failed
    assert capsys.readouterr().out.count("warning: tracking is off") == 1


def test_metrics_that_are_not_finite_cost_no_run_and_are_not_drawn(
    store: MlflowClient, record: dict[str, Any], run: Path
) -> None:
    record["diverged"] = "the training loss is not finite in epoch 2"
    (run / "history.csv").write_text("epoch,loss,validation_loss\n1,0.7,inf\n2,,0.6\n")
    (run / "system_metrics.csv").write_text("seconds,gpu_0_power_usage_watts\n0.5,\n2.9,80.0\n")
    tracker = Tracker(record)
    with tracker.running():
        tracker.log_epoch(1, {"loss": 0.7, "validation_loss": math.inf})
        tracker.log_epoch(2, {"loss": math.nan, "validation_loss": 0.6})
        tracker.log_training(run)
    assert not tracker.failed
    _, child = runs_of(store)
    assert child.data.tags[TRAINED_TAG] == "true"
    for name, steps in (("train/loss", {1, 2}), ("system/gpu_0_power_usage_watts", {1})):
        assert {one.step for one in store.get_metric_history(child.info.run_id, name)} == steps


def test_the_epoch_whose_model_is_kept_is_one_number_of_the_run(
    store: MlflowClient, record: dict[str, Any], run: Path
) -> None:
    history = "epoch,loss,validation_loss,kept\n1,0.7,0.8,1\n2,0.5,0.9,0\n"
    (run / "history.csv").write_text(history)
    log_everything(record, run)
    _, child = runs_of(store)
    assert child.data.metrics["kept_epoch"] == 1
    assert "train/kept" not in child.data.metrics


def test_a_run_without_samples_of_the_machine_is_logged(
    store: MlflowClient, record: dict[str, Any], run: Path
) -> None:
    (run / "system_metrics.csv").write_text("\n")
    log_everything(record, run)
    assert runs_of(store)[1].data.tags[TRAINED_TAG] == "true"


LOG_A_RUN = """
import sys
from pathlib import Path
from tests.tracking.runs_to_log import log_everything, make_record, write_run
record = make_record()
log_everything(record, write_run(Path("run").resolve(), record))
"""


def test_no_credential_of_remote_or_environment_is_recorded_anywhere(
    store: MlflowClient, tmp_path: Path, root: Path
) -> None:
    (tmp_path / "train.py").write_text(LOG_A_RUN)
    git = ("git", "-c", "user.name=Test", "-c", "user.email=test@example.org")
    origin = "https://user:geheim@forge.example/team/bench.git?private_token=geheim"
    for command in (["init", "-q"], ["remote", "add", "origin", origin], ["add", "train.py"]):
        subprocess.run([*git, *command], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True)
    secrets = ("MLFLOW_TRACKING_PASSWORD", "AWS_SECRET_ACCESS_KEY", "PIP_INDEX_URL")
    environment = os.environ | dict.fromkeys(secrets, "https://user:geheim@registry.example/simple")
    environment |= {"PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
    command = [sys.executable, "train.py"]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "geheim" not in answer.stdout + answer.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file() and ".git" not in path.parts]
    assert {"mlflow.db", "run.json", "MLmodel"} <= {path.name for path in files}
    assert [path for path in files if b"geheim" in path.read_bytes()] == []
    (model,) = store.search_logged_models(["1"])
    assert model.tags["mlflow.source.git.repoURL"] == "https://forge.example/team/bench"


def test_nested_parameters_become_one_level() -> None:
    assert flatten({"a": {"b": {"c": 1}}, "d": 2}, separator=".") == {"a.b.c": 1, "d": 2}
    assert flatten({"p50": 1}, "timing/step") == {"timing/step/p50": 1}


def test_a_run_s_description_leads_to_experiment_commit_and_report(
    store: MlflowClient, record: dict[str, Any], run: Path
) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    origin = "https://user:password@forge.example/team/bench.git"
    subprocess.run(["git", "remote", "add", "origin", origin], check=True)
    log_everything(record, run)
    parent, child = runs_of(store)
    described = child.data.tags["mlflow.note.content"]
    page = f"#/experiments/{child.info.experiment_id}/runs/{parent.info.run_id}"
    assert f"[imdb-lstm]({page}) trained with seed 42" in described
    for tags in (child.data.tags, parent.data.tags):
        described = tags["mlflow.note.content"]
        assert f"[{'d' * 10}](https://forge.example/team/bench/commit/{'d' * 40})" in described
        assert "(https://forge.example/team/bench/blob/HEAD/report/index.html)" in described
        assert "password" not in described


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://forge.example/team/bench.git", "https://forge.example/team/bench"),
        ("https://token@forge.example/team/bench", "https://forge.example/team/bench"),
        ("git@forge.example:team/bench.git", "https://forge.example/team/bench"),
        ("ssh://git@forge.example:2222/team/bench.git", "https://forge.example/team/bench"),
        ("/srv/bench.git", None),
        ("../bench", None),
    ],
)
def test_a_remote_is_browsed_without_its_secrets(remote: str, address: str | None) -> None:
    assert web_address(remote) == address
