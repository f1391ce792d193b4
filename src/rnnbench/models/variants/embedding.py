"""An embedding: one vector per word; the view decides the size of the vocabulary."""

from typing import Any, Literal

from pydantic import PositiveInt

from rnnbench.models.variant import KERAS_DEFAULT, VARIANTS, Form, Variant
from rnnbench.params import Layer


class Embedding(Layer):
    """Options of the layer."""

    type: Literal["embedding"] = "embedding"
    units: PositiveInt
    mask_zero: bool = KERAS_DEFAULT


def _build(units: int, vocabulary_size: int, **options: Any) -> Any:
    import keras

    return keras.layers.Embedding(vocabulary_size, units, **options)


VARIANTS.add(
    "embedding",
    Variant(
        Embedding,
        lambda h: [Form("Embedding", Embedding(units=h), "v*h")],
        _build,
        takes_ids=True,
        tabulated=False,
    ),
)
