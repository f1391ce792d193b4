"""Stock Keras recurrent layers with a compiled loop or compiled gates, on TensorFlow.

Only `accelerate(model)` must be called; class, weights, configuration and saved files of the layers
do not change.
"""

import keras

from rnnbench.models.fast.cores import share_cores

__all__ = ["accelerate", "reasons_against", "share_cores"]


def accelerate(layer: keras.Layer, batch_size: int = 1) -> keras.Layer:
    """Give a layer, or every layer of a model, the compiled loop where it applies.

    It applies to SimpleRNN, LSTM, GRU (both `reset_after`) and `RNN` of their cells and of stacked
    cells, and to this project's IndRNN, alone, in `Bidirectional` or in `TimeDistributed`, in
    float32, float64 and bfloat16; in bfloat16, states and sums over the steps stay in 32 bits. For
    this project's layers whose recurrence is linear, only the recurrence is a loop: gates and
    outputs are computed for all steps at once, in float32 or float64 and without a mask. A ConvLSTM
    keeps TensorFlow's loop, in which the convolutions of input and state become one, and gets
    compiled gates. A Conv3D with one filter, as at the end of a video model, becomes one matrix
    product, and so does a Dense layer in `TimeDistributed`, for which Keras computes one product
    per step. Class, weights, configuration and saved file stay those of Keras; results, including
    gradients of gradients, differ only by rounding.

    Whether it applies is decided each time TensorFlow traces a layer, so that a model may be built,
    compiled, frozen or compiled again afterwards. Layers that the compiled loop does not support
    keep Keras's loop, and `reasons_against` returns why: a class or an activation that is not
    Keras's, another precision, or sequence lengths that change from batch to batch, for each of
    which XLA would compile anew. So do layers on a CPU with batches so large that Keras's loop is
    as fast; for short sequences that loop is unrolled. Call `accelerate` before the model first
    computes, which is when it is traced. On a CPU, call `share_cores` before anything is computed:
    parts of a batch that run concurrently then do not wait for each other's threads.

    If a compiled model is trained with `fit` or `train_on_batch` on a CPU, the optimizer's
    updates are compiled too. So is the complete training step of a small model whose layers,
    loss and metrics are Keras's and support XLA; for a larger model, XLA would run the step on
    one core. If all loops are over other cells of this project, for which there is no compiled
    loop outside a compiled step, the step is compiled whatever its size. On a GPU, layers that
    cuDNN supports stay with cuDNN. Without such layers, Keras lets XLA compile the complete
    step, unless operations must be deterministic: then `accelerate` does so or, with an
    embedding, compiles only the loops. With a back end other than TensorFlow, nothing changes.

    Parameters
    ----------
    layer : keras.Layer
        A layer or a model.
    batch_size : int, default 1
        The usual number of examples per batch. Smaller batches are padded to it and take as long.

    Returns
    -------
    keras.Layer
        The given layer.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        from rnnbench.models.fast.devices import CPU, GPU
        from rnnbench.models.fast.install import install

        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        install(layer, (GPU if on_gpu else CPU)(layer, batch_size))
    return layer


def reasons_against(layer: keras.Layer) -> dict[str, str]:
    """Return which recurrent layers run in Keras's own loop, and why.

    Parameters
    ----------
    layer : keras.Layer
        A layer or a model; layers in wrappers are included.

    Returns
    -------
    dict of str
        The reason by the layer's name, as of the layer's last tracing. Layers that run in the
        compiled loop are absent.
    """
    return {
        part.name: reason
        for part in layer._flatten_layers()
        if isinstance(part, keras.layers.RNN)
        and (reason := getattr(part.inner_loop, "reason", "not accelerated"))
    }
