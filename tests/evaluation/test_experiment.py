"""An experiment's runs, from their folders to scores, metrics, tables, figures and MLflow."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from rnnbench.data.prepared import (
    Manifest,
    Split,
    read_manifest,
    read_split,
    write_manifest,
    write_split,
)
from rnnbench.errors import RnnbenchError
from rnnbench.evaluation.experiment import evaluate_experiment, write_texts
from rnnbench.files import write_json
from rnnbench.models.heads import Output
from rnnbench.models.saved import load_model, save_model
from rnnbench.params import Params
from rnnbench.statistics import estimate_mean
from rnnbench.tasks.task import TASKS, Evaluation, Metrics, Score, Task, TrainedModel
from rnnbench.training.devices import environment
from rnnbench.training.experiment import train_experiment
from tests.small_experiment import NAME, SEEDS
from tests.tasks.manifests import make_manifest

EXPERIMENT = "small-suite/small-experiment"
FIT = make_manifest("classification", (4, 3), (), classes=3, dtype="uint8")
TEST_EXAMPLES = 30
DIVERGED = "the training loss is not finite in epoch 2"
ORIGIN = {"route": "generated", "sources": [], "licence": "none needed", "citation": "none"}


def write_view(fit: Manifest) -> None:
    """Write what evaluation opens of a view into the working directory."""
    folder = Path("data/prepared/small")
    (folder / "test").mkdir(parents=True)
    generator = np.random.default_rng(0)
    inputs = generator.integers(0, 256, (TEST_EXAMPLES, 4, 3), dtype=np.uint8)
    split = Split(inputs, (np.arange(TEST_EXAMPLES) % 3).astype(np.uint8))
    facts = {"test_examples_also_in_training": 0}
    splits = {"test": write_split(folder / "test", "test", split)}
    content = {**vars(fit), "splits": splits, "facts": facts, "parameters": {"test_examples": 30}}
    write_manifest(folder / "test", Manifest(**content))
    write_json(folder / "test" / "origin.json", ORIGIN)


def write_run(seed: int, diverged: bool = False, fit: Manifest = FIT) -> Path:
    """Write a run's folder as training leaves it, into the working directory."""
    suite, name = EXPERIMENT.split("/")
    folder = Path("runs") / suite / name / f"seed-{seed}"
    folder.mkdir(parents=True)
    record = {
        "run_id": f"{seed:032d}",
        "experiment_id": "b" * 32,
        "experiment": name,
        "suite": suite,
        "view": "small",
        "dataset": "mnist",
        "model": "GRU 8 → Dense 3 softmax",
        "data_digest": "c" * 32,
        "seed": seed,
        "stage": f"train@{name}",
        "started_at": "2026-01-02T03:04:05+00:00",
        "parameters": {"training": {"from_logits": True, "batch_size": 8}},
        "layer_parameters": {"layer_1_gru": 60, "layer_2_dense": 9},
        "kernels": {"layer_1_gru": {"kernel": "XLA loop"}},
        "environment": environment(),
    }
    write_json(folder / "run.json", record | ({"diverged": DIVERGED} if diverged else {}))
    write_json(folder / "timing.json", {"training_seconds": float(seed), "timing_warnings": []})
    (folder / "history.csv").write_text("epoch,loss,accuracy\n1,0.9,0.4\n2,0.8,0.5\n")
    write_manifest(folder, fit)
    if not diverged:
        keras.utils.set_random_seed(seed)
        layers = [keras.layers.GRU(2), keras.layers.Dense(3)]
        save_model(keras.Sequential([keras.Input((4, 3)), *layers]), folder / "model.keras")
    return folder


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory without a tracking server, and where results go."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://")
    return tmp_path / "results" / EXPERIMENT


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory in which an experiment with three seeds was evaluated and logged."""
    folder = tmp_path_factory.mktemp("evaluated")
    with pytest.MonkeyPatch.context() as patch:
        (folder / "dvc.yaml").touch()
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        write_view(FIT)
        for seed in (10, 9):
            write_run(seed)
        write_run(11, diverged=True)
        evaluate_experiment(EXPERIMENT, "small")
        yield folder


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_metrics_are_the_headline_means_of_the_seeds_that_were_scored(evaluated: Path) -> None:
    results = evaluated / "results" / EXPERIMENT
    scores, metrics = (read(results / name) for name in ("evaluation/scores.json", "metrics.json"))
    assert list(scores["runs"]) == ["seed-9", "seed-10"], "in the order of their numbers"
    headline = TASKS["classification"].headline
    assert tuple(metrics) == (*headline, "accuracy_lower", "accuracy_upper")
    for name in headline:
        mean = np.mean([run[name] for run in scores["runs"].values()])
        assert metrics[name] == pytest.approx(mean)
    assert scores["runs"]["seed-9"]["majority_class_accuracy"] == pytest.approx(1 / 3)
    assert scores["diverged"] == {"seed-11": DIVERGED}


def test_the_interval_of_the_score_covers_seeds_and_test_examples(evaluated: Path) -> None:
    results = evaluated / "results" / EXPERIMENT
    predictions = [results / "evaluation" / "predictions" / f"seed-{seed}.npz" for seed in (9, 10)]
    expected = estimate_mean([np.load(path)["score"] for path in predictions])
    metrics = read(results / "metrics.json")
    assert metrics["accuracy_lower"] == pytest.approx(expected.lower)
    assert metrics["accuracy_upper"] == pytest.approx(expected.upper)


def test_scores_say_what_a_reader_must_know(evaluated: Path) -> None:
    scores = read(evaluated / "results" / EXPERIMENT / "evaluation" / "scores.json")
    assert scores["task"] == "classification"
    assert sum(scores["layer_parameters"].values()) == 69
    assert scores["environment"] == environment()
    assert scores["data"] == {
        "view": "small",
        "dataset": "toy",
        "parameters": {"test_examples": 30},
        **ORIGIN,
        "examples": {"train": 60, "test": TEST_EXAMPLES},
        "test_examples_also_in_training": 0,
    }


def test_everything_else_lies_in_one_folder(evaluated: Path) -> None:
    results = evaluated / "results" / EXPERIMENT
    assert {path.name for path in results.iterdir()} == {
        "confusion_matrix.csv",
        "evaluation",
        "metrics.json",
    }
    timing = read(results / "evaluation" / "timing.json")
    assert {name: each["training_seconds"] for name, each in timing.items()} == {
        "seed-9": 9.0,
        "seed-10": 10.0,
        "seed-11": 11.0,
    }
    details = pd.read_csv(results / "evaluation" / "details.csv")
    assert details["seed"].tolist() == 3 * [9] + 3 * [10]
    confusions = pd.read_csv(results / "confusion_matrix.csv")
    assert confusions["count"].sum() == 2 * TEST_EXAMPLES
    gradients = pd.read_csv(results / "evaluation" / "gradients.csv")
    assert gradients["run"].tolist() == 4 * ["seed-9"] + 4 * ["seed-10"], "a row for each step"
    figures = (results / "evaluation" / "figures").rglob("*.png")
    assert {str(path.relative_to(results / "evaluation" / "figures")) for path in figures} == {
        f"seed-{seed}/{name}.png"
        for seed in (9, 10)
        for name in ("confusion_matrix", "learning_curves")
    }


def test_predictions_kept_are_those_of_the_saved_model(evaluated: Path) -> None:
    inputs = np.load(evaluated / "data" / "prepared" / "small" / "test" / "test_inputs.npy")
    for seed in (9, 10):
        model = load_model(evaluated / "runs" / EXPERIMENT / f"seed-{seed}" / "model.keras")
        logits = model.predict_on_batch(inputs / np.float32(255.0))
        folder = evaluated / "results" / EXPERIMENT / "evaluation" / "predictions"
        with np.load(folder / f"seed-{seed}.npz") as kept:
            assert (kept["probabilities"].argmax(axis=1) == logits.argmax(axis=1)).all()
            assert kept["labels"].tolist() == [index % 3 for index in range(TEST_EXAMPLES)]
            assert (kept["score"] == (logits.argmax(axis=1) == kept["labels"])).all()


def test_mlflow_shows_each_run_and_the_means_of_the_experiment(evaluated: Path) -> None:
    client = MlflowClient(f"sqlite:///{evaluated}/mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name = 'small-suite'")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert len(runs) == 3, "a parent and the two runs that were scored"
    results = evaluated / "results" / EXPERIMENT
    scores = read(results / "evaluation" / "scores.json")
    expected = {"": read(results / "metrics.json")}
    expected |= {f" seed {seed}": scores["runs"][f"seed-{seed}"] for seed in (9, 10)}
    for suffix, metrics in expected.items():
        logged = runs[f"small-experiment{suffix}"].data.metrics
        assert logged == {f"test/{name}": value for name, value in metrics.items()}
    child = runs["small-experiment seed 9"]
    names = [artifact.path for artifact in client.list_artifacts(child.info.run_id, "figures")]
    assert names == ["figures/confusion_matrix.png", "figures/learning_curves.png"]
    assert child.data.tags["data_route"] == "generated"


def test_a_classifier_of_texts_has_its_mistakes_and_lengths(inside: Path) -> None:
    write_view(FIT)
    run = write_run(1)
    split = read_split(Path("data/prepared/small/test"), "test")
    texts = Split(np.tile([0, 1, 4], (TEST_EXAMPLES, 1)), split.targets)
    labels = np.asarray(split.targets, dtype=np.int64)
    arrays = {"probabilities": np.tile([0.2, 0.7, 0.1], (TEST_EXAMPLES, 1)), "labels": labels}
    predictions = {run.name: {**arrays, "score": labels == 1}}
    inside.mkdir(parents=True)
    write_texts(inside, run.parent, predictions, texts)
    assert not list(inside.iterdir()), "the examples of a run without a vocabulary are no texts"
    write_json(run / "vocabulary.json", ["word"])
    write_texts(inside, run.parent, predictions, texts)
    mistakes = pd.read_csv(inside / "mistakes.csv")
    assert set(mistakes["text"]) == {"word"}
    assert set(mistakes["run"]) == {"seed-1"}
    lengths = pd.read_csv(inside / "lengths.csv")
    assert lengths["accuracy"].tolist() == pytest.approx([1 / 3])


def test_an_experiment_of_which_every_seed_diverged_has_no_metrics(inside: Path) -> None:
    write_view(FIT)
    for seed in (1, 2):
        write_run(seed, diverged=True)
    assert evaluate_experiment(EXPERIMENT, "small") == {}
    assert read(inside / "metrics.json") == {}
    scores = read(inside / "evaluation" / "scores.json")
    assert (scores["runs"], list(scores["diverged"])) == ({}, ["seed-1", "seed-2"])
    for name in ("confusion_matrix.csv", "evaluation/details.csv"):
        assert pd.read_csv(inside / name).empty


def test_a_seed_whose_outputs_overflow_on_the_test_split_diverged_and_the_others_stand(
    inside: Path,
) -> None:
    write_view(FIT)
    write_run(1)
    run = write_run(2)
    model = load_model(run / "model.keras")
    weights = model.get_weights()
    weights[-2:] = [np.full_like(weight, np.finfo(np.float32).max) for weight in weights[-2:]]
    model.set_weights(weights)
    save_model(model, run / "model.keras")
    assert evaluate_experiment(EXPERIMENT, "small")["accuracy"] >= 0
    scores = read(inside / "evaluation" / "scores.json")
    reason = "the model's outputs are not finite numbers on the test split"
    assert (list(scores["runs"]), scores["diverged"]) == (["seed-1"], {"seed-2": reason})


def test_an_experiment_without_runs_says_which_command_makes_them(inside: Path) -> None:
    with pytest.raises(RnnbenchError, match="dvc repro train@small-experiment"):
        evaluate_experiment(EXPERIMENT, "small")


def test_results_of_before_stay_whole_if_evaluation_fails(inside: Path) -> None:
    write_view(FIT)
    run = write_run(1)
    evaluate_experiment(EXPERIMENT, "small")
    before = {path: path.read_bytes() for path in inside.rglob("*") if path.is_file()}
    (run / "history.csv").write_text("")
    with pytest.raises(pd.errors.EmptyDataError):
        evaluate_experiment(EXPERIMENT, "small")
    assert {path: path.read_bytes() for path in inside.rglob("*") if path.is_file()} == before


def test_a_new_metric_reaches_the_scores_and_is_no_headline(inside: Path) -> None:
    write_view(FIT)
    write_run(1)

    @TASKS["classification"].test_metrics.add
    def confidence(probabilities: Any, labels: Any) -> float:
        return float(probabilities.max(axis=1).mean())

    try:
        metrics = evaluate_experiment(EXPERIMENT, "small")
    finally:
        del TASKS["classification"].test_metrics["confidence"]
    run = read(inside / "evaluation" / "scores.json")["runs"]["seed-1"]
    assert 1 / 3 < run["confidence"] < 1
    assert run["majority_class_confidence"] == pytest.approx(1 / 3)
    assert "confidence" not in metrics


class Brightness(Task):
    """A kind of task that only this test knows: the mean of all that was put in."""

    name = "brightness"
    targets_each_step = False
    test_metrics = Metrics()
    score = Score("loss", "mean output", higher_is_better=False)
    headline = ("loss",)
    baseline_name = "nothing"
    columns = summary = ()

    def output_layers(self, manifest: Manifest, from_logits: bool) -> list[Output]:
        return [Output(3, "linear")]

    def loss(self, manifest: Manifest, from_logits: bool) -> Any:
        return keras.losses.MeanSquaredError()

    def evaluate(self, model: TrainedModel, test: Split) -> Evaluation:
        return Evaluation({"loss": float(model.predict_all(test.inputs).mean())}, {"loss": 0.0})


def test_a_new_kind_of_task_is_evaluated_without_a_change_elsewhere(inside: Path) -> None:
    fit = make_manifest("brightness", (4, 3), (), dtype="uint8")
    write_view(fit)
    run = write_run(1, fit=fit)
    TASKS.add("brightness", Brightness())
    try:
        metrics = evaluate_experiment(EXPERIMENT, "small")
    finally:
        del TASKS["brightness"]
    scores = read(inside / "evaluation" / "scores.json")
    assert scores["task"] == read_manifest(run).task == "brightness"
    assert scores["runs"]["seed-1"] == {"loss": metrics["loss"], "nothing_loss": 0.0}
    assert pd.read_csv(inside / "confusion_matrix.csv").empty
    figures = inside / "evaluation" / "figures" / "seed-1"
    assert [path.name for path in figures.iterdir()] == ["learning_curves.png"]


def test_every_seed_is_a_run_that_evaluation_scores(workspace: tuple[Path, Params]) -> None:
    root, params = workspace
    train_experiment(NAME, params)
    evaluate_experiment(f"digit-rows/{NAME}", "mnist-rows")
    results = root / "results" / "digit-rows" / NAME
    scores = read(results / "evaluation" / "scores.json")
    assert list(scores["runs"]) == list(read(results / "evaluation" / "timing.json"))
    assert list(scores["runs"]) == [f"seed-{seed}" for seed in SEEDS]
    assert pd.read_csv(results / "history.csv")["seed"].tolist() == SEEDS
    assert pd.read_csv(results / "confusion_matrix.csv")["count"].sum() == 2 * 30
    runs = root / "runs" / "digit-rows" / NAME
    records = [read(runs / f"seed-{seed}" / "run.json") for seed in SEEDS]
    assert records[0]["run_id"] != records[1]["run_id"]
    assert records[0]["experiment_id"] == records[1]["experiment_id"]


def test_a_view_that_was_not_prepared_says_how(
    workspace: tuple[Path, Params], params: Params
) -> None:
    with pytest.raises(RnnbenchError, match=r"dvc repro prepare@imdb-20k-200"):
        train_experiment("imdb-lstm", params)


def test_an_experiment_that_does_not_exist_says_which_is_near(params: Params) -> None:
    with pytest.raises(RnnbenchError, match="experiment 'imdb' does not exist; did you mean 'imdb"):
        train_experiment("imdb", params)
