"""Layers for frames: ConvLSTM2D (Shi et al. 2015) and a convolution over time and space."""

from functools import partial
from typing import Literal

from pydantic import PositiveInt

from rnnbench.models.reference import conv_lstm_2d, on_listed_weights
from rnnbench.models.variant import KERAS_DEFAULT, VARIANTS, Activation, Form, Variant
from rnnbench.params import Layer


class Convolution(Layer):
    """The options that both layers share."""

    filters: PositiveInt
    kernel_size: PositiveInt
    padding: Literal["same", "valid"] = KERAS_DEFAULT
    activation: Activation = KERAS_DEFAULT


class ConvLSTM2D(Convolution):
    """An LSTM whose products are convolutions."""

    type: Literal["conv_lstm_2d"] = "conv_lstm_2d"


class Conv3D(Convolution):
    """A convolution over time and space."""

    type: Literal["conv_3d"] = "conv_3d"


def _conv_lstm_forms(h: int) -> list[Form]:
    layer = ConvLSTM2D(filters=h, kernel_size=3, padding="same")
    reference = on_listed_weights(partial(conv_lstm_2d, padding="same"))
    return [Form("ConvLSTM2D(3 x 3)", layer, "4*(9*(x + h)*h + h)", reference)]


def _conv_forms(h: int) -> list[Form]:
    layer = Conv3D(filters=h, kernel_size=3, padding="same")
    return [Form("Conv3D(3 x 3 x 3)", layer, "27*x*h + h")]


VARIANTS.add("conv_lstm_2d", Variant(ConvLSTM2D, _conv_lstm_forms, recurrent=True, frames=True))
VARIANTS.add(
    "conv_3d",
    Variant(Conv3D, _conv_forms, causal=False, needs_steps=True, frames=True, tabulated=False),
)
