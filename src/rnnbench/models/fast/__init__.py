"""Stock Keras recurrent layers with a compiled loop, on TensorFlow and a CPU.

`accelerate(model)` is all there is to call; the layers stay what they were, in class, weights,
configuration and files.
"""

import keras

# From here on Keras's loop is as fast: a step's products fill both cores by themselves
# (`benchmarks/`, growth with the batch).
TOO_MANY_AT_ONCE = 1024


def accelerate(layer: keras.Layer, batch_size: int = 1) -> keras.Layer:
    """Give a layer, or every layer of a model, the compiled loop where it applies.

    It applies to SimpleRNN, LSTM, GRU (both `reset_after`) and `RNN` of their cells and of stacked
    cells, alone, in `Bidirectional` or in `TimeDistributed`. Class, weights, configuration and
    saved file stay those of Keras; results differ by rounding. Of a model that was compiled, the
    optimizer's updates are compiled too, and the rest of a step is not: XLA would make one loop on
    one core of it. Call it before the model is traced, which is when it first computes. With
    another back end than TensorFlow, or a GPU, nothing changes.

    Parameters
    ----------
    layer : keras.Layer
        A layer or a model.
    batch_size : int, default 1
        How many examples it will mostly see at once. With 1,024 or more nothing changes: Keras's
        own loop is as fast then.

    Returns
    -------
    keras.Layer
        The same.
    """
    if keras.backend.backend() == "tensorflow" and batch_size < TOO_MANY_AT_ONCE:
        import tensorflow as tf

        from rnnbench.models.fast.layers import accelerate_on_tensorflow

        if not tf.config.list_physical_devices("GPU"):
            accelerate_on_tensorflow(layer)
    return layer
