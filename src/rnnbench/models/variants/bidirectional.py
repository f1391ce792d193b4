"""Two copies of a recurrent layer, one for each direction (Schuster & Paliwal 1997)."""

from typing import Any, Literal

from pydantic import field_validator

from rnnbench.models.variant import KERAS_DEFAULT, VARIANTS, Form, Variant, build_layer
from rnnbench.params import Layer, LayerField
from rnnbench.registry import choices


class Bidirectional(Layer):
    """Options of the wrapper."""

    type: Literal["bidirectional"] = "bidirectional"
    layer: LayerField
    merge_mode: Literal["concat", "sum", "mul", "ave"] = KERAS_DEFAULT

    @field_validator("layer")
    @classmethod
    def _reads_one_way(cls, layer: Layer) -> Layer:
        one_way = [name for name, each in VARIANTS.items() if each.recurrent and each.causal]
        if layer.type not in one_way:
            raise ValueError(
                f"type {layer.type!r} is not a recurrent layer that reads one way;"
                f" {choices(layer.type, one_way)}"
            )
        return layer


def _build(
    layer: Layer,
    return_sequences: bool = False,
    return_state: bool = False,
    **options: Any,
) -> Any:
    import keras

    inner = build_layer(
        layer, name=layer.type, return_sequences=return_sequences, return_state=return_state
    )
    return keras.layers.Bidirectional(inner, **options)


def _forms(h: int) -> list[Form]:
    """Return one form per recurrent variant that has units, around the variant's default form."""
    inner = [
        variant.forms(h)[0]
        for variant in VARIANTS.values()
        if variant.recurrent and "units" in variant.options.model_fields
    ]
    return [
        Form(f"Bidirectional({form.name})", Bidirectional(layer=form.layer), f"2*({form.formula})")
        for form in inner
    ]


VARIANTS.add("bidirectional", Variant(Bidirectional, _forms, _build, recurrent=True, causal=False))
