"""Layers for frames: ConvLSTM2D (Shi et al. 2015) and convolutions.

Conv3D takes neighbouring frames together. Conv2D and Conv2DTranspose take each frame separately and
may change its size; they are for the encoder and the forecaster around ConvLSTM2D.
"""

from functools import partial
from typing import Any, Literal

from pydantic import PositiveInt

from rnnbench.models.reference import conv_lstm_2d, on_listed_weights
from rnnbench.models.variant import KERAS_DEFAULT, VARIANTS, Activation, Form, Variant
from rnnbench.params import Layer


class Convolution(Layer):
    """The options that all layers for frames share."""

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


class Strided(Convolution):
    """Pixels of a frame from one place of the kernel to the next."""

    strides: PositiveInt = KERAS_DEFAULT


class Conv2D(Strided):
    """A convolution of each frame: with strides, frames of fewer pixels."""

    type: Literal["conv_2d"] = "conv_2d"


class Conv2DTranspose(Strided):
    """The transposed convolution of each frame: with strides, frames of more pixels."""

    type: Literal["conv_2d_transpose"] = "conv_2d_transpose"


def _build_for_each_frame(name_of_class: str, name: str | None = None, **options: Any) -> Any:
    import keras

    return keras.layers.TimeDistributed(getattr(keras.layers, name_of_class)(**options), name=name)


def _conv_lstm_forms(h: int) -> list[Form]:
    layer = ConvLSTM2D(filters=h, kernel_size=3, padding="same")
    reference = on_listed_weights(partial(conv_lstm_2d, padding="same"))
    return [Form("ConvLSTM2D(3 x 3)", layer, "4*(9*(x + h)*h + h)", reference)]


def _conv_3d_forms(h: int) -> list[Form]:
    layer = Conv3D(filters=h, kernel_size=3, padding="same")
    return [Form("Conv3D(3 x 3 x 3)", layer, "27*x*h + h")]


def _conv_2d_forms(options: type[Conv2D] | type[Conv2DTranspose], h: int) -> list[Form]:
    name = f"{options.__name__}(3 x 3"
    every = options(filters=h, kernel_size=3, padding="same")
    second = options(filters=h, kernel_size=3, padding="same", strides=2)
    formula = "9*x*h + h"
    return [Form(f"{name})", every, formula), Form(f"{name}, strides=2)", second, formula)]


VARIANTS.add("conv_lstm_2d", Variant(ConvLSTM2D, _conv_lstm_forms, recurrent=True, frames=True))
VARIANTS.add(
    "conv_3d",
    Variant(Conv3D, _conv_3d_forms, causal=False, needs_steps=True, frames=True, tabulated=False),
)
for _options in (Conv2D, Conv2DTranspose):
    VARIANTS.add(
        _options.model_fields["type"].default,
        Variant(
            _options,
            partial(_conv_2d_forms, _options),
            partial(_build_for_each_frame, _options.__name__),
            needs_steps=True,
            frames=True,
            tabulated=False,
        ),
    )
