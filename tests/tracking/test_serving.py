"""A logged model answers over HTTP: each of MLflow's formats, or a 400 with a sentence."""

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pytest
import uvicorn
from mlflow import MlflowClient
from mlflow.pyfunc import PyFuncModel, scoring_server

from rnnbench.data.prepared import write_manifest
from rnnbench.files import write_json
from rnnbench.models.saved import save_model
from rnnbench.tracking.models import log_model
from rnnbench.tracking.runs import connect
from tests.tasks.manifests import make_manifest
from tests.tracking.runs_to_log import (
    TRAINING,
    log_everything,
    make_record,
    make_text_run,
    runs_of,
)
from tests.tracking.runs_to_log import write_run as write_array_run
from tests.tracking.servers import Server, free_port


@pytest.mark.slow
def test_a_served_model_takes_a_raw_review_and_answers_with_label_and_probability(
    store: MlflowClient,
    record: dict[str, Any],
    text_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log_everything(record, text_run)
    _, child = runs_of(store)
    assert child.outputs
    (output,) = child.outputs.model_outputs
    folder = mlflow.artifacts.download_artifacts(f"models:/{output.model_id}")
    review = "An excellent movie, not dull!"
    expected = mlflow.pyfunc.load_model(folder).predict([review])
    command = ["models", "serve", "--model-uri", folder, "--env-manager", "local"]
    (tmp_path / "keras.json").write_text('{"backend": "theano"}')  # of another project
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
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


DIGIT = np.zeros((28, 28), np.uint8)
DIGIT[4:24, 12:16] = 255
DIGIT[4:8, 8:20] = 180
ONE_HOT = np.eye(6)[np.arange(15) % 6]
REVIEW = "It wasn\u2019t <b>dull</b>&nbsp;\u2014 excellent movie"


def save_digits(run: Path) -> None:
    layers = [keras.layers.SimpleRNN(8), keras.layers.Dense(10)]
    save_model(keras.Sequential([keras.Input((28, 28)), *layers]), run / "model.keras")
    digits = make_manifest("classification", (28, 28), (), classes=10, dtype="uint8")
    write_manifest(run, digits)
    np.save(run / "input_example.npy", DIGIT[np.newaxis] / np.float32(255))


def save_symbols(run: Path) -> None:
    layers = [keras.layers.GRU(4, return_sequences=True), keras.layers.Dense(6)]
    save_model(keras.Sequential([keras.Input((15, 6)), *layers]), run / "model.keras")
    symbols = make_manifest(
        "sequence_labelling", (15, 6), (15,), classes=6, class_names=list("_abcd!")
    )
    write_manifest(run, symbols)
    np.save(run / "input_example.npy", ONE_HOT[np.newaxis].astype(np.float32))


@contextmanager
def served(model: PyFuncModel) -> Iterator[str]:
    """MLflow's scoring server in a thread of this process; its address."""
    port = free_port()
    # No configuration of logging: it would close absl's handler, and with it what pytest captures.
    server = uvicorn.Server(
        uvicorn.Config(scoring_server.init(model), port=port, log_level="critical", log_config=None)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Where a model of each kind is served."""
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        (folder / "dvc.yaml").touch()
        connect(folder)
        keras.utils.set_random_seed(0)
        identifiers = {}
        for kind in ("text", "digits", "symbols"):
            record = make_record()
            record["parameters"]["training"] = {**TRAINING, "from_logits": True}
            run = write_array_run(folder / kind, record)
            if kind == "text":
                make_text_run(run, record)
                write_json(run / "vocabulary.json", ["movie", "excellent", "dull", "wasn't"])
            else:
                {"digits": save_digits, "symbols": save_symbols}[kind](run)
            mlflow.set_experiment("served")
            with mlflow.start_run():
                identifiers[kind] = log_model(run, record)
        models = {
            kind: mlflow.pyfunc.load_model(f"models:/{identifier}")
            for kind, identifier in identifiers.items()
        }
        with (
            served(models["text"]) as text,
            served(models["digits"]) as digits,
            served(models["symbols"]) as symbols,
        ):
            yield {"text": text, "digits": digits, "symbols": symbols}


def ask(address: str, content: Any, kind: str = "application/json") -> tuple[int, Any]:
    """Return the status and what is answered, or the message that says why not."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    request = urllib.request.Request(address, body, {"Content-Type": kind})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status, json.load(answer)["predictions"]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["message"]


def test_text_is_read_as_predict_reads_it(addresses: dict[str, str]) -> None:
    status, (written, plain) = ask(
        addresses["text"], {"inputs": [REVIEW, "it wasn't dull excellent movie"]}
    )
    assert status == 200
    assert written == plain
    assert written["label"] in ("negative", "positive")
    table = b'text,label\n"It wasn\'t dull, excellent movie",1\n'
    assert ask(addresses["text"], table, "text/csv") == (200, [plain])


def test_pixels_are_bytes_or_shares_and_the_answer_is_the_same(addresses: dict[str, str]) -> None:
    flat = DIGIT.ravel().tolist()
    for content in (
        {"inputs": [DIGIT.tolist()]},
        {"instances": [DIGIT.tolist()]},
        {"inputs": [(DIGIT / 255).tolist()]},
        {"dataframe_split": {"columns": ["pixels"], "data": [[flat]]}},
        {"dataframe_records": [{"pixels": flat}]},
    ):
        status, (answer,) = ask(addresses["digits"], content)
        assert status == 200
        assert set(answer) == {"label", "probability"}
        assert answer == ask(addresses["digits"], {"inputs": [DIGIT.tolist()]})[1][0]


def test_a_sequence_is_answered_by_a_symbol_a_step(addresses: dict[str, str]) -> None:
    for name in ("inputs", "instances"):
        status, (answer,) = ask(addresses["symbols"], {name: [ONE_HOT.tolist()]})
        assert status == 200
        assert len(answer) == 15
        assert set(answer) <= set("_abcd!")


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("text", {"inputs": []}, "there is no text to predict from"),
        ("text", {"inputs": "one text"}, "Expected list, but got str"),
        ("text", {"inputs": [3]}, "invalid elements"),
        ("text", {"inputs": [None]}, "invalid elements"),
        ("text", {"instances": ["a text"]}, "must be a dictionary with 'inputs' key"),
        ("text", {"dataframe_records": [{"text": "a"}]}, "must be a dictionary with 'inputs' key"),
        ("text", {"dataframe_split": {"data": [["a"]]}}, "must be a dictionary with 'inputs' key"),
        ("digits", {"inputs": []}, "Failed to enforce schema"),
        ("digits", {"inputs": [[[1]]]}, "does not match expected shape"),
        ("digits", {"inputs": [DIGIT[0].tolist()]}, "does not match expected shape"),
        ("digits", {"inputs": [(DIGIT * 2.0).tolist()]}, "pixels from 0 to 510"),
        ("digits", {"inputs": [(DIGIT * -1.0).tolist()]}, "pixels from -255 to 0"),
        ("digits", {"inputs": [[[None] * 28] * 28]}, "not finite"),
        ("digits", {"inputs": [[["x"] * 28] * 28]}, "could not convert string to float"),
        ("digits", {"inputs": [[[1], [1, 2]]]}, "inhomogeneous"),
        ("digits", {"dataframe_records": []}, "Input DataFrame is empty"),
        ("digits", {"pixels": [DIGIT.tolist()]}, "exactly one of the input fields"),
        ("symbols", {"inputs": [[[float("nan")] * 6] * 15]}, "not finite"),
        ("symbols", {"inputs": {"x": [ONE_HOT.tolist()]}}, "un-named"),
        ("symbols", [ONE_HOT.tolist()], "Received a list"),
        ("symbols", b"{", "valid JSON"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_sentence(
    kind: str, content: Any, words: str, addresses: dict[str, str]
) -> None:
    status, message = ask(addresses[kind], content)
    assert status == 400
    assert words in message
    assert "Traceback" not in message


def test_tables_that_are_none_are_refused_in_a_sentence(addresses: dict[str, str]) -> None:
    for kind, table in (("text", b""), ("text", b'"a'), ("digits", b"pixel0\n1\n")):
        status, message = ask(addresses[kind], table, "text/csv")
        assert status == 400
        assert "Failed to parse input" in message


def test_what_a_served_model_imports_is_among_its_requirements() -> None:
    code = """
import ast, sys
from importlib.metadata import packages_distributions
from pathlib import Path
import rnnbench.tracking.array_model, rnnbench.tracking.text_model
from rnnbench.data.dataset import DATASETS
from rnnbench.tasks.task import TASKS
from rnnbench.tracking.models import SERVING_PACKAGES
list(TASKS), list(DATASETS)
names = set()
for module in [one for name, one in sys.modules.items() if name.startswith("rnnbench")]:
    if module.__name__ != "rnnbench.tracking.models":
        for node in ast.parse(Path(module.__file__).read_text()).body:
            if isinstance(node, ast.Import):
                names.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module.split(".")[0])
provided, found = {*SERVING_PACKAGES, "mlflow", "pydantic_core"}, packages_distributions()
used = names - sys.stdlib_module_names - {"rnnbench"}
print(*sorted(name for name in used if provided.isdisjoint(found[name])))
"""
    listed = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert listed.stdout.split() == []
