"""Layers for frames: ConvLSTM2D (Shi et al. 2015) and convolutions over time and space."""

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


class Strided(Convolution):
    """Pixels from one place of the kernel to the next; in time it goes frame by frame."""

    strides: PositiveInt = KERAS_DEFAULT


class Conv3D(Strided):
    """A convolution over time and space."""

    type: Literal["conv_3d"] = "conv_3d"


class Conv3DTranspose(Strided):
    """The transposed convolution: with strides, frames of more pixels."""

    type: Literal["conv_3d_transpose"] = "conv_3d_transpose"


def _build(name_of_class: str, **options: Any) -> Any:
    import keras

    if "strides" in options:
        options["strides"] = (1, options["strides"], options["strides"])
    return getattr(keras.layers, name_of_class)(**options)


def _conv_lstm_forms(h: int) -> list[Form]:
    layer = ConvLSTM2D(filters=h, kernel_size=3, padding="same")
    reference = on_listed_weights(partial(conv_lstm_2d, padding="same"))
    return [Form("ConvLSTM2D(3 x 3)", layer, "4*(9*(x + h)*h + h)", reference)]


def _conv_forms(options: type[Conv3D] | type[Conv3DTranspose], h: int) -> list[Form]:
    name = f"{options.__name__}(3 x 3 x 3"
    every = options(filters=h, kernel_size=3, padding="same")
    second = options(filters=h, kernel_size=3, padding="same", strides=2)
    formula = "27*x*h + h"
    return [Form(f"{name})", every, formula), Form(f"{name}, strides=2)", second, formula)]


VARIANTS.add("conv_lstm_2d", Variant(ConvLSTM2D, _conv_lstm_forms, recurrent=True, frames=True))
for _options in (Conv3D, Conv3DTranspose):
    VARIANTS.add(
        _options.model_fields["type"].default,
        Variant(
            _options,
            partial(_conv_forms, _options),
            partial(_build, _options.__name__),
            causal=False,
            needs_steps=True,
            frames=True,
            tabulated=False,
        ),
    )
