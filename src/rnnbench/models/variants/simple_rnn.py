"""Elman's recurrent layer (1990, "Finding structure in time"), as a layer and as a cell."""

from typing import Literal

from rnnbench.models.reference import on_listed_weights, simple_rnn
from rnnbench.models.variant import CELLS, VARIANTS, Component, Form, Recurrent, Variant

FORMULA = "(x + h)*h + h"
REFERENCE = on_listed_weights(simple_rnn)


class SimpleRNN(Recurrent):
    """Options of the layer."""

    type: Literal["simple_rnn"] = "simple_rnn"


class SimpleRNNCell(Recurrent):
    """Options of the cell."""

    type: Literal["simple_rnn_cell"] = "simple_rnn_cell"


VARIANTS.add(
    "simple_rnn",
    Variant(
        SimpleRNN,
        lambda h: [Form("SimpleRNN", SimpleRNN(units=h), FORMULA, REFERENCE)],
        recurrent=True,
    ),
)
CELLS.add(
    "simple_rnn_cell",
    Component(
        SimpleRNNCell,
        lambda h: [Form("SimpleRNNCell", SimpleRNNCell(units=h), FORMULA, REFERENCE)],
    ),
)
