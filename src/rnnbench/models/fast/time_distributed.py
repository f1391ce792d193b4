"""A Dense layer at every step as one product, where Keras makes one for each step."""

from functools import partial
from typing import Any

import keras


def is_dense_at_every_step(layer: keras.Layer) -> bool:
    """Whether a layer is `TimeDistributed(Dense)`: steps are to Dense as examples are."""
    distributed = isinstance(layer, keras.layers.TimeDistributed)
    return distributed and type(layer.layer) is keras.layers.Dense


def compute_steps_at_once(layer: keras.Layer) -> None:
    """Let every `TimeDistributed(Dense)` in a layer or a model compute all steps at once."""
    for part in layer._flatten_layers():
        if is_dense_at_every_step(part):
            part.call = partial(_call_dense, part.layer)


def _call_dense(
    dense: keras.layers.Dense, inputs: Any, training: bool | None = None, mask: Any = None
) -> Any:
    return dense.call(inputs, training=training)
