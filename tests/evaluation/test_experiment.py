"""An experiment with two seeds, from arrays on disk to metrics: training, then evaluation."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rnnbench.errors import RnnbenchError
from rnnbench.evaluation.experiment import evaluate_experiment
from rnnbench.models.saved import load_model
from rnnbench.params import Params
from rnnbench.training.experiment import train_experiment
from tests.small_experiment import NAME, SEEDS


def test_every_seed_is_a_run_and_metrics_are_their_means(workspace: tuple[Path, Params]) -> None:
    root, params = workspace
    train_experiment(NAME, params)
    metrics = evaluate_experiment(NAME, params)
    results = root / "results" / "digit-rows" / NAME
    scores = json.loads((results / "scores.json").read_text())
    assert list(scores["runs"]) == ["seed-1", "seed-2"]
    accuracies = [run["accuracy"] for run in scores["runs"].values()]
    assert metrics["accuracy"] == pytest.approx(np.mean(accuracies))
    assert json.loads((results / "metrics.json").read_text()) == metrics
    assert list(json.loads((results / "timing.json").read_text())) == ["seed-1", "seed-2"]
    history = pd.read_csv(results / "history.csv")
    assert history["seed"].tolist() == SEEDS
    details = pd.read_csv(results / "details.csv")
    assert len(details) == 2 * 10
    confusions = pd.read_csv(results / "confusion_matrix.csv")
    assert confusions["count"].sum() == 2 * 30
    records = [
        json.loads((root / "runs" / "digit-rows" / NAME / f"seed-{seed}" / "run.json").read_text())
        for seed in SEEDS
    ]
    assert records[0]["run_id"] != records[1]["run_id"]
    assert records[0]["experiment_id"] == records[1]["experiment_id"]


def test_predictions_kept_are_those_of_the_saved_model(workspace: tuple[Path, Params]) -> None:
    root, params = workspace
    train_experiment(NAME, params)
    evaluate_experiment(NAME, params)
    model = load_model(root / "runs" / "digit-rows" / NAME / "seed-2" / "model.keras")
    inputs = np.load(root / "data" / "prepared" / "mnist-rows" / "test" / "test_inputs.npy")
    logits = model.predict_on_batch(inputs / np.float32(255.0))
    predictions = root / "results" / "digit-rows" / NAME / "predictions" / "seed-2.npz"
    with np.load(predictions) as kept:
        assert (kept["probabilities"].argmax(axis=1) == logits.argmax(axis=1)).all()
        assert kept["labels"].tolist() == [index % 10 for index in range(30)]


def test_a_view_that_was_not_prepared_says_how(
    workspace: tuple[Path, Params], params: Params
) -> None:
    with pytest.raises(RnnbenchError, match=r"dvc repro prepare@imdb-20k-200"):
        train_experiment("imdb-lstm", params)


def test_an_experiment_that_does_not_exist_says_which_is_near(params: Params) -> None:
    with pytest.raises(RnnbenchError, match="experiment 'imdb' does not exist; did you mean 'imdb"):
        train_experiment("imdb", params)
