"""An LSTM with layer normalisation (Ba, Kiros & Hinton 2016, arXiv:1607.06450).

The input's part and the state's part of all gates, and the cell state before the output, are
normalised to mean 0 and variance 1 over the units, then multiplied by a gain, plus a bias:
`(i, f, g, o) = N(x W) + N(h U) + b`, then `c' = f c + i g` and `h' = o tanh(N(c'))`.
"""

from typing import Any, Literal

import numpy as np

from rnnbench.models.reference import (
    Array,
    Forward,
    States,
    loop,
    normalised,
    sigmoid,
    zero_states,
)
from rnnbench.models.variant import VARIANTS, Form, Sized, Variant, loop_over

EPSILON = 1e-5
FORMULA = "4*((x + h)*h + h) + 18*h"


class LayerNormLSTM(Sized):
    """Options of the layer."""

    type: Literal["layer_norm_lstm"] = "layer_norm_lstm"


def define_cell() -> Any:
    """Define the Keras class of a step."""
    import keras
    from keras import ops

    from rnnbench.models.cell import PACKAGE, Cell, side_by_side
    from rnnbench.models.cell import normalised as normalised_in_keras

    @keras.saving.register_keras_serializable(PACKAGE)
    class LayerNormLSTMCell(Cell):
        """A step, its gates in Keras's order; the forget gate's initial bias is 1."""

        def __init__(self, units: int, **options: Any) -> None:
            super().__init__(units, **options)
            self.state_size = [units, units]

        def build(self, input_shape: Any) -> None:
            gates = 4 * self.units
            self.kernel = self.add_weight((input_shape[-1], gates), name="kernel")
            self.recurrent_kernel = self.add_weight(
                (self.units, gates), "orthogonal", name="recurrent_kernel"
            )
            bias = side_by_side(ops.zeros, ops.ones, ops.zeros, ops.zeros)
            self.bias = self.add_weight((gates,), bias, name="bias")
            self.of_inputs = self.add_norm("inputs", gates)
            self.of_recurrent = self.add_norm("recurrent", gates)
            self.of_state = self.add_norm("state", self.units)

        def add_norm(self, name: str, size: int) -> list[Any]:
            gain = self.add_weight((size,), "ones", name=f"{name}_norm_gain")
            return [gain, self.add_weight((size,), "zeros", name=f"{name}_norm_bias")]

        def call(self, inputs: Any, states: Any) -> Any:
            h, c = states
            read = normalised_in_keras(ops.matmul(inputs, self.kernel), EPSILON, *self.of_inputs)
            recurrent = ops.matmul(h, self.recurrent_kernel)
            recurrent = normalised_in_keras(recurrent, EPSILON, *self.of_recurrent)
            i, f, candidate, o = ops.split(ops.add(read + recurrent, self.bias), 4, axis=-1)
            c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(candidate)
            h = ops.sigmoid(o) * ops.tanh(normalised_in_keras(c, EPSILON, *self.of_state))
            return h, [h, c]

    return LayerNormLSTMCell


def layer_norm_lstm(inputs: Array, weights: Any, mask: Array | None = None) -> Forward:
    """Compute the layer in NumPy from the list of `get_weights()`; see `reference.loop`."""
    kernel, recurrent_kernel, bias, *norms = weights
    input_norm, recurrent_norm, state_norm = norms[:2], norms[2:4], norms[4:]

    def step(x: Array, states: States) -> States:
        h, c = states
        from_input = normalised(x @ kernel, EPSILON, *input_norm)
        from_state = normalised(h @ recurrent_kernel, EPSILON, *recurrent_norm)
        i, f, candidate, o = np.split(from_input + from_state + bias, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(candidate)
        h = sigmoid(o) * np.tanh(normalised(c, EPSILON, *state_norm))
        return h, c

    units = len(recurrent_kernel)
    return loop(step, inputs, zero_states(inputs, units, units), mask)


VARIANTS.add(
    "layer_norm_lstm",
    Variant(
        LayerNormLSTM,
        lambda h: [Form("LayerNormLSTM", LayerNormLSTM(units=h), FORMULA, layer_norm_lstm)],
        loop_over(define_cell),
        define_cell,
        recurrent=True,
    ),
)
