"""Compiling an optimizer's updates: XLA updates each variable in one pass over memory."""

from typing import Any

import keras
import tensorflow as tf

# Entries of a variable; for smaller ones, the tenth of a second for compiling does not pay off.
WORTH_COMPILING = 100_000


def compile_updates(optimizer: keras.optimizers.Optimizer) -> None:
    """Let XLA compile the optimizer's own `update_step` for each large variable.

    The arithmetic stays Keras's, including that for repeated ids. A second call changes nothing.
    """
    stock = type(optimizer).update_step.__get__(optimizer)

    def update_step(gradient: Any, variable: Any, learning_rate: Any) -> None:
        @tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
        def compiled(gradient: Any, learning_rate: Any) -> None:
            stock(gradient, variable, learning_rate)

        if tf.executing_eagerly() or variable.shape.num_elements() < WORTH_COMPILING:
            stock(gradient, variable, learning_rate)
        else:
            compiled(gradient, tf.convert_to_tensor(learning_rate))

    optimizer.update_step = update_step
