"""The NumPy reference agrees with Keras on random weights, inputs and masks."""

from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnbench.models import reference
from rnnbench.models.reference import Weights

layers = keras.layers
SIZES = st.integers(1, 6)
# Keras builds a new layer for each example: eight of them a property is what time allows.
FEW = settings(max_examples=8, deadline=None)

GATED: dict[str, tuple[Any, Any]] = {
    "simple_rnn": (layers.SimpleRNN, reference.simple_rnn),
    "lstm": (layers.LSTM, reference.lstm),
    "gru": (layers.GRU, reference.gru),
    "gru_reset_before": (
        partial(layers.GRU, reset_after=False),
        partial(reference.gru, reset_after=False),
    ),
}


class Case:
    """Inputs, a mask or none, and random weights, all from one seed."""

    def __init__(self, seed: int, batch: int, steps: int, features: int, masked: bool) -> None:
        self.generator = np.random.default_rng(seed)
        shape = (batch, steps, features)
        self.inputs = self.generator.standard_normal(shape).astype(np.float32)
        self.mask = self.generator.random((batch, steps)) < 0.6 if masked else None

    def randomise(self, layer: keras.Layer) -> None:
        layer.set_weights(
            [
                (0.5 * self.generator.standard_normal(weight.shape)).astype(np.float32)
                for weight in layer.get_weights()
            ]
        )

    def run(self, layer: keras.Layer, inputs: Any = None) -> list[np.ndarray[Any, Any]]:
        """Call a layer once to build it, once with random weights; return outputs and states."""
        inputs = self.inputs if inputs is None else inputs
        layer(inputs)
        self.randomise(layer)
        return [np.asarray(part) for part in keras.tree.flatten(layer(inputs, mask=self.mask))]


CASES = st.builds(Case, st.integers(0, 2**16), SIZES, SIZES, SIZES, st.booleans())


def assert_close(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-4, atol=1e-5)


def assert_agrees(ours: reference.Forward, theirs: list[np.ndarray[Any, Any]]) -> None:
    assert_close(ours.outputs, theirs[0])
    assert len(ours.states) == len(theirs) - 1
    for mine, other in zip(ours.states, theirs[1:], strict=True):
        assert_close(mine, other)


def weights_of(layer: keras.Layer) -> Weights:
    return Weights(*layer.get_weights())


@pytest.mark.parametrize("name", GATED)
@FEW
@given(case=CASES, units=SIZES, relu=st.booleans())
def test_outputs_and_states_are_those_of_keras(
    name: str, case: Case, units: int, relu: bool
) -> None:
    build, forward = GATED[name]
    kind = "relu" if relu else "tanh"
    layer = build(units, activation=kind, return_sequences=True, return_state=True)
    theirs = case.run(layer)
    activation = reference.relu if relu else np.tanh
    ours = forward(case.inputs, weights_of(layer), activation, mask=case.mask)
    assert_agrees(ours, theirs)
    assert ours.outputs.dtype == np.float32


@pytest.mark.parametrize("name", GATED)
def test_a_sequence_may_be_read_in_two_parts(name: str) -> None:
    build, forward = GATED[name]
    case = Case(0, 2, 6, 3, masked=False)
    layer = build(4)
    case.run(layer)
    weights = weights_of(layer)
    whole = forward(case.inputs, weights)
    first = forward(case.inputs[:, :2], weights)
    second = forward(case.inputs[:, 2:], weights, initial_states=first.states)
    assert_close(second.outputs, whole.outputs[:, 2:])


@pytest.mark.parametrize("name", GATED)
@FEW
@given(case=CASES, units=SIZES)
def test_bidirectional_is_keras_s(name: str, case: Case, units: int) -> None:
    build, forward = GATED[name]
    layer = layers.Bidirectional(build(units, return_sequences=True, return_state=True))
    theirs = case.run(layer)
    ours = reference.bidirectional(
        partial(forward, weights=weights_of(layer.forward_layer)),
        partial(forward, weights=weights_of(layer.backward_layer)),
        case.inputs,
        mask=case.mask,
    )
    assert_agrees(ours, theirs)


@FEW
@given(case=CASES, units=st.tuples(SIZES, SIZES))
def test_stacked_layers_and_stacked_cells_are_keras_s(case: Case, units: tuple[int, int]) -> None:
    cells = [layers.LSTMCell(units[0]), layers.GRUCell(units[1])]
    layer = layers.RNN(cells, return_sequences=True, return_state=True)
    theirs = case.run(layer)
    ours = reference.stacked(
        [
            partial(reference.lstm, weights=weights_of(cells[0])),
            partial(reference.gru, weights=weights_of(cells[1])),
        ],
        case.inputs,
        mask=case.mask,
    )
    assert_agrees(ours, theirs)
    lower = layers.LSTM(units[0], return_sequences=True)
    upper = layers.GRU(units[1], return_sequences=True)
    lower(case.inputs)
    upper(np.zeros((*case.inputs.shape[:2], units[0]), np.float32))
    lower.set_weights(cells[0].get_weights())
    upper.set_weights(cells[1].get_weights())
    on_top = upper(lower(case.inputs, mask=case.mask), mask=case.mask)
    assert_close(ours.outputs, on_top)


@FEW
@given(
    case=CASES,
    filters=st.integers(1, 3),
    side=st.integers(5, 7),
    kernel_size=st.integers(1, 4),
    padding=st.sampled_from(["same", "valid"]),
)
def test_conv_lstm_is_keras_s(
    case: Case, filters: int, side: int, kernel_size: int, padding: str
) -> None:
    shape = (*case.inputs.shape[:2], side, side, 2)
    frames = case.generator.standard_normal(shape).astype(np.float32)
    layer = layers.ConvLSTM2D(
        filters, kernel_size, padding=padding, return_sequences=True, return_state=True
    )
    theirs = case.run(layer, frames)
    ours = reference.conv_lstm_2d(frames, weights_of(layer), padding=padding, mask=case.mask)
    assert_agrees(ours, theirs)


def test_no_exponential_overflows() -> None:
    extremes = np.array([-1e4, 0.0, 1e4], np.float32)
    with np.errstate(over="raise"):
        np.testing.assert_array_equal(reference.sigmoid(extremes), [0.0, 0.5, 1.0])
