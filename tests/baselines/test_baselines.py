"""Baselines: each learns from the training split alone, and is scored as a model is."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnbench.baselines.baseline import BASELINES, Baseline
from rnnbench.baselines.nb_svm import log_count_ratios
from rnnbench.baselines.scores import score_baselines
from rnnbench.data.prepared import (
    Split,
    TrainingData,
    read_manifest,
    read_split,
    read_training_data,
)
from rnnbench.files import read_json
from tests.baselines.views import CLASSES, DRAWS, FIRST_WORD, LENGTH, SIZES, write_view

APPLY = {
    "text": ["bag_of_word_pairs", "bag_of_words", "nb_svm"],
    "images": ["pixels"],
    "video": ["copy_last_frame", "mean_frame", "perfect_frames"],
    "numbers": [],
    "sums": [],
    "series": ["linear", "seasonal_naive"],
}
SCORES = {"video": "mse_per_pixel", "series": "mase"}
CLASSIFIERS = [(kind, name) for kind in ("text", "images") for name in APPLY[kind]]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    for kind in DRAWS:
        write_view(folder, kind)
    return folder


def read_view(prepared: Path, kind: str) -> tuple[TrainingData, Split]:
    return read_training_data(prepared / kind / "fit"), read_split(prepared / kind / "test", "test")


@pytest.mark.parametrize("kind", APPLY)
def test_the_manifest_decides_which_baselines_apply(kind: str, prepared: Path) -> None:
    manifest = read_manifest(prepared / kind / "fit")
    applying = [name for name, one in BASELINES.items() if one.applies_to(manifest)]
    assert sorted(applying) == APPLY[kind]


def test_every_registered_baseline_is_tested() -> None:
    assert sorted(BASELINES) == sorted(name for names in APPLY.values() for name in names)


@pytest.mark.parametrize(("kind", "name"), CLASSIFIERS)
def test_a_classifier_learns_a_planted_rule(
    kind: str, name: str, prepared: Path, tmp_path: Path
) -> None:
    scores = score_baselines(kind, prepared, tmp_path)
    assert scores[name]["metrics"]["accuracy"] > 0.9  # the majority class: 1/3
    assert 0.0 < scores[name]["metrics"]["loss"] < np.log(CLASSES)
    assert scores[name]["fit_processor_seconds"] > 0.0


@pytest.mark.parametrize(("kind", "name"), CLASSIFIERS)
def test_a_class_without_training_examples_is_never_predicted(
    kind: str, name: str, prepared: Path
) -> None:
    data, test = read_view(prepared, kind)
    kept = data.train.targets != 1
    train = Split(data.train.inputs[kept], data.train.targets[kept])
    probabilities = BASELINES[name].fit(TrainingData(train, None, data.manifest, None))(test.inputs)
    assert probabilities.shape == (SIZES["test"], CLASSES)
    assert (probabilities[:, 1] == 0.0).all()
    assert (probabilities.argmax(axis=1) == test.targets)[test.targets != 1].mean() > 0.9


def test_padding_and_its_length_change_no_prediction(prepared: Path) -> None:
    data, test = read_view(prepared, "text")
    longer = np.pad(test.inputs, ((0, 0), (4, 3)))
    for name in APPLY["text"]:
        predict = BASELINES[name].fit(data)
        np.testing.assert_array_equal(predict(longer), predict(test.inputs))


def test_the_order_of_words_matters_to_pairs_alone(prepared: Path) -> None:
    data, _ = read_view(prepared, "text")
    labels = np.arange(SIZES["train"]) % 2
    # The class is which of two words stands first: all texts have the same words.
    ids = np.full((len(labels), LENGTH), FIRST_WORD, np.int32)
    ids[:, 4] = FIRST_WORD + 1 + labels
    ids[:, 5] = FIRST_WORD + 2 - labels
    ordered = TrainingData(Split(ids, labels), None, data.manifest, None)
    right = {
        name: (BASELINES[name].fit(ordered)(ids).argmax(axis=1) == labels).mean()
        for name in APPLY["text"]
    }
    assert right["bag_of_words"] == 0.5
    assert right["bag_of_word_pairs"] == right["nb_svm"] == 1.0


def test_log_count_ratios_are_those_of_a_worked_example() -> None:
    from scipy.sparse import csr_matrix

    occurs = csr_matrix(np.array([[1, 0, 1], [1, 0, 0], [0, 1, 1]]))
    ratios = log_count_ratios(occurs, np.array([True, True, False]))
    # Smoothed counts: 3, 1, 2 of 6 inside the class, 1, 2, 2 of 5 outside it.
    expected = np.log([(3 / 6) / (1 / 5), (1 / 6) / (2 / 5), (2 / 6) / (2 / 5)])
    np.testing.assert_allclose(ratios, expected)


@pytest.mark.parametrize("kind", ["text", "images", "video"])
def test_other_test_targets_change_scores_and_no_prediction(
    kind: str, prepared: Path, tmp_path: Path
) -> None:
    shutil.copytree(prepared / kind, tmp_path / kind)
    data, test = read_view(prepared, kind)
    permuted = np.random.default_rng(2).permutation(test.targets)
    np.save(tmp_path / kind / "test" / "test_targets.npy", permuted)
    score_baselines(kind, tmp_path, tmp_path / "results")
    with np.load(tmp_path / "results" / kind / "predictions.npz") as predictions:
        for name, scores in predictions.items():
            predicted = BASELINES[name].fit(data)(test.inputs)
            if kind == "video":
                errors = (predicted - permuted / 255.0) ** 2
                np.testing.assert_allclose(scores, errors.mean(axis=(1, 2, 3, 4)), rtol=1e-4)
            else:
                np.testing.assert_array_equal(scores, predicted.argmax(axis=1) == permuted)


def test_frames_are_scored_by_what_is_known_of_them(prepared: Path, tmp_path: Path) -> None:
    scores = score_baselines("video", prepared, tmp_path)
    _, test = read_view(prepared, "video")
    grey = np.asarray(test.targets, np.float64) / 255.0
    entropy = -(grey * np.log(grey) + (1.0 - grey) * np.log(1.0 - grey)).mean()
    metrics = {name: one["metrics"] for name, one in scores.items()}
    # Nothing moves, so that the last frame is the perfect prediction.
    assert metrics["perfect_frames"] == {"loss": pytest.approx(entropy, rel=1e-5)}
    assert metrics["copy_last_frame"]["loss"] == pytest.approx(metrics["perfect_frames"]["loss"])
    assert metrics["copy_last_frame"]["ssim"] == pytest.approx(1.0)
    assert metrics["mean_frame"]["loss"] > entropy
    assert 0.0 < metrics["mean_frame"]["mse_per_pixel"] < (5 / 255) ** 2


@pytest.mark.parametrize("kind", APPLY)
def test_the_files_hold_the_scores_and_those_of_each_example(
    kind: str, prepared: Path, tmp_path: Path
) -> None:
    scores = score_baselines(kind, prepared, tmp_path)
    assert read_json(tmp_path / kind / "scores.json") == {"view": kind, "baselines": scores}
    with np.load(tmp_path / kind / "predictions.npz") as predictions:
        of_examples = dict(predictions)
    # A bound has no examples: it is not compared.
    assert sorted(of_examples) == [name for name in APPLY[kind] if name != "perfect_frames"]
    score = SCORES.get(kind, "accuracy")
    _, test = read_view(prepared, kind)
    for name, values in of_examples.items():
        assert values.shape == (len(test),)
        assert values.mean() == pytest.approx(scores[name]["metrics"][score])


@pytest.fixture
def constant() -> Iterator[str]:
    """A baseline, as its module would register it."""

    def fit(data: TrainingData) -> Any:
        mean = data.train.targets.mean()
        return lambda inputs: np.full((len(inputs), 1), mean)

    BASELINES.add("constant", Baseline("constant", lambda view: view.task == "regression", fit))
    yield "constant"
    del BASELINES["constant"]


def test_a_baseline_defined_here_alone_is_scored(
    constant: str, prepared: Path, tmp_path: Path
) -> None:
    scores = score_baselines("sums", prepared, tmp_path)
    _, test = read_view(prepared, "sums")
    assert list(scores) == [constant]
    assert scores[constant]["metrics"]["loss"] == pytest.approx(test.targets.var(), rel=0.1)
    with np.load(tmp_path / "sums" / "predictions.npz") as predictions:
        assert predictions[constant].shape == (SIZES["test"],)
