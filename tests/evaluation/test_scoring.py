"""Scores of sums and of copied symbols, from models whose answers are known."""

from typing import Any

import keras
import numpy as np
import pytest

from rnnbench.data import adding, copying
from rnnbench.data.prepared import Split
from rnnbench.evaluation.scoring import Evaluation, score_model
from rnnbench.evaluation.sums import SUM_CLASSES, bin_sums, score_each_bin, score_sums
from rnnbench.params import AddingView, CopyingView, Params


class Answers(keras.layers.Layer):  # type: ignore[misc]
    """Put out the same for every input, or the input itself."""

    def __init__(self, answer: Any = None) -> None:
        super().__init__()
        self.answer = None if answer is None else keras.ops.convert_to_tensor(answer, "float32")

    def call(self, inputs: Any) -> Any:
        if self.answer is None:
            return inputs
        return keras.ops.zeros_like(inputs[:, :1, 0]) + self.answer


def evaluate(params: Params, name: str, view: Any, test: Split, model: keras.Model) -> Evaluation:
    return score_model(params.experiments[name], view, model, test, {"class_names": []})


def test_always_one_is_as_good_as_its_baseline(params: Params) -> None:
    view = params.views["adding-20"]
    assert isinstance(view, AddingView)
    test = adding.draw(view, 5_000, np.random.default_rng(0))
    model = keras.Sequential([keras.Input(test.inputs.shape[1:]), Answers(1.0)])
    scored = evaluate(params, "adding-20-lstm", view, test, model)
    assert scored.metrics["loss"] == pytest.approx(scored.baseline["loss"], rel=0.05)
    assert scored.metrics["correct"] == pytest.approx(0.08, abs=0.02)
    assert scored.confusions["count"].sum() == 5_000
    assert scored.details["test_examples"].sum() == 5_000


def test_who_repeats_what_is_shown_is_right_only_where_it_is_shown(params: Params) -> None:
    view = params.views["copying-5"]
    assert isinstance(view, CopyingView)
    test = copying.draw(view, 500, np.random.default_rng(0))
    right = np.eye(6, dtype=np.float32)[test.targets]
    model = keras.Sequential([keras.Input(test.inputs.shape[1:]), Answers()])
    perfect = evaluate(params, "copying-5-lstm", view, Split(right, test.targets), model)
    assert perfect.metrics["accuracy"] == perfect.metrics["sequence_accuracy"] == 1.0
    assert perfect.metrics["loss"] == pytest.approx(0.0, abs=1e-5)
    parrot = evaluate(params, "copying-5-lstm", view, test, model)
    assert parrot.metrics["accuracy"] == 0.0
    assert parrot.baseline == {
        "accuracy": 0.25,
        "loss": pytest.approx(copying.memoryless_loss(view)),
    }
    assert parrot.confusions["count"].sum() == 500 * view.copied_symbols


def test_texts_without_a_word_are_also_left_out_of_the_count(params: Params) -> None:
    view = params.views["reuters-10k-200"]
    rows = np.zeros((4, 200), np.int32)
    rows[:, -1] = 1
    rows[:2, -2:] = [1, 9]
    wrong_about_the_empty = np.array([1, 1, 0, 0], np.uint8)
    answer = np.eye(46, dtype=np.float32)[1]
    inputs = keras.Input((200,))
    always = keras.layers.Dense(46, kernel_initializer="zeros", activation="softmax")
    model = keras.Model(inputs, always(inputs))
    always.set_weights([np.zeros((200, 46)), 100 * answer])
    names = [str(index) for index in range(46)]
    manifest = {"class_names": names, "splits": {"train": {"class_counts": [1] * 46}}}
    test = Split(rows, wrong_about_the_empty)
    experiment = params.experiments["reuters-gru"]
    metrics = score_model(experiment, view, model, test, manifest).metrics
    assert metrics["accuracy"] == 0.5
    assert metrics["accuracy_with_words"] == 1.0


def test_sums_by_hand() -> None:
    scores = score_sums(np.array([1.0, 0.5]), np.array([1.02, 1.5]))
    assert scores["loss"] == pytest.approx((0.02**2 + 1.0) / 2)
    assert scores["mean_absolute_error"] == pytest.approx(0.51)
    assert scores["correct"] == 0.5


def test_each_sum_falls_into_one_range_also_what_lies_outside() -> None:
    bins = bin_sums(np.array([-1.0, 0.0, 0.3, 1.99, 5.0]))
    assert [SUM_CLASSES[index] for index in bins] == [
        "0 to 0.25",
        "0 to 0.25",
        "0.25 to 0.5",
        "1.75 to 2",
        "1.75 to 2",
    ]
    table = score_each_bin(np.array([0.2, 0.4]), np.array([0.1, 0.1]))
    assert table["mean_error"][0] == pytest.approx(0.2)
    assert table["test_examples"].tolist() == [2, 0, 0, 0, 0, 0, 0, 0]
