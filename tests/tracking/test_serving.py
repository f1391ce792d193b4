"""A logged model answers over HTTP, served by MLflow's own command in a process of its own."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from tests.tracking.runs_to_log import log_everything, runs_of
from tests.tracking.servers import Server


@pytest.mark.slow
def test_a_served_model_takes_a_raw_review_and_answers_with_label_and_probability(
    store: MlflowClient, record: dict[str, Any], text_run: Path, tmp_path: Path
) -> None:
    log_everything(record, text_run)
    _, child = runs_of(store)
    assert child.outputs
    (output,) = child.outputs.model_outputs
    folder = mlflow.artifacts.download_artifacts(f"models:/{output.model_id}")
    review = "An excellent movie, not dull!"
    expected = mlflow.pyfunc.load_model(folder).predict([review])
    command = ["models", "serve", "--model-uri", folder, "--env-manager", "local"]
    server = Server(command, tmp_path / "log", "/ping")
    server.start()
    try:
        request = urllib.request.Request(  # noqa: S310
            f"{server.uri}/invocations",
            json.dumps({"inputs": [review]}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            (answered,) = json.load(answer)["predictions"]
    finally:
        server.kill()
    assert answered["label"] == expected["label"][0]
    assert answered["probability"] == pytest.approx(expected["probability"][0], rel=1e-5)
