"""A fully connected layer, and a wrapper that applies a layer to each step separately."""

from typing import Any, Literal

from pydantic import PositiveInt, field_validator

from rnnbench.models.variant import (
    KERAS_DEFAULT,
    VARIANTS,
    Activation,
    Form,
    Variant,
    build_layer,
)
from rnnbench.params import Layer, LayerField


class Dense(Layer):
    """Options of the fully connected layer."""

    type: Literal["dense"] = "dense"
    units: PositiveInt
    activation: Activation = KERAS_DEFAULT


class TimeDistributed(Layer):
    """Options of the wrapper."""

    type: Literal["time_distributed"] = "time_distributed"
    layer: LayerField

    @field_validator("layer")
    @classmethod
    def _takes_one_step(cls, layer: Layer) -> Layer:
        inner = VARIANTS[layer.type]
        if inner.recurrent or inner.needs_steps or inner.takes_ids:
            raise ValueError(
                f"type {layer.type!r} does not take the numbers of one step; use a layer that does,"
                " such as dense"
            )
        return layer


def _build_for_each_step(layer: Layer, **options: Any) -> Any:
    import keras

    return keras.layers.TimeDistributed(build_layer(layer, name=layer.type), **options)


def _dense_forms(h: int) -> list[Form]:
    return [Form("Dense", Dense(units=h), "x*h + h")]


def _time_distributed_forms(h: int) -> list[Form]:
    return [Form("TimeDistributed(Dense)", TimeDistributed(layer=Dense(units=h)), "x*h + h")]


VARIANTS.add("dense", Variant(Dense, _dense_forms, tabulated=False))
VARIANTS.add(
    "time_distributed",
    Variant(TimeDistributed, _time_distributed_forms, _build_for_each_step, needs_steps=True),
)
