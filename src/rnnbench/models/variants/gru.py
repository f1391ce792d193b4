"""Gated recurrent unit (Cho et al. 2014), as a layer and as a cell.

Keras's default, `reset_after=True`, is the form that GPU kernels compute; the paper applies the
reset gate before the product with the recurrent kernel.
"""

from functools import partial
from typing import Literal

from rnnbench.models.reference import gru, on_listed_weights
from rnnbench.models.variant import (
    CELLS,
    KERAS_DEFAULT,
    VARIANTS,
    Component,
    Form,
    Recurrent,
    Variant,
)

FORMULA = "3*((x + h)*h + 2*h)"
FORMULA_RESET_BEFORE = "3*((x + h)*h + h)"
REFERENCE = on_listed_weights(gru)
REFERENCE_RESET_BEFORE = on_listed_weights(partial(gru, reset_after=False))


class GRU(Recurrent):
    """Options of the layer."""

    type: Literal["gru"] = "gru"
    reset_after: bool = KERAS_DEFAULT


class GRUCell(Recurrent):
    """Options of the cell."""

    type: Literal["gru_cell"] = "gru_cell"
    reset_after: bool = KERAS_DEFAULT


def _forms(h: int) -> list[Form]:
    before = GRU(units=h, reset_after=False)
    return [
        Form("GRU", GRU(units=h), FORMULA, REFERENCE),
        Form("GRU(reset_after=False)", before, FORMULA_RESET_BEFORE, REFERENCE_RESET_BEFORE),
    ]


VARIANTS.add("gru", Variant(GRU, _forms, recurrent=True))
CELLS.add(
    "gru_cell",
    Component(GRUCell, lambda h: [Form("GRUCell", GRUCell(units=h), FORMULA, REFERENCE)]),
)
