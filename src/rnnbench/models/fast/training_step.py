"""A model's training step, of which XLA compiles what is faster so."""

from typing import Any

import keras
import tensorflow as tf

from rnnbench.models.fast.devices import Device
from rnnbench.models.fast.optimizer import compile_updates


class TrainingStep:
    """A model's own `train_step`, with what of it the device lets XLA compile.

    Keras calls it while it traces, anew after each `compile`. The whole step compiled is what
    `compile(jit_compile=True)` asks for, which Keras refuses where operations must be
    deterministic; on a CPU what XLA compiles is. A batch of another size is compiled by itself.
    """

    def __init__(self, model: keras.Model, device: Device) -> None:
        self._model = model
        self._device = device

    def __call__(self, data: Any) -> Any:
        """Do what `keras.Model.train_step` does."""
        stock = type(self._model).train_step.__get__(self._model)
        if tf.executing_eagerly():
            return stock(data)
        if self.is_compiled() and all(map(_is_number, keras.tree.flatten(data))):
            whole = tf.function(stock, jit_compile=True, reduce_retracing=True, autograph=False)
            return whole(data)
        if self._device.compiles_updates():
            compile_updates(self._model.optimizer)
        return stock(data)

    def is_compiled(self) -> bool:
        """Whether XLA compiles all of it."""
        return self._device.compiles_step()


def is_compiled(model: keras.Model) -> bool:
    """Whether `TrainingStep`, or Keras itself, lets XLA compile the whole step."""
    step = model.train_step
    return (isinstance(step, TrainingStep) and step.is_compiled()) or bool(model.jit_compile)


def _is_number(array: Any) -> bool:
    """Whether XLA knows an array of a batch: neither text nor rows of their own lengths."""
    if array is None:
        return True
    dtype = array.dtype
    return isinstance(array, tf.Tensor) and (dtype.is_floating or dtype.is_integer or dtype.is_bool)
