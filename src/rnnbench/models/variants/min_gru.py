"""minGRU (Feng et al. 2024, arXiv:2410.01201), a GRU whose gate does not read the state.

`h' = (1 - z) h + z g(x W)` with the update gate `z = sigmoid(x V)`: the recurrence is linear in the
state. By default `g(a)` is `a + 0.5` for `a >= 0` and `sigmoid(a)` below, as in the paper's
log-space form; the state is then positive. With the activation tanh, the layer is the gated impulse
linear recurrence of Martin & Cundy (2018, arXiv:1709.04057).
"""

from typing import Any, ClassVar, Literal

import numpy as np

from rnnbench.models.reference import Array, Forward, States, loop, sigmoid, zero_states
from rnnbench.models.variant import VARIANTS, Form, Recurrent, Variant, loop_over


class MinGRU(Recurrent):
    """Options of the layer; the default activation is the paper's g."""

    type: Literal["min_gru"] = "min_gru"


def define_cell() -> Any:
    """Define the Keras class of a step."""
    import keras
    from keras import ops

    from rnnbench.models.cell import PACKAGE, LinearCell

    @keras.saving.register_keras_serializable(PACKAGE)
    class MinGRUCell(LinearCell):
        """A step of minGRU; kernel and bias concatenate the update gate and the candidate."""

        OPTIONS: ClassVar = ("activation",)

        def __init__(self, units: int, activation: str | None = None, **options: Any) -> None:
            super().__init__(units, **options)
            self.activation = activation

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight((input_shape[-1], 2 * self.units), name="kernel")
            self.bias = self.add_weight((2 * self.units,), "zeros", name="bias")

        def coefficients(self, inputs: Any, window: list[Any]) -> tuple[Any, Any, Any]:
            sums = ops.add(ops.matmul(inputs, self.kernel), self.bias)
            update, candidate = ops.split(sums, 2, axis=-1)
            activate = keras.activations.get(self.activation) if self.activation else g
            z = ops.sigmoid(update)
            return 1 - z, z * activate(candidate), None

    return MinGRUCell


def g(values: Any) -> Any:
    """Return values + 0.5 where values are at least 0, their sigmoid elsewhere."""
    from keras import ops

    return ops.where(values >= 0, values + 0.5, ops.sigmoid(values))


def g_in_numpy(values: Array) -> Array:
    """Return the same as `g`, in NumPy."""
    return np.where(values >= 0, values + 0.5, sigmoid(values))


def min_gru(inputs: Array, weights: Any, mask: Array | None = None) -> Forward:
    """Compute the layer in NumPy from the list of `get_weights()`; see `reference.loop`."""
    kernel, bias = weights

    def step(x: Array, states: States) -> States:
        update, candidate = np.split(x @ kernel + bias, 2, axis=-1)
        z = sigmoid(update)
        h = (1 - z) * states[0] + z * g_in_numpy(candidate)
        return (h,)

    return loop(step, inputs, zero_states(inputs, len(bias) // 2), mask)


VARIANTS.add(
    "min_gru",
    Variant(
        MinGRU,
        lambda h: [Form("MinGRU", MinGRU(units=h), "2*(x*h + h)", min_gru)],
        loop_over(define_cell),
        define_cell,
        recurrent=True,
    ),
)
