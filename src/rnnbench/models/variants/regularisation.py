"""Regularising layers: dropout and batch normalisation."""

from typing import Literal

from rnnbench.models.variant import VARIANTS, Form, Variant
from rnnbench.params import Fraction, Layer


class Dropout(Layer):
    """Inputs dropped at random during training."""

    type: Literal["dropout"] = "dropout"
    rate: Fraction


class SpatialDropout1D(Layer):
    """Features dropped at random during training, each from all steps of a sequence."""

    type: Literal["spatial_dropout_1d"] = "spatial_dropout_1d"
    rate: Fraction


class BatchNormalization(Layer):
    """Inputs normalised over the batch, in prediction by running averages."""

    type: Literal["batch_normalization"] = "batch_normalization"


VARIANTS.add(
    "dropout",
    Variant(Dropout, lambda h: [Form("Dropout", Dropout(rate=0.5), "0")], tabulated=False),
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
