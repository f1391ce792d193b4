"""Scores of copied symbols, from models whose answers are known."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnbench.data.datasets.copying import CopyingView, draw
from rnnbench.data.prepared import Split
from rnnbench.tasks.task import TASKS, TrainedModel
from tests.tasks.manifests import make_manifest

TASK = TASKS["sequence_labelling"]
VIEW = CopyingView(
    dataset="copying",
    train_examples=1,
    test_examples=1,
    alphabet_size=4,
    copied_symbols=5,
    delay=5,
)
MANIFEST = make_manifest(
    "sequence_labelling",
    (15, 6),
    (15,),
    classes=6,
    facts={"alphabet_size": 4, "copied_symbols": 5, "delay": 5},
)
REPEATS_ITS_INPUT = TrainedModel(lambda inputs: inputs, MANIFEST, from_logits=False, batch_size=8)


@pytest.fixture(scope="module")
def test() -> Split:
    return draw(VIEW, 500, np.random.default_rng(0))


def test_who_repeats_what_is_shown_is_right_only_where_it_is_shown(test: Split) -> None:
    right = Split(np.eye(6, dtype=np.float32)[test.targets], test.targets)
    perfect = TASK.evaluate(REPEATS_ITS_INPUT, right)
    assert perfect.metrics["accuracy"] == perfect.metrics["sequence_accuracy"] == 1.0
    assert perfect.metrics["loss"] == pytest.approx(0.0, abs=1e-5)
    parrot = TASK.evaluate(REPEATS_ITS_INPUT, test)
    assert parrot.metrics["accuracy"] == 0.0
    assert parrot.confusions["count"].sum() == 500 * VIEW.copied_symbols


def test_a_model_without_memory_is_as_good_as_the_baseline(test: Split) -> None:
    blanks, symbols = np.zeros((1, 10, 6)), np.zeros((1, 5, 6))
    blanks[..., 0], symbols[..., 1:5] = 1.0, 0.25
    answers = np.concatenate([blanks, symbols], axis=1)

    def predict(inputs: Any) -> Any:
        return np.repeat(answers, len(inputs), axis=0)

    scored = TASK.evaluate(TrainedModel(predict, MANIFEST, False, 8), test)
    assert scored.baseline == {"accuracy": 0.25, "loss": pytest.approx(5 * math.log(4) / 15)}
    assert scored.metrics["loss"] == pytest.approx(scored.baseline["loss"], rel=1e-4)
    assert scored.metrics["accuracy"] == pytest.approx(scored.baseline["accuracy"], abs=0.03)


def test_one_wrong_symbol_costs_its_share_and_its_sequence(test: Split) -> None:
    targets = np.array(test.targets[:2])
    outputs = np.eye(6, dtype=np.float32)[targets]
    outputs[0, -1] = np.eye(6)[0]  # a blank where a symbol is to be
    scored = TASK.evaluate(REPEATS_ITS_INPUT, Split(outputs, targets))
    assert scored.metrics["accuracy"] == pytest.approx(0.9)
    assert scored.metrics["sequence_accuracy"] == 0.5
    np.testing.assert_allclose(scored.predictions["score"], [0.8, 1.0])


def test_an_answer_names_the_likeliest_class_of_each_step() -> None:
    answer = TASK.answer(np.eye(6)[[0, 2]], REPEATS_ITS_INPUT, "a file", Path())
    assert answer == "class 0 class 2"
