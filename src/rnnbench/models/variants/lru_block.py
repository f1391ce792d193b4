"""A block around the linear recurrent unit (Orvieto et al. 2023, arXiv:2303.06349).

The unit: `s' = λ s + exp(gamma) (u B)` and `y = Re(s' C) + D u` with complex states s and
`λ = exp(-exp(nu) + i exp(theta))`. As a linear recurrence alone is weaker than an LSTM layer, the
block normalises the unit's inputs, `u = LayerNorm(x)`, and returns `x + a sigmoid(b)` with a and b
from a dense layer on `gelu(y)` (a gated linear unit). Outputs are as wide as inputs; models stack
two to six blocks.
"""

import math
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from rnnbench.models.reference import (
    Array,
    Forward,
    States,
    gelu,
    loop,
    normalised,
    sigmoid,
    zero_states,
)
from rnnbench.models.variant import KERAS_DEFAULT, VARIANTS, Form, Sized, Variant
from rnnbench.params import Share

EPSILON = 1e-5  # of the normalisation
FORMULA = "4*x*h + 3*h + 2*x*x + 5*x"
MARGIN = 1e-6  # least distance of draws from 0 and 1, where logarithms would not be finite


class LRUBlock(Sized):
    """Options of the block: the number of complex states and the initial distribution of their λ.

    The λ are uniform over the ring between the radii `r_min` and `r_max` (by default 0 and 1), with
    angles below `max_phase` (by default 2π).
    """

    type: Literal["lru_block"] = "lru_block"
    r_min: Share = KERAS_DEFAULT
    r_max: Share = KERAS_DEFAULT
    max_phase: Annotated[float, Field(gt=0.0)] = KERAS_DEFAULT

    @model_validator(mode="after")
    def _ring_has_a_width(self) -> "LRUBlock":
        smallest = 0.0 if self.r_min is None else self.r_min
        largest = 1.0 if self.r_max is None else self.r_max
        if smallest >= largest:
            raise ValueError(f"r_min is {smallest}, r_max is {largest}: r_min must be the smaller")
        return self


def define_block() -> Any:
    """Define the Keras class of the block."""
    import keras
    from keras import ops

    from rnnbench.models.cell import PACKAGE, Block, LinearCell, drawn
    from rnnbench.models.cell import gelu as gelu_in_keras
    from rnnbench.models.cell import normalised as normalised_in_keras

    class LRUBlockCell(LinearCell):
        """A step; its states are the output, and the real and the imaginary part of s as one.

        `input_kernel` concatenates the real and imaginary parts of B by columns; `output_kernel`
        stacks the real part of C and minus its imaginary part by rows.
        """

        IS_COMPLEX: ClassVar = True
        OPTIONS: ClassVar = ("r_min", "r_max", "max_phase")

        def __init__(
            self,
            units: int,
            r_min: float = 0.0,
            r_max: float = 1.0,
            max_phase: float = 2 * math.pi,
            **options: Any,
        ) -> None:
            super().__init__(units, **options)
            self.r_min, self.r_max, self.max_phase = r_min, r_max, max_phase
            self.state_size = [units, 2 * units]

        def build(self, input_shape: Any) -> None:
            width, units = input_shape[-1], self.units
            self.state_size = [width, 2 * units]
            normal = keras.initializers.RandomNormal
            self.norm_gain = self.add_weight((width,), "ones", name="norm_gain")
            self.norm_bias = self.add_weight((width,), "zeros", name="norm_bias")
            # |λ|² is drawn uniformly, which makes λ uniform over the area of the ring.
            squares = max(self.r_min**2, MARGIN), min(self.r_max**2, 1 - MARGIN)
            log_radius = drawn(*squares, lambda square: ops.log(-0.5 * ops.log(square)))
            # From the same draws, so that states driven by white noise initially have its variance.
            log_gain = drawn_like(log_radius)
            log_phase = drawn(MARGIN, 1.0, lambda share: ops.log(self.max_phase * share))
            self.log_radius = self.add_weight((units,), log_radius, name="nu")
            self.log_phase = self.add_weight((units,), log_phase, name="theta")
            self.log_gain = self.add_weight((units,), log_gain, name="gamma")
            kernel = normal(stddev=(2 * width) ** -0.5)
            self.input_kernel = self.add_weight((width, 2 * units), kernel, name="input_kernel")
            kernel = normal(stddev=units**-0.5)
            self.output_kernel = self.add_weight((2 * units, width), kernel, name="output_kernel")
            self.skip = self.add_weight((width,), normal(stddev=1.0), name="skip")
            self.gate_kernel = self.add_weight((width, 2 * width), name="gate_kernel")
            self.gate_bias = self.add_weight((2 * width,), "zeros", name="gate_bias")

        def coefficients(self, inputs: Any, window: list[Any]) -> tuple[Any, Any, Any]:
            u = normalised_in_keras(inputs, EPSILON, self.norm_gain, self.norm_bias)
            radius, phase = ops.exp(-ops.exp(self.log_radius)), ops.exp(self.log_phase)
            decay = ops.concatenate([radius * ops.cos(phase), radius * ops.sin(phase)])
            gain = ops.tile(ops.exp(self.log_gain), 2)
            return decay, gain * ops.matmul(u, self.input_kernel), u

        def read(self, inputs: Any, needed: Any, state: Any) -> Any:
            seen = ops.matmul(state, self.output_kernel)
            y = gelu_in_keras(seen + ops.multiply(needed, self.skip))
            gated = ops.add(ops.matmul(y, self.gate_kernel), self.gate_bias)
            a, b = ops.split(gated, 2, axis=-1)
            return inputs + a * ops.sigmoid(b)

    def drawn_like(log_radius: Any) -> Any:
        def initial(shape: Any, dtype: Any = None) -> Any:
            return 0.5 * ops.log(1 - ops.exp(-2 * ops.exp(log_radius(shape, dtype))))

        return initial

    @keras.saving.register_keras_serializable(PACKAGE)
    class LRUBlock(Block):
        """The block."""

        CELL = LRUBlockCell

    return LRUBlock


def lru_block(inputs: Array, weights: Any, mask: Array | None = None) -> Forward:
    """Compute the block in NumPy from the list of `get_weights()`; see `reference.loop`."""
    gain, bias, nu, theta, gamma, kernel, output_kernel, skip, gate_kernel, gate_bias = weights
    decay = np.exp(-np.exp(nu) + 1j * np.exp(theta))

    def step(x: Array, states: States) -> States:
        u = normalised(x, EPSILON, gain, bias)
        s = decay * as_complex(states[1]) + np.exp(gamma) * as_complex(u @ kernel)
        parts = np.concatenate([s.real, s.imag], axis=-1)
        y = gelu(parts @ output_kernel + skip * u)
        a, b = np.split(y @ gate_kernel + gate_bias, 2, axis=-1)
        return x + a * sigmoid(b), parts

    def as_complex(parts: Array) -> Array:
        real, imaginary = np.split(parts, 2, axis=-1)
        return real + 1j * imaginary

    return loop(step, inputs, zero_states(inputs, len(skip), 2 * len(nu)), mask)


VARIANTS.add(
    "lru_block",
    Variant(
        LRUBlock,
        lambda h: [Form("LRUBlock", LRUBlock(units=h), FORMULA, lru_block)],
        define_class=define_block,
        recurrent=True,
    ),
)
