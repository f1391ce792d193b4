"""A model's whole training step as one function that XLA compiles."""

import keras
import tensorflow as tf


def compile_training_step(model: keras.Model) -> None:
    """Let XLA compile the model's own `train_step`: forward, backward, updates and metrics.

    It is what `compile(jit_compile=True)` asks for, which Keras refuses where operations must be
    deterministic; on a CPU what XLA compiles is. A batch of another size is compiled by itself.
    """
    model.train_step = tf.function(model.train_step, jit_compile=True, reduce_retracing=True)


def is_compiled(model: keras.Model) -> bool:
    """Whether `compile_training_step`, or Keras itself, lets XLA compile the whole step."""
    ours = isinstance(model.train_step, tf.types.experimental.PolymorphicFunction)
    return ours or bool(model.jit_compile)
