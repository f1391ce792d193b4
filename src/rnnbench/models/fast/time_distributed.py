"""A Dense layer applied to all steps in one product; Keras computes one product per step."""

from typing import Any

import keras

from rnnbench.models.fast.rules import is_known


def is_dense_at_every_step(layer: keras.Layer) -> bool:
    """Whether a layer is `TimeDistributed(Dense)`; Dense treats steps like examples."""
    return (
        type(layer) is keras.layers.TimeDistributed
        and type(layer.layer) is keras.layers.Dense
        and is_known(layer.layer)
    )


class AllStepsAtOnce:
    """A replacement for the `call` of a `TimeDistributed` layer."""

    def __init__(self, layer: keras.layers.TimeDistributed) -> None:
        self._layer = layer

    def __call__(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the same as `TimeDistributed.call`, which refuses masks of another shape."""
        layer = self._layer
        fits = mask is None or inputs.shape[:2].is_compatible_with(mask.shape[:2])
        if not (fits and is_dense_at_every_step(layer)):
            return type(layer).call(layer, inputs, training=training, mask=mask)
        return layer.layer.call(inputs, training=training)
