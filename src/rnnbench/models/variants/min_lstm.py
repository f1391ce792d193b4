"""minLSTM (Feng et al. 2024, arXiv:2410.01201), an LSTM whose gates do not read the state.

`h' = f / (f + i) h + i / (f + i) g(x W)` with forget gate f, input gate i and g as in `min_gru`.
The recurrence is linear in the state, and the two shares add up to 1.
"""

from typing import Any, Literal

import numpy as np

from rnnbench.models.reference import Array, Forward, States, loop, sigmoid, zero_states
from rnnbench.models.variant import VARIANTS, Form, Sized, Variant, loop_over
from rnnbench.models.variants.min_gru import g, g_in_numpy


class MinLSTM(Sized):
    """Options of the layer."""

    type: Literal["min_lstm"] = "min_lstm"


def define_cell() -> Any:
    """Define the Keras class of a step."""
    import keras
    from keras import ops

    from rnnbench.models.cell import PACKAGE, LinearCell, side_by_side

    @keras.saving.register_keras_serializable(PACKAGE)
    class MinLSTMCell(LinearCell):
        """A step; kernel and bias concatenate forget gate, input gate and candidate.

        The forget gate's initial bias is 1, as in Keras's LSTM.
        """

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight((input_shape[-1], 3 * self.units), name="kernel")
            bias = side_by_side(ops.ones, ops.zeros, ops.zeros)
            self.bias = self.add_weight((3 * self.units,), bias, name="bias")

        def coefficients(self, inputs: Any, window: list[Any]) -> tuple[Any, Any, Any]:
            sums = ops.add(ops.matmul(inputs, self.kernel), self.bias)
            forget, write, candidate = ops.split(sums, 3, axis=-1)
            # f / (f + i) is computed from logarithms, because f and i may both underflow to 0.
            keep = ops.sigmoid(ops.softplus(-write) - ops.softplus(-forget))
            return keep, (1 - keep) * g(candidate), None

    return MinLSTMCell


def min_lstm(inputs: Array, weights: Any, mask: Array | None = None) -> Forward:
    """Compute the layer in NumPy from the list of `get_weights()`; see `reference.loop`."""
    kernel, bias = weights

    def step(x: Array, states: States) -> States:
        forget, write, candidate = np.split(x @ kernel + bias, 3, axis=-1)
        f, i = sigmoid(forget), sigmoid(write)
        h = f / (f + i) * states[0] + i / (f + i) * g_in_numpy(candidate)
        return (h,)

    return loop(step, inputs, zero_states(inputs, len(bias) // 3), mask)


VARIANTS.add(
    "min_lstm",
    Variant(
        MinLSTM,
        lambda h: [Form("MinLSTM", MinLSTM(units=h), "3*(x*h + h)", min_lstm)],
        loop_over(define_cell),
        define_cell,
        recurrent=True,
    ),
)
