"""From how far back an answer comes, against recurrences whose gradient is known."""

import keras
import numpy as np
import pytest

from rnnbench.data.prepared import Split
from rnnbench.evaluation.gradients import share_gradient_by_lag
from tests.tasks.manifests import make_manifest

STEPS, KEPT = 6, 0.5


def decaying() -> keras.layers.SimpleRNN:
    """A layer of which each step keeps half of what was before."""
    ones = keras.initializers.Ones()
    half = keras.initializers.Constant(KEPT)
    kinds = {"kernel_initializer": ones, "recurrent_initializer": half}
    return keras.layers.SimpleRNN(1, activation="linear", **kinds)


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_each_step_back_has_the_share_that_the_recurrence_leaves_it() -> None:
    model = keras.Sequential([keras.Input((STEPS, 1)), decaying()])
    manifest = make_manifest("regression", (STEPS, 1), (1,))
    split = Split(numbers(100, STEPS, 1), numbers(100, 1))
    shares = share_gradient_by_lag(model, split, manifest, from_logits=False)
    assert shares["lag"].tolist() == list(range(STEPS))
    ratios = shares["share"].to_numpy()[1:] / shares["share"].to_numpy()[:-1]
    assert ratios == pytest.approx(KEPT)
    assert shares["share"].sum() == pytest.approx(1.0)


def test_of_an_answer_at_each_step_the_last_one_counts() -> None:
    layers = [keras.layers.TimeDistributed(keras.layers.Dense(3)), keras.layers.Softmax()]
    model = keras.Sequential([keras.Input((STEPS, 2)), *layers])
    facts = {"copied_symbols": 2}
    shapes = ((STEPS, 2), (STEPS,))
    manifest = make_manifest("sequence_labelling", *shapes, classes=3, dtype="uint8", facts=facts)
    split = Split(numbers(8, STEPS, 2), np.ones((8, STEPS), np.uint8))
    shares = share_gradient_by_lag(model, split, manifest, from_logits=False)
    assert shares["share"].tolist() == [1.0, *[0.0] * (STEPS - 1)], "no layer has a memory"


def test_masked_words_have_no_share_and_a_model_is_left_as_it_was() -> None:
    embedding = keras.layers.Embedding(10, 4, mask_zero=True)
    model = keras.Sequential(
        [keras.Input((STEPS,), dtype="int32"), embedding, decaying(), keras.layers.Dense(1)]
    )
    manifest = make_manifest("classification", (STEPS,), (), 2, "uint16", vocabulary_size=10)
    words = np.array([[0, 0, 3, 4, 5, 6]] * 8, np.uint16)
    before = model(words).numpy()
    shares = share_gradient_by_lag(
        model, Split(words, np.ones(8, np.uint8)), manifest, from_logits=True
    )
    assert shares["share"].to_numpy()[:4] == pytest.approx(np.array([8, 4, 2, 1]) / 15)
    assert shares["share"].to_numpy()[4:].tolist() == [0.0, 0.0]
    np.testing.assert_array_equal(model(words).numpy(), before)


def test_a_gradient_that_is_nowhere_gives_no_share() -> None:
    constant = keras.layers.Dense(1, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((STEPS, 1)), decaying(), constant])
    manifest = make_manifest("regression", (STEPS, 1), (1,))
    split = Split(numbers(4, STEPS, 1), numbers(4, 1))
    assert share_gradient_by_lag(model, split, manifest, from_logits=False).empty
