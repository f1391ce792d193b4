"""Multiply-adds of a forward pass equal those that a layer's equations give."""

import keras
import pytest

from rnnbench.models.variant import VARIANTS, build_layer
from rnnbench.timing.multiply_adds import multiply_adds

L = keras.layers
STEPS, FEATURES = 5, 3
STRIDED = {"kernel_size": 4, "strides": 4, "padding": "same"}
LSTM_32_ON_128 = 4 * 32 * (128 + 32)


def count(shape: tuple[int, ...], *layers: keras.Layer, dtype: str = "float32") -> int:
    return multiply_adds(keras.Sequential([keras.Input(shape, dtype=dtype), *layers]))


def test_an_lstm_multiplies_its_inputs_and_its_state_for_four_gates_at_every_step() -> None:
    assert count((200, 128), L.LSTM(32)) == 200 * LSTM_32_ON_128


def test_looking_up_an_embedding_multiplies_nothing() -> None:
    layers = (L.Embedding(20_000, 128), L.LSTM(32), L.Dense(1))
    assert count((200,), *layers, dtype="int32") == 200 * LSTM_32_ON_128 + 32


def test_a_mask_changes_nothing_for_both_directions() -> None:
    both = L.Bidirectional(L.LSTM(32))
    layers = (L.Embedding(20_000, 128, mask_zero=True), both)
    assert count((200,), *layers, dtype="int32") == 2 * 200 * LSTM_32_ON_128


def test_a_transposed_convolution_takes_its_kernel_at_every_pixel_that_it_reads() -> None:
    shrinking = count((STEPS, 8, 8, 1), L.TimeDistributed(L.Conv2D(6, **STRIDED)))
    assert shrinking == STEPS * 2 * 2 * 4**2 * 6
    growing = L.TimeDistributed(L.Conv2DTranspose(1, **STRIDED))
    assert count((STEPS, 2, 2, 6), growing) == shrinking


@pytest.mark.parametrize(
    ("layer", "of_a_step"),
    [
        (L.SimpleRNN(4), 4 * (3 + 4)),
        (L.SimpleRNN(4, return_sequences=True), 4 * (3 + 4)),
        (L.GRU(4), 3 * 4 * (3 + 4)),
        (L.GRU(4, reset_after=False), 3 * 4 * (3 + 4)),
        (L.Bidirectional(L.LSTM(4)), 2 * 4 * 4 * (3 + 4)),
        (L.Bidirectional(L.LSTM(4, return_sequences=True)), 2 * 4 * 4 * (3 + 4)),
        (L.RNN(L.LSTMCell(4)), 4 * 4 * (3 + 4)),
        (L.RNN(L.StackedRNNCells([L.GRUCell(4), L.SimpleRNNCell(2)])), 3 * 4 * 7 + 2 * (4 + 2)),
        (L.TimeDistributed(L.Dense(4)), 3 * 4),
        (L.Dense(4), 3 * 4),
        (L.BatchNormalization(), 0),
        (L.Dropout(0.5), 0),
    ],
)
def test_each_step_of_a_sequence_takes_every_kernel_once(
    layer: keras.Layer, of_a_step: int
) -> None:
    assert count((STEPS, FEATURES), layer) == STEPS * of_a_step


@pytest.mark.parametrize(
    ("name", "of_a_step"),
    [
        ("min_gru", 2 * 3 * 4),
        ("min_lstm", 3 * 3 * 4),
        ("lru_block", 3 * 8 + 8 * 3 + 3 * 6),
        ("rg_lru_block", 3 * 8 + 4 * 4 + 4 * 8 + 4 * 3),
        ("ind_rnn", 3 * 4),
        ("janet", 2 * 4 * (3 + 4)),
        ("layer_norm_lstm", 4 * 4 * (3 + 4)),
        ("qrnn", 2 * 3 * 3 * 4),
    ],
)
def test_a_cell_of_this_project_is_counted_as_those_of_keras(name: str, of_a_step: int) -> None:
    layer = build_layer(VARIANTS[name].options.model_validate({"units": 4}))
    assert count((STEPS, FEATURES), layer) == STEPS * of_a_step


def test_a_layer_for_each_step_is_counted_with_all_that_it_does_in_a_step() -> None:
    # Four sequences of five steps in each example.
    assert count((4, STEPS, FEATURES), L.TimeDistributed(L.SimpleRNN(2))) == 4 * STEPS * 2 * (3 + 2)


@pytest.mark.parametrize("return_sequences", [True, False])
@pytest.mark.parametrize(("padding", "side"), [("same", 8), ("valid", 6)])
def test_the_kernels_of_a_conv_lstm_stand_at_every_position_of_its_state(
    padding: str, side: int, return_sequences: bool
) -> None:
    layer = L.ConvLSTM2D(4, 3, padding=padding, return_sequences=return_sequences)
    kernels = 3 * 3 * (1 + 4) * 4 * 4
    assert count((STEPS, 8, 8, 1), layer) == STEPS * side * side * kernels


def test_a_convolution_stands_at_every_position_of_its_output() -> None:
    assert count((STEPS, 8, 8, 2), L.Conv3D(4, 3, padding="same")) == STEPS * 8 * 8 * 27 * 2 * 4
