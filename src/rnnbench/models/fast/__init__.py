"""Stock Keras recurrent layers with a compiled loop or compiled gates, on TensorFlow.

`accelerate(model)` is all that must be called; the layers stay what they were, in class, weights,
configuration and files.
"""

import keras

from rnnbench.models.fast.cores import share_cores

__all__ = ["accelerate", "share_cores"]


def accelerate(layer: keras.Layer, batch_size: int = 1) -> keras.Layer:
    """Give a layer, or every layer of a model, the compiled loop where it applies.

    It applies to SimpleRNN, LSTM, GRU (both `reset_after`) and `RNN` of their cells and of stacked
    cells, alone, in `Bidirectional` or in `TimeDistributed`, in float32, float64 and bfloat16, of
    which the last keeps states and sums over the steps in 32 bits. A ConvLSTM keeps TensorFlow's
    loop and convolutions, of which it then needs one where it had two, and gets compiled gates; a
    Conv3D with one filter, which makes frames of its states, becomes one matrix product, and so
    does a Dense layer in `TimeDistributed`, of which Keras makes one a step. Class, weights,
    configuration and saved file stay those of Keras; results differ by rounding.

    A layer that the compiled loop does not compute keeps Keras's (`rules.reason_against`), and so
    does, on a CPU, one for whose large batches it is as fast (`rules.reason_of_size`); there short
    sequences have it unrolled. Call it before the model is traced, which is when it first computes;
    and on a CPU, before anything is computed, `share_cores`: parts of a batch that run at once then
    do not wait for each other's threads.

    Of a model that was compiled, a CPU gets the optimizer's updates compiled too, and of a small
    one the whole training step; of a larger one XLA would make one loop on one core. On a GPU, what
    cuDNN takes stays with it. Keras lets XLA compile a whole step without such layers, unless
    operations must be deterministic: then this does it, or, with an embedding, compiles the loops
    alone. With another back end than TensorFlow nothing changes.

    Parameters
    ----------
    layer : keras.Layer
        A layer or a model.
    batch_size : int, default 1
        How many examples it will mostly see at once; fewer are filled up and cost as much.

    Returns
    -------
    keras.Layer
        The same.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        from rnnbench.models.fast.devices import accelerate_on_cpu, accelerate_on_gpu
        from rnnbench.models.fast.time_distributed import compute_steps_at_once

        compute_steps_at_once(layer)
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        (accelerate_on_gpu if on_gpu else accelerate_on_cpu)(layer, batch_size)
    return layer
