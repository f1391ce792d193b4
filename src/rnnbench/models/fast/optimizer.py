"""An optimizer whose update of each variable XLA compiles into one pass over memory."""

from typing import Any

import keras
import tensorflow as tf

# Entries; compiling costs a tenth of a second, which a small variable never earns back.
WORTH_COMPILING = 100_000


def compile_updates(optimizer: keras.optimizers.Optimizer) -> None:
    """Let XLA compile the optimizer's own `update_step` for each large variable.

    What it computes stays Keras's, repeated ids included. Once more changes nothing.
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
