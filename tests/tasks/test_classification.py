"""Scores of classes: by hand where a hand can, by Keras where it cannot."""

from pathlib import Path

import keras
import numpy as np
import pytest

from rnnbench.models.heads import Output
from rnnbench.tasks.classification import (
    accuracy,
    loss,
    macro_f1,
    predict_majority_class,
    probabilities_from_outputs,
    score_each_class,
)
from rnnbench.tasks.task import TASKS, TrainedModel
from tests.tasks.manifests import make_manifest

TASK = TASKS["classification"]
TWO, TEN = (make_manifest("classification", (5, 2), (), classes=classes) for classes in (2, 10))


def test_one_output_is_the_probability_of_the_second_class() -> None:
    outputs = np.array([[0.25], [1.0]], dtype=np.float32)
    probabilities = probabilities_from_outputs(outputs, from_logits=False)
    np.testing.assert_allclose(probabilities, [[0.75, 0.25], [0.0, 1.0]])


@pytest.mark.parametrize("manifest", [TWO, TEN], ids=["two", "ten"])
def test_the_loss_from_logits_is_that_of_training(manifest: object) -> None:
    (output,) = TASK.output_layers(manifest, from_logits=True)  # type: ignore[arg-type]
    generator = np.random.default_rng(0)
    logits = generator.standard_normal((50, output.units)).astype(np.float32)
    labels = generator.integers(0, max(output.units, 2), 50)
    training = TASK.loss(manifest, from_logits=True)  # type: ignore[arg-type]
    expected = float(training(labels[:, None], logits))
    probabilities = probabilities_from_outputs(logits, from_logits=True)
    assert loss(probabilities, labels) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("manifest", [TWO, TEN], ids=["two", "ten"])
def test_accuracy_in_training_is_that_of_evaluation(manifest: object, from_logits: bool) -> None:
    """Of a logit between 0 and 0.5 too, which means the second class."""
    (output,) = TASK.output_layers(manifest, from_logits)  # type: ignore[arg-type]
    generator = np.random.default_rng(0)
    values = generator.uniform(-0.5 if from_logits else 0.0, 1.0, (200, output.units))
    labels = generator.integers(0, max(output.units, 2), 200)
    model = keras.Sequential([keras.Input((output.units,)), keras.layers.Identity()])
    model.compile(
        loss=TASK.loss(manifest, from_logits),  # type: ignore[arg-type]
        metrics=TASK.metrics(manifest, from_logits),  # type: ignore[arg-type]
    )
    trained = model.evaluate(values, labels[:, None], return_dict=True, verbose=0)
    probabilities = probabilities_from_outputs(values, from_logits)
    assert trained["accuracy"] == pytest.approx(accuracy(probabilities, labels))


def test_two_classes_end_in_one_sigmoid_and_more_in_a_softmax() -> None:
    assert TASK.output_layers(TWO, from_logits=False) == [Output(1, "sigmoid")]
    assert TASK.output_layers(TEN, from_logits=False) == [Output(10, "softmax")]
    assert TASK.output_layers(TEN, from_logits=True) == [Output(10, "linear")]


def test_a_certain_error_has_a_finite_loss() -> None:
    probabilities, labels = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 0])
    assert accuracy(probabilities, labels) == 0.5
    assert np.isfinite(loss(probabilities, labels))


def test_macro_f1_by_hand() -> None:
    probabilities = np.eye(3)[[0, 0, 1, 1]]
    # Class 0: F1 1, class 1: 2/3, class 2 is never predicted: 0.
    labels = np.array([0, 0, 1, 2])
    expected = (1.0 + 2 / 3 + 0.0) / 3
    assert macro_f1(probabilities, labels) == pytest.approx(expected)


def test_the_majority_class_is_that_of_training() -> None:
    labels = np.array([0, 0, 0, 1])
    probabilities = predict_majority_class(np.array([1, 3]), len(labels))
    assert accuracy(probabilities, labels) == 0.25
    expected = -(3 * np.log(0.25) + np.log(0.75)) / 4
    assert loss(probabilities, labels) == pytest.approx(expected)


def test_each_class_is_scored() -> None:
    table = score_each_class(np.eye(2)[[0, 1, 1]], np.array([0, 0, 1]), ["no", "yes"])
    assert table["recall"].tolist() == [0.5, 1.0]
    assert table["precision"].tolist() == [1.0, 0.5]
    assert table["test_examples"].tolist() == [2, 1]


def test_an_answer_names_the_likeliest_class() -> None:
    model = TrainedModel(lambda inputs: inputs, TWO, from_logits=True, batch_size=8)
    assert TASK.answer(np.array([3.0]), model, "a text", Path()) == "class 1  0.9526  a text"
    assert TASK.answer(np.array([-3.0]), model, "a text", Path()) == "class 0  0.9526  a text"
