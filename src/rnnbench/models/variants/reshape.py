"""A reshape of sequences to another number of features, such as images by pixel, not by row."""

from typing import Any, Literal

from pydantic import PositiveInt

from rnnbench.models.variant import VARIANTS, Form, Variant
from rnnbench.params import Layer


class Reshape(Layer):
    """Options of the layer: the number of features of each new step."""

    type: Literal["reshape"] = "reshape"
    features: PositiveInt


def _build(features: int, **options: Any) -> Any:
    import keras

    return keras.layers.Reshape((-1, features), **options)


VARIANTS.add(
    "reshape",
    Variant(
        Reshape,
        lambda h: [Form("Reshape", Reshape(features=1), "0")],
        _build,
        causal=False,
        needs_steps=True,
        tabulated=False,
    ),
)
