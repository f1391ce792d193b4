"""The registry of variants: a name of `params.yaml` and how its Keras layer is made.

A variant enters the project here and in `rnnbench.params`; tests run over this registry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from rnnbench.errors import RnnbenchError
from rnnbench.params import (
    RNN,
    Bidirectional,
    Embedding,
    Layer,
    Section,
    StackedRNNCells,
    TimeDistributed,
)


@dataclass(frozen=True)
class Variant:
    """A form of layer that experiments may name.

    Attributes
    ----------
    build : callable
        Makes the Keras layer from keyword arguments.
    recurrent : bool
        Whether it carries a state from step to step.
    causal : bool
        Whether the output of a step depends on that step and earlier ones alone.
    """

    build: Callable[..., keras.Layer]
    recurrent: bool = False
    causal: bool = True


VARIANTS: dict[str, Variant] = {
    "simple_rnn": Variant(keras.layers.SimpleRNN, recurrent=True),
    "lstm": Variant(keras.layers.LSTM, recurrent=True),
    "gru": Variant(keras.layers.GRU, recurrent=True),
    "rnn": Variant(keras.layers.RNN, recurrent=True),
    "bidirectional": Variant(keras.layers.Bidirectional, recurrent=True, causal=False),
    "conv_lstm_2d": Variant(keras.layers.ConvLSTM2D, recurrent=True),
    "embedding": Variant(keras.layers.Embedding),
    "dense": Variant(keras.layers.Dense),
    "time_distributed": Variant(keras.layers.TimeDistributed),
    "dropout": Variant(keras.layers.Dropout),
    "spatial_dropout_1d": Variant(keras.layers.SpatialDropout1D),
    "batch_normalization": Variant(keras.layers.BatchNormalization),
    "conv_3d": Variant(keras.layers.Conv3D),
}

# What `rnn` loops over.
CELLS: dict[str, Callable[..., keras.Layer]] = {
    "simple_rnn_cell": keras.layers.SimpleRNNCell,
    "lstm_cell": keras.layers.LSTMCell,
    "gru_cell": keras.layers.GRUCell,
    "stacked_rnn_cells": keras.layers.StackedRNNCells,
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
    kind, options = _options(layer)
    if kind not in VARIANTS:
        raise RnnbenchError(f"variant {kind!r} does not exist; there are: {', '.join(VARIANTS)}")
    if isinstance(layer, Embedding):
        options["input_dim"] = vocabulary_size
        options["output_dim"] = options.pop("units")
    if isinstance(layer, Bidirectional | TimeDistributed):
        options["layer"] = build_layer(layer.layer, layer.layer.type)
    if isinstance(layer, RNN):
        options["cell"] = build_cell(layer.cell)
    return VARIANTS[kind].build(name=name, **options)


def build_cell(cell: Section) -> keras.Layer:
    """Make the Keras cell that a loop steps, a stack of cells included."""
    kind, options = _options(cell)
    if isinstance(cell, StackedRNNCells):
        options["cells"] = [build_cell(part) for part in cell.cells.values()]
    return CELLS[kind](**options)


def _options(section: Section) -> tuple[str, dict[str, Any]]:
    """Return a variant's name and the options that were given."""
    options: dict[str, Any] = section.model_dump(exclude_none=True)
    return options.pop("type"), options
