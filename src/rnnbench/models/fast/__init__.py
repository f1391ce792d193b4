"""Stock Keras recurrent layers with a compiled loop or compiled gates, on TensorFlow.

`accelerate(model)` is all that must be called; the layers stay what they were, in class, weights,
configuration and files.
"""

import keras

from rnnbench.models.fast.cores import share_cores

__all__ = ["accelerate", "reasons_against", "share_cores"]


def accelerate(layer: keras.Layer, batch_size: int = 1) -> keras.Layer:
    """Give a layer, or every layer of a model, the compiled loop where it applies.

    It applies to SimpleRNN, LSTM, GRU (both `reset_after`) and `RNN` of their cells and of stacked
    cells, alone, in `Bidirectional` or in `TimeDistributed`, in float32, float64 and bfloat16, of
    which the last keeps states and sums over the steps in 32 bits. A ConvLSTM keeps TensorFlow's
    loop and convolutions, of which it then needs one where it had two, and gets compiled gates; a
    Conv3D with one filter, which makes frames of its states, becomes one matrix product, and so
    does a Dense layer in `TimeDistributed`, of which Keras makes one a step. Class, weights,
    configuration and saved file stay those of Keras; results differ by rounding, gradients of
    gradients included.

    Whether it applies is decided each time TensorFlow traces a layer, when all is known: a model
    may be built, compiled, frozen or compiled again afterwards. What the compiled loop cannot be
    shown to compute keeps Keras's loop, and `reasons_against` says why: another class or activation
    than Keras's, numbers of another precision, sequences whose lengths change from batch to batch,
    for each of which XLA would compile anew. So does, on a CPU, a layer for whose large batches
    Keras's loop is as fast; there short sequences have it unrolled. Call it before the model is
    traced, which is when it first computes; and on a CPU, before anything is computed,
    `share_cores`: parts of a batch that run at once then do not wait for each other's threads.

    Where a compiled model is trained with `fit` or `train_on_batch`, a CPU gets the optimizer's
    updates compiled too, and of a small one the whole training step, if its layers, loss and
    metrics are Keras's and made for XLA; of a larger one XLA would make one loop on one core. Where
    all loops are over cells of this project, the whole step is compiled whatever its size. On a
    GPU, what cuDNN takes stays with it. Keras lets XLA compile a whole step without such layers,
    unless operations must be deterministic: then this does it, or, with an embedding, compiles the
    loops alone. With another back end than TensorFlow nothing changes.

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

        from rnnbench.models.fast.devices import CPU, GPU
        from rnnbench.models.fast.install import install

        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        install(layer, (GPU if on_gpu else CPU)(layer, batch_size))
    return layer


def reasons_against(layer: keras.Layer) -> dict[str, str]:
    """Return which recurrent layers Keras's own loop computes, and why.

    Parameters
    ----------
    layer : keras.Layer
        A layer or a model; a wrapper's layers are found as well.

    Returns
    -------
    dict of str
        The reason by the layer's name, as of the last time that it was traced. What the compiled
        loop computes is absent.
    """
    return {
        part.name: reason
        for part in layer._flatten_layers()
        if isinstance(part, keras.layers.RNN)
        and (reason := getattr(part.inner_loop, "reason", "not accelerated"))
    }
