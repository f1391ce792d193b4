"""The registry of variants: a name of `params.yaml` and how its Keras layer is made.

A variant enters the project here and in `rnnbench.params`; tests run over this registry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from rnnbench.errors import RnnbenchError
from rnnbench.params import Embedding, Layer


@dataclass(frozen=True)
class Variant:
    """A form of layer that experiments may name.

    Attributes
    ----------
    build : callable
        Makes the Keras layer from keyword arguments.
    recurrent : bool
        Whether it carries a state from step to step.
    """

    build: Callable[..., keras.Layer]
    recurrent: bool = False


VARIANTS: dict[str, Variant] = {
    "simple_rnn": Variant(keras.layers.SimpleRNN, recurrent=True),
    "lstm": Variant(keras.layers.LSTM, recurrent=True),
    "gru": Variant(keras.layers.GRU, recurrent=True),
    "conv_lstm_2d": Variant(keras.layers.ConvLSTM2D, recurrent=True),
    "embedding": Variant(keras.layers.Embedding),
    "dense": Variant(keras.layers.Dense),
    "dropout": Variant(keras.layers.Dropout),
    "batch_normalization": Variant(keras.layers.BatchNormalization),
    "conv_3d": Variant(keras.layers.Conv3D),
}


def build_layer(layer: Layer, name: str, vocabulary_size: int | None = None) -> keras.Layer:
    """Make a Keras layer.

    Parameters
    ----------
    layer : Layer
        Its parameters; options that were left out are left to Keras.
    name : str
        What Keras calls it.
    vocabulary_size : int or None
        How many ids an embedding knows; the view's, needed by that layer alone.

    Raises
    ------
    RnnbenchError
        If the variant is not registered.
    """
    options: dict[str, Any] = layer.model_dump(exclude_none=True)
    kind = options.pop("type")
    if kind not in VARIANTS:
        raise RnnbenchError(f"variant {kind!r} does not exist; there are: {', '.join(VARIANTS)}")
    if isinstance(layer, Embedding):
        options["input_dim"] = vocabulary_size
        options["output_dim"] = options.pop("units")
    return VARIANTS[kind].build(name=name, **options)
