"""JANET (van der Westhuizen & Lasenby 2018, arXiv:1804.04849), an LSTM with only a forget gate.

`c' = sigmoid(s) c + (1 - sigmoid(s - 1)) tanh(x W + c U + b)`, where s is the forget gate's sum.
The state is the output. Without the shift by 1, the paper's beta, the recurrence is that of the
UGRNN (Collins et al. 2017).
"""

from typing import Any, ClassVar, Literal

import numpy as np

from rnnbench.models.reference import Array, Forward, States, loop, sigmoid, zero_states
from rnnbench.models.variant import KERAS_DEFAULT, VARIANTS, Form, Sized, Variant, loop_over
from rnnbench.models.variants.lstm import ChronoSteps

SHIFT = 1.0  # beta


class JANET(Sized):
    """Options of the layer; without `chrono_steps`, the forget gate's initial bias is 1."""

    type: Literal["janet"] = "janet"
    chrono_steps: ChronoSteps = KERAS_DEFAULT


def define_cell() -> Any:
    """Define the Keras class of a step."""
    import keras
    from keras import ops

    from rnnbench.models.cell import PACKAGE, Cell, chrono, side_by_side

    @keras.saving.register_keras_serializable(PACKAGE)
    class JANETCell(Cell):
        """A step of JANET; kernels and bias concatenate the forget gate and the candidate."""

        OPTIONS: ClassVar = ("chrono_steps",)

        def __init__(self, units: int, chrono_steps: int | None = None, **options: Any) -> None:
            super().__init__(units, **options)
            self.chrono_steps = chrono_steps

        def build(self, input_shape: Any) -> None:
            units = self.units
            self.kernel = self.add_weight((input_shape[-1], 2 * units), name="kernel")
            self.recurrent_kernel = self.add_weight(
                (units, 2 * units), "orthogonal", name="recurrent_kernel"
            )
            forget = chrono(self.chrono_steps) if self.chrono_steps else ops.ones
            self.bias = self.add_weight((2 * units,), side_by_side(forget, ops.zeros), name="bias")

        def call(self, inputs: Any, states: Any) -> Any:
            (c,) = states
            from_input = ops.add(ops.matmul(inputs, self.kernel), self.bias)
            sums = from_input + ops.matmul(c, self.recurrent_kernel)
            forget, candidate = ops.split(sums, 2, axis=-1)
            write = 1 - ops.sigmoid(forget - SHIFT)
            c = ops.sigmoid(forget) * c + write * ops.tanh(candidate)
            return c, [c]

    return JANETCell


def janet(inputs: Array, weights: Any, mask: Array | None = None) -> Forward:
    """Compute the layer in NumPy from the list of `get_weights()`; see `reference.loop`."""
    kernel, recurrent_kernel, bias = weights

    def step(x: Array, states: States) -> States:
        (c,) = states
        forget, candidate = np.split(x @ kernel + c @ recurrent_kernel + bias, 2, axis=-1)
        c = sigmoid(forget) * c + (1 - sigmoid(forget - SHIFT)) * np.tanh(candidate)
        return (c,)

    return loop(step, inputs, zero_states(inputs, len(bias) // 2), mask)


VARIANTS.add(
    "janet",
    Variant(
        JANET,
        lambda h: [Form("JANET", JANET(units=h), "2*((x + h)*h + h)", janet)],
        loop_over(define_cell),
        define_cell,
        recurrent=True,
    ),
)
