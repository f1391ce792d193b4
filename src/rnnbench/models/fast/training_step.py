"""A model's training step, compiled by XLA as a whole or in part where that is faster."""

from typing import Any

import keras
import tensorflow as tf

from rnnbench.models.fast.devices import Device
from rnnbench.models.fast.optimizer import compile_updates


class TrainingStep:
    """A replacement for a model's `train_step`, of which the device decides what XLA compiles.

    Keras calls it during tracing, again after each `compile`. Compiling the complete step is what
    `compile(jit_compile=True)` does, which Keras refuses if operations must be deterministic,
    although XLA's code is deterministic on a CPU. XLA compiles once for each batch size.
    """

    def __init__(self, model: keras.Model, device: Device) -> None:
        self._model = model
        self._device = device

    def __call__(self, data: Any) -> Any:
        """Return the same as `keras.Model.train_step`."""
        stock = type(self._model).train_step.__get__(self._model)
        if tf.executing_eagerly():
            return stock(data)
        if self.is_compiled() and all(map(_is_number, keras.tree.flatten(data))):
            compiled = tf.function(stock, jit_compile=True, reduce_retracing=True, autograph=False)
            return compiled(data)
        if self._device.compiles_updates():
            compile_updates(self._model.optimizer)
        return stock(data)

    def is_compiled(self) -> bool:
        """Whether XLA compiles the complete step."""
        return self._device.compiles_step()


def is_compiled(model: keras.Model) -> bool:
    """Whether XLA compiles the complete step, by `TrainingStep` or by Keras itself."""
    step = model.train_step
    return (isinstance(step, TrainingStep) and step.is_compiled()) or bool(model.jit_compile)


def _is_number(array: Any) -> bool:
    """Whether XLA supports an array of a batch, which must not be text, ragged or sparse."""
    if array is None:
        return True
    dtype = array.dtype
    return isinstance(array, tf.Tensor) and (dtype.is_floating or dtype.is_integer or dtype.is_bool)
