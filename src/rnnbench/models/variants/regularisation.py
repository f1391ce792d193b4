"""Regularising layers: dropout and batch normalisation."""

from typing import Any, Literal

from rnnbench.models.variant import KERAS_DEFAULT, VARIANTS, Form, Variant
from rnnbench.params import Fraction, Layer


class Dropout(Layer):
    """Inputs dropped at random during training: single numbers, or all numbers of a step.

    After an embedding, whole steps are words (Iyyer et al. 2015).
    """

    type: Literal["dropout"] = "dropout"
    rate: Fraction
    whole_steps: bool = KERAS_DEFAULT


def _build_dropout(whole_steps: bool = False, **options: Any) -> Any:
    import keras

    if whole_steps:
        options["noise_shape"] = (None, None, 1)
    return keras.layers.Dropout(**options)


def _dropout_forms(h: int) -> list[Form]:
    return [
        Form("Dropout", Dropout(rate=0.5), "0"),
        Form("Dropout(whole steps)", Dropout(rate=0.5, whole_steps=True), "0"),
    ]


class SpatialDropout1D(Layer):
    """Features dropped at random during training, each from all steps of a sequence."""

    type: Literal["spatial_dropout_1d"] = "spatial_dropout_1d"
    rate: Fraction


class BatchNormalization(Layer):
    """Inputs normalised over the batch, in prediction by running averages."""

    type: Literal["batch_normalization"] = "batch_normalization"


VARIANTS.add(
    "dropout",
    Variant(Dropout, _dropout_forms, _build_dropout, tabulated=False),
)
VARIANTS.add(
    "spatial_dropout_1d",
    Variant(
        SpatialDropout1D,
        lambda h: [Form("SpatialDropout1D", SpatialDropout1D(rate=0.5), "0")],
        needs_steps=True,
        tabulated=False,
    ),
)
VARIANTS.add(
    "batch_normalization",
    Variant(
        BatchNormalization,
        lambda h: [Form("BatchNormalization", BatchNormalization(), "4*x")],
        tabulated=False,
    ),
)
