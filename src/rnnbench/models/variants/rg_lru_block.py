"""A block around Griffin's real-gated linear recurrent unit (De et al. 2024, arXiv:2402.19427).

The unit: `h' = a h + sqrt(1 - a²) (i v)` with `a = sigmoid(Λ)^(8 r)`, where the recurrence gate r
and the input gate i depend on v, not on the state. In the block around it, u is the inputs divided
by the root of their mean square, v is a convolution over the last four steps of `u W`, and the
output is `x + (h' gelu(u V)) O`. Outputs are as wide as inputs, so that blocks can be stacked. The
gates have full kernels, while those of the published models are block-diagonal.
"""

from typing import Any, ClassVar, Literal

import numpy as np

from rnnbench.models.reference import Array, Forward, States, gelu, loop, sigmoid, zero_states
from rnnbench.models.variant import VARIANTS, Form, Sized, Variant

EPSILON = 1e-6  # of the normalisation
FORMULA = "3*x*h + 2*h*h + 10*h + 2*x"
SHARPNESS = 8.0  # c of the paper
TAPS = 4  # steps under the convolution
RADII = (0.9, 0.999)  # limits of the initial sigmoid(Λ)
SMALLEST = 2.5e-7  # lower bound of 1 - a², which keeps the gradient of its root finite


class RGLRUBlock(Sized):
    """Options of the block."""

    type: Literal["rg_lru_block"] = "rg_lru_block"


def define_block() -> Any:
    """Define the Keras class of the block."""
    import keras
    from keras import ops

    from rnnbench.models.cell import PACKAGE, Block, LinearCell, drawn
    from rnnbench.models.cell import gelu as gelu_in_keras

    class RGLRUBlockCell(LinearCell):
        """A step; its states are the output, h and the previous inputs of the convolution, v.

        `input_kernel` concatenates V and W, `gate_kernel` the gates r and i; the first row of
        `convolution` belongs to the current step, each further row to an earlier step.
        """

        EARLIER: ClassVar = TAPS - 1

        def __init__(self, units: int, **options: Any) -> None:
            super().__init__(units, **options)
            self.state_size = [units, *[units] * TAPS]

        def build(self, input_shape: Any) -> None:
            width, units = input_shape[-1], self.units
            self.state_size = [width, *[units] * TAPS]

            def weights(name: str, shape: tuple[int, ...], scale: float = 1.0) -> Any:
                normal = keras.initializers.VarianceScaling(scale, "fan_in", "untruncated_normal")
                return self.add_weight(shape, normal, name=name)

            def zeros(name: str, size: int) -> Any:
                return self.add_weight((size,), "zeros", name=name)

            self.norm_gain = self.add_weight((width,), "ones", name="norm_gain")
            self.input_kernel = weights("input_kernel", (width, 2 * units))
            self.input_bias = zeros("input_bias", 2 * units)
            self.convolution = weights("convolution", (TAPS, units), 0.01)
            self.convolution_bias = zeros("convolution_bias", units)
            self.gate_kernel = weights("gate_kernel", (units, 2 * units))
            self.gate_bias = zeros("gate_bias", 2 * units)
            smallest, largest = (radius**2 for radius in RADII)  # uniform over the ring's area
            decay = drawn(smallest, largest, lambda square: -ops.log(square**-0.5 - 1))
            self.decay = self.add_weight((units,), decay, name="decay")
            self.output_kernel = weights("output_kernel", (units, width))
            self.output_bias = zeros("output_bias", width)

        def project(self, inputs: Any, columns: slice) -> Any:
            square = ops.mean(ops.square(inputs), axis=-1, keepdims=True)
            u = ops.multiply(inputs * ops.rsqrt(square + EPSILON), self.norm_gain)
            return ops.add(ops.matmul(u, self.input_kernel[:, columns]), self.input_bias[columns])

        def remember(self, inputs: Any) -> Any:
            return self.project(inputs, slice(self.units, None))

        def coefficients(self, inputs: Any, window: list[Any]) -> tuple[Any, Any, Any]:
            taps = [ops.multiply(v, self.convolution[back]) for back, v in enumerate(window)]
            v = ops.add(sum(taps), self.convolution_bias)
            gates = ops.sigmoid(ops.add(ops.matmul(v, self.gate_kernel), self.gate_bias))
            r, i = ops.split(gates, 2, axis=-1)
            log_a = -SHARPNESS * r * ops.softplus(-self.decay)
            root = ops.sqrt(ops.maximum(-ops.expm1(2 * log_a), SMALLEST))
            return ops.exp(log_a), root * (i * v), None

        def read(self, inputs: Any, needed: Any, state: Any) -> Any:
            mixed = state * gelu_in_keras(self.project(inputs, slice(self.units)))
            return inputs + ops.add(ops.matmul(mixed, self.output_kernel), self.output_bias)

    @keras.saving.register_keras_serializable(PACKAGE)
    class RGLRUBlock(Block):
        """The block."""

        CELL = RGLRUBlockCell

    return RGLRUBlock


def rg_lru_block(inputs: Array, weights: Any, mask: Array | None = None) -> Forward:
    """Compute the block in NumPy from the list of `get_weights()`; see `reference.loop`."""
    norm_gain, kernel, bias, taps, taps_bias, gate_kernel, gate_bias, decay, out, out_bias = weights

    def step(x: Array, states: States) -> States:
        u = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + EPSILON) * norm_gain
        branch, v = np.split(u @ kernel + bias, 2, axis=-1)
        window = (v, *states[2:])
        v = sum(tap * past for tap, past in zip(taps, window, strict=True)) + taps_bias
        r, i = np.split(sigmoid(v @ gate_kernel + gate_bias), 2, axis=-1)
        a = sigmoid(decay) ** (SHARPNESS * r)
        h = a * states[1] + np.sqrt(np.maximum(1 - a**2, SMALLEST)) * (i * v)
        return x + (h * gelu(branch)) @ out + out_bias, h, *window[:-1]

    return loop(step, inputs, zero_states(inputs, len(out_bias), *[len(decay)] * TAPS), mask)


VARIANTS.add(
    "rg_lru_block",
    Variant(
        RGLRUBlock,
        lambda h: [Form("RGLRUBlock", RGLRUBlock(units=h), FORMULA, rg_lru_block)],
        define_class=define_block,
        recurrent=True,
    ),
)
