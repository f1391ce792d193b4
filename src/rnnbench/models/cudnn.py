"""Which recurrent layers Keras computes with cuDNN on a GPU."""

import keras


def loops_of(layer: keras.Layer) -> list[keras.layers.RNN]:
    """Return the recurrent layers in a layer: the layer itself, or those that it wraps."""
    return [part for part in layer._flatten_layers() if isinstance(part, keras.layers.RNN)]


def reason_against_cudnn(layer: keras.Layer) -> str | None:
    """Return the condition for cuDNN that a layer violates; None if it meets all conditions.

    The conditions are listed at https://keras.io/api/layers/recurrent_layers/lstm/ and on the page
    of the GRU.
    """
    for loop in loops_of(layer):
        if not isinstance(loop, keras.layers.LSTM | keras.layers.GRU):
            return f"no cuDNN kernel for {type(loop).__name__}"
        conditions = {
            f"{loop.activation.__name__} activation": loop.activation is keras.activations.tanh,
            f"{loop.recurrent_activation.__name__} recurrent activation": (
                loop.recurrent_activation is keras.activations.sigmoid
            ),
            "recurrent dropout": not loop.recurrent_dropout,
            "no bias": loop.use_bias,
            "reset_after=False": getattr(loop, "reset_after", True),
            "unroll=True": not loop.unroll,
        }
        for broken in (name for name, holds in conditions.items() if not holds):
            return f"{broken}: no cuDNN kernel"
    return None
