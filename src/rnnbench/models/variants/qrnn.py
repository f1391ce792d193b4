"""QRNN (Bradbury et al. 2017, arXiv:1611.01576) with a window of two steps and fo-pooling.

Candidate z, forget gate f and output gate o are a causal convolution over the inputs of a step and
of the previous step; then `c' = f c + (1 - f) z` and `h' = o c'`. The recurrence is linear in c.
Beside h and c, the products of the previous step are a state of the cell, so that masked steps are
left out of the convolution as well.
"""

from typing import Any, ClassVar, Literal

import numpy as np

from rnnbench.models.reference import Array, Forward, States, loop, sigmoid, zero_states
from rnnbench.models.variant import VARIANTS, Form, Sized, Variant, loop_over


class QRNN(Sized):
    """Options of the layer."""

    type: Literal["qrnn"] = "qrnn"


def define_cell() -> Any:
    """Define the Keras class of a step."""
    import keras
    from keras import ops

    from rnnbench.models.cell import PACKAGE, LinearCell

    @keras.saving.register_keras_serializable(PACKAGE)
    class QRNNCell(LinearCell):
        """A step; its kernel has z, f, o for the next step, then z, f, o for the current one."""

        EARLIER: ClassVar = 1

        def __init__(self, units: int, **options: Any) -> None:
            super().__init__(units, **options)
            self.state_size = [units, units, 3 * units]

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight((input_shape[-1], 6 * self.units), name="kernel")
            self.bias = self.add_weight((3 * self.units,), "zeros", name="bias")

        def remember(self, inputs: Any) -> Any:
            return ops.matmul(inputs, self.kernel[:, : 3 * self.units])

        def coefficients(self, inputs: Any, window: list[Any]) -> tuple[Any, Any, Any]:
            current = ops.matmul(inputs, self.kernel[:, 3 * self.units :])
            z, f, o = ops.split(ops.add(window[1] + current, self.bias), 3, axis=-1)
            f = ops.sigmoid(f)
            return f, (1 - f) * ops.tanh(z), o

        def read(self, inputs: Any, needed: Any, state: Any) -> Any:
            return ops.sigmoid(needed) * state

    return QRNNCell


def qrnn(inputs: Array, weights: Any, mask: Array | None = None) -> Forward:
    """Compute the layer in NumPy from the list of `get_weights()`; see `reference.loop`."""
    kernel, bias = weights

    def step(x: Array, states: States) -> States:
        _, c, from_previous = states
        for_next, current = np.split(x @ kernel, 2, axis=-1)
        z, f, o = np.split(from_previous + current + bias, 3, axis=-1)
        c = sigmoid(f) * c + (1 - sigmoid(f)) * np.tanh(z)
        return sigmoid(o) * c, c, for_next

    units = len(bias) // 3
    return loop(step, inputs, zero_states(inputs, units, units, 3 * units), mask)


VARIANTS.add(
    "qrnn",
    Variant(
        QRNN,
        lambda h: [Form("QRNN", QRNN(units=h), "3*(2*x*h + h)", qrnn)],
        loop_over(define_cell),
        define_cell,
        recurrent=True,
    ),
)
