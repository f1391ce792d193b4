"""What an addition costs: toys of each kind, defined here alone, go through the whole pipeline."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import PositiveInt

from rnnbench.comparison.compare import compare
from rnnbench.comparison.literature import SuiteLiterature
from rnnbench.comparison.members import write_members
from rnnbench.data import synthetic
from rnnbench.data.dataset import DATASETS, Dataset, Material
from rnnbench.data.fetch import fetch
from rnnbench.data.prepare import prepare
from rnnbench.data.prepared import Split
from rnnbench.evaluation.experiment import evaluate_experiment
from rnnbench.files import read_json
from rnnbench.params import parse_params
from rnnbench.predict import predict
from rnnbench.tasks.task import TASKS
from rnnbench.training.experiment import train_experiment
from tests.models.test_toy_variant import toy  # noqa: F401 - a fixture: a variant in one file

STEPS = 5


class SignsView(synthetic.GeneratedView):
    """Sequences of one length."""

    sequence_length: PositiveInt


def draw(view: SignsView, count: int, generator: np.random.Generator) -> Split:
    """The class is the sign of the sum."""
    numbers = generator.normal(size=(count, view.sequence_length, 1)).astype(np.float32)
    return Split(numbers, (numbers.sum(axis=(1, 2)) > 0).astype(np.uint8))


def prepare_signs(view: SignsView, raw: Path) -> Material:
    return Material(synthetic.draw_splits(draw, view, raw), class_names=("minus", "plus"))


@pytest.fixture
def signs() -> Iterator[None]:
    """A data set, as its module would register it."""
    DATASETS.add(
        "signs",
        Dataset(
            task="classification",
            settings=synthetic.GeneratedSettings,
            view=SignsView,
            licence=synthetic.LICENCE,
            citation="none",
            limits=synthetic.LIMITS,
            routes=synthetic.ROUTES,
            prepare=prepare_signs,
        ),
    )
    yield
    del DATASETS["signs"]


@pytest.fixture
def confidence() -> Iterator[None]:
    """A metric, as a function of its task."""

    @TASKS["classification"].test_metrics.add
    def confidence(probabilities: Any, labels: Any) -> float:
        return float(probabilities.max(axis=1).mean())

    yield
    del TASKS["classification"].test_metrics["confidence"]


@pytest.mark.usefixtures("toy", "signs", "confidence")
def test_a_variant_a_data_set_a_metric_and_a_suite_go_from_fetch_to_prediction(
    params_content: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "dvc.yaml").touch()
    params_content["datasets"]["signs"] = {"generated_seed": 1}
    params_content["views"]["signs-5"] = {
        "dataset": "signs",
        "sequence_length": STEPS,
        "train_examples": 96,
        "test_examples": 64,
    }
    leaky = {"type": "leaky_integrator", "units": 4, "leak": 0.5}
    params_content["models"]["leaky"] = {"layer_1": leaky}
    training = {"epochs": 2, "batch_size": 16, "optimizer": "adam", "learning_rate": 0.05}
    params_content["suites"]["signs"] = {"title": "Signs of sums", "training": training}
    for model in ("leaky", "gru"):
        experiment = {"suite": "signs", "view": "signs-5", "model": model, "seeds": 2}
        params_content["experiments"][f"signs-{model}"] = experiment
    params = parse_params(params_content, "params.yaml")

    fetch("signs", params)
    prepare("signs-5", params)
    for name in params.experiment_names("signs"):
        train_experiment(name, params)
        evaluate_experiment(f"signs/{name}", "signs-5")
    write_members(params)
    folder = compare("signs", params.suites["signs"], SuiteLiterature(), params.margin)

    scores = read_json(Path("results/signs/signs-leaky/evaluation/scores.json"))
    assert 0.5 <= scores["runs"]["seed-42"]["confidence"] <= 1.0
    table = pd.read_csv(folder / "table.csv")
    assert table["experiment"].tolist() == ["signs-leaky", "signs-gru"]
    assert table["model"][0].startswith("LeakyIntegrator 4")
    assert np.isfinite(table["accuracy"]).all()
    (pair,) = pd.read_csv(folder / "pairs.csv").to_dict("records")
    assert {pair["first"], pair["second"]} == {"signs-leaky", "signs-gru"}
    np.save("new.npy", np.ones((1, STEPS, 1), np.float32))
    (answer,) = predict("signs-leaky", params, ["new.npy"], None, Path("unused"))
    assert answer.split()[0] in ("minus", "plus")
