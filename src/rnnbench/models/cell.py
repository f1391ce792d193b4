"""Base classes and initializers of this project's cells.

It imports Keras: modules of variants import it only inside the functions that define classes.
"""

import math
from collections.abc import Callable
from typing import Any, ClassVar

import keras
from keras import ops

PACKAGE = "rnnbench"  # prefix of the names under which Keras saves classes of this project

Initializer = Callable[..., Any]


class Cell(keras.layers.Layer):  # type: ignore[misc]
    """A cell with one state of `units` numbers, unless a subclass sets another `state_size`.

    The first state must be the output: on JAX, Keras repeats it at masked steps. A subclass lists
    the names of its further arguments in `OPTIONS` and stores each as an attribute of that name;
    they are saved with the model.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ()

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units = units
        self.state_size: int | list[int] = units

    def get_config(self) -> dict[str, Any]:
        """Return the arguments from which `from_config` makes the same cell."""
        own = {name: getattr(self, name) for name in ("units", *self.OPTIONS)}
        return {**super().get_config(), **own}


class IndependentCell(Cell):
    """A cell whose units do not read each other: `h' = activation(x W + u h + b)`.

    A subclass sets `activation` and makes the weights `kernel`, `recurrent_kernel` (one number for
    each unit) and `bias`.
    """

    activation: Any
    kernel: Any
    recurrent_kernel: Any
    bias: Any

    def call(self, inputs: Any, states: Any) -> Any:
        """Compute one step."""
        from_input = ops.add(ops.matmul(inputs, self.kernel), self.bias)
        from_state = ops.multiply(states[0], self.recurrent_kernel)
        h = keras.activations.get(self.activation)(from_input + from_state)
        return h, [h]


class LinearCell(Cell):
    """A cell whose recurrence is linear: `s' = a s + b`, where a and b depend on no s.

    A subclass overrides `coefficients` and, unless s is the output, `read`; if a and b depend on
    earlier steps too, it sets `EARLIER`, their number, and overrides `remember`. These methods
    compute one step, (batch, features), or all steps at once, (batch, steps, features), so that
    only the recurrence itself needs a loop; see `rnnbench.models.fast.linear`.

    If s is the output, it is the only state. Otherwise the states are the output, s, and what
    `remember` returned for the earlier steps, the previous one first. With `IS_COMPLEX`, the first
    half of a, b and s is the real part of complex numbers, and the second half the imaginary part.
    """

    EARLIER: ClassVar[int] = 0
    IS_COMPLEX: ClassVar[bool] = False

    def remember(self, inputs: Any) -> Any:
        """Return what later steps need of a step's inputs."""
        raise NotImplementedError

    def coefficients(self, inputs: Any, window: list[Any]) -> tuple[Any, Any, Any]:
        """Return a, b and what `read` needs of them.

        `window` has the results of `remember` for this step and earlier ones; without `EARLIER`, it
        is empty.
        """
        raise NotImplementedError

    def read(self, inputs: Any, needed: Any, state: Any) -> Any:
        """Return the output; `needed` is the last result of `coefficients`."""
        return state

    def call(self, inputs: Any, states: Any) -> Any:
        """Compute one step."""
        before, earlier = split_states(states)
        window = [self.remember(inputs), *earlier] if self.EARLIER else []
        a, b, needed = self.coefficients(inputs, window)
        state = product(a, before, self.IS_COMPLEX) + b
        if len(states) == 1:
            return state, [state]
        output = self.read(inputs, needed, state)
        return output, [output, state, *window[: self.EARLIER]]


def split_states(states: Any) -> tuple[Any, list[Any]]:
    """Return s and the remembered arrays from the states of a `LinearCell`."""
    _, before, *earlier = states if len(states) > 1 else (None, *states)
    return before, earlier


def product(a: Any, b: Any, is_complex: bool) -> Any:
    """Return the elementwise product of real numbers, or of complex ones by halves of the units."""
    if not is_complex:
        return a * b
    (real_a, imaginary_a), (real_b, imaginary_b) = (ops.split(each, 2, axis=-1) for each in (a, b))
    real = real_a * real_b - imaginary_a * imaginary_b
    return ops.concatenate([real, real_a * imaginary_b + imaginary_a * real_b], axis=-1)


class Block(keras.layers.RNN):  # type: ignore[misc]
    """A recurrent layer of a cell of class `CELL`, whose outputs are as wide as its inputs.

    The cell learns the width in `build`, where it sets its `state_size`.
    """

    CELL: ClassVar[type[Cell]]

    def __init__(self, dtype: Any = None, **options: Any) -> None:
        own = {name: options.pop(name) for name in self._own() if name in options}
        super().__init__(self.CELL(dtype=dtype, **own), dtype=dtype, **options)

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Build the cell for the width of the sequences."""
        self.cell.build((sequences_shape[0], *sequences_shape[2:]))
        self.cell.built = True
        self.state_size = list(self.cell.state_size)
        super().build(sequences_shape, initial_state_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments from which `from_config` makes the same block."""
        config = super().get_config()
        cell = config.pop("cell")["config"]
        return {**config, **{name: cell[name] for name in self._own()}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Block":
        """Make a block from the arguments that `get_config` returns."""
        return cls(**config)

    @classmethod
    def _own(cls) -> tuple[str, ...]:
        return ("units", *cls.CELL.OPTIONS)


def drawn(smallest: float, largest: float, transform: Callable[[Any], Any]) -> Initializer:
    """Return an initializer that transforms uniform draws; each call draws the same values."""
    draw = keras.initializers.RandomUniform(smallest, largest)
    return lambda shape, dtype=None: transform(draw(shape, dtype))


def chrono(steps: int) -> Initializer:
    """Return the initializer of a forget gate's bias for dependencies of up to `steps` steps.

    Tallec & Ollivier 2018 ("Can recurrent neural networks warp time?"): with a bias of log(t) a
    unit remembers for about t steps; t is drawn uniformly from 1 to steps - 1.
    """
    return drawn(1.0, steps - 1.0, ops.log)


def side_by_side(*parts: Initializer) -> Initializer:
    """Return the initializer of a bias of equally large gates, from one initializer per gate."""

    def initial(shape: Any, dtype: Any = None) -> Any:
        size = shape[0] // len(parts)
        return ops.concatenate([part((size,), dtype=dtype) for part in parts])

    return initial


def gelu(values: Any) -> Any:
    """Return the values times the standard normal distribution function of the values.

    On TensorFlow, the factors in Keras's own gelu have 32 bits even in float64.
    """
    return values * (0.5 + 0.5 * ops.erf(values * math.sqrt(0.5)))


def normalised(values: Any, epsilon: float, gain: Any, bias: Any) -> Any:
    """Return values with mean 0 and variance 1 over the last axis, times a gain, plus a bias."""
    centred = values - ops.mean(values, axis=-1, keepdims=True)
    variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
    return ops.add(ops.multiply(centred * ops.rsqrt(variance + epsilon), gain), bias)
