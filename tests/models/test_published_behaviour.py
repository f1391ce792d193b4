"""What layers are known for, on a task with a known answer and in the seconds that a test has."""

from typing import Any

import keras
import numpy as np
import pytest

from rnnbench.data.datasets.adding import AddingView, draw
from rnnbench.models.fast import accelerate
from rnnbench.models.variant import build_layer
from rnnbench.models.variants.janet import JANET
from rnnbench.models.variants.lstm import LSTM
from rnnbench.models.variants.min_gru import MinGRU
from rnnbench.models.variants.simple_rnn import SimpleRNN

STEPS, BATCH_SIZE = 60, 64


def error_on_the_adding_problem(options: Any, updates: int) -> float:
    """Train one layer on examples that are all new, and return its mean squared error."""
    keras.utils.set_random_seed(1)
    layers = [keras.Input((STEPS, 2)), build_layer(options), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.005), "mse")
    accelerate(model, BATCH_SIZE)
    view = AddingView(dataset="adding", sequence_length=STEPS, train_examples=1, test_examples=1)
    generator = np.random.default_rng(2)
    seen, new = (draw(view, count, generator) for count in (updates * BATCH_SIZE, 1000))
    model.fit(seen.inputs, seen.targets, batch_size=BATCH_SIZE, shuffle=False, verbose=0)
    return float(model.evaluate(new.inputs, new.targets, batch_size=500, verbose=0))


@pytest.mark.slow
def test_min_gru_adds_over_60_steps_and_a_simple_rnn_with_as_many_units_does_not() -> None:
    """Answering 1 always has an error of 1/6."""
    assert error_on_the_adding_problem(MinGRU(units=32), 900) < 0.05
    assert error_on_the_adding_problem(SimpleRNN(units=32), 900) > 0.14


@pytest.mark.slow
def test_with_chrono_biases_an_lstm_and_a_janet_learn_it_before_a_plain_lstm_begins() -> None:
    assert error_on_the_adding_problem(LSTM(units=32, chrono_steps=STEPS), 500) < 0.05
    assert error_on_the_adding_problem(JANET(units=32, chrono_steps=STEPS), 500) < 0.05
    assert error_on_the_adding_problem(LSTM(units=32), 500) > 0.14
