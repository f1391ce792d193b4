"""A Dense layer at every step as one product, where Keras makes one for each step."""

from typing import Any

import keras


def is_dense_at_every_step(layer: keras.Layer) -> bool:
    """Whether a layer is `TimeDistributed(Dense)`: steps are to Dense as examples are."""
    distributed = isinstance(layer, keras.layers.TimeDistributed)
    return distributed and type(layer.layer) is keras.layers.Dense


def compute_steps_at_once(layer: keras.layers.TimeDistributed) -> None:
    """Let `TimeDistributed(Dense)` compute all steps at once."""

    def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        return layer.layer.call(inputs, training=training)

    layer.call = call
