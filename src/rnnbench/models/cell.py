"""What the cells of this project share; the module of a variant imports it where it defines one."""

import math
from collections.abc import Callable
from typing import Any, ClassVar

import keras
from keras import ops

PACKAGE = "rnnbench"  # in the names under which Keras saves classes of this project

Initializer = Callable[..., Any]


class Cell(keras.layers.Layer):  # type: ignore[misc]
    """A cell with one state of `units` numbers, unless a subclass sets another `state_size`.

    A subclass lists the names of its further arguments in `OPTIONS` and keeps each as an attribute
    of that name: they are saved with the model.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ()

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units = units
        self.state_size: int | list[int] = units

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same cell."""
        own = {name: getattr(self, name) for name in ("units", *self.OPTIONS)}
        return {**super().get_config(), **own}


def drawn(smallest: float, largest: float, transform: Callable[[Any], Any]) -> Initializer:
    """Return an initializer that transforms uniform draws; called again, it draws the same."""
    draw = keras.initializers.RandomUniform(smallest, largest)
    return lambda shape, dtype=None: transform(draw(shape, dtype))


def chrono(steps: int) -> Initializer:
    """Return the initializer of a forget gate's bias for dependencies of up to so many steps.

    Tallec & Ollivier 2018 ("Can recurrent neural networks warp time?"): with a bias of log(t) a
    unit remembers for about t steps, and t is drawn from 1 to steps - 1.
    """
    return drawn(1.0, steps - 1.0, ops.log)


def side_by_side(*parts: Initializer) -> Initializer:
    """Return the initializer of a bias whose gates, equally large, have an initializer each."""

    def initial(shape: Any, dtype: Any = None) -> Any:
        size = shape[0] // len(parts)
        return ops.concatenate([part((size,), dtype=dtype) for part in parts])

    return initial


def gelu(values: Any) -> Any:
    """Return the values times the standard normal distribution's share below them.

    Keras's own has factors of 32 bits on TensorFlow.
    """
    return values * (0.5 + 0.5 * ops.erf(values * math.sqrt(0.5)))


def normalised(values: Any, gain: Any, bias: Any, epsilon: float) -> Any:
    """Return values with mean 0 and variance 1 over the last axis, times a gain, plus a bias."""
    centred = values - ops.mean(values, axis=-1, keepdims=True)
    variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
    return ops.add(ops.multiply(centred * ops.rsqrt(variance + epsilon), gain), bias)
