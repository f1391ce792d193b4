"""Long short-term memory (Hochreiter & Schmidhuber 1997; Gers et al. 2000), and one step of it."""

from typing import Literal

from rnnbench.models.reference import lstm, on_listed_weights
from rnnbench.models.variant import CELLS, VARIANTS, Component, Form, Recurrent, Variant

FORMULA = "4*((x + h)*h + h)"
REFERENCE = on_listed_weights(lstm)


class LSTM(Recurrent):
    """Options of the layer."""

    type: Literal["lstm"] = "lstm"


class LSTMCell(Recurrent):
    """Options of the cell."""

    type: Literal["lstm_cell"] = "lstm_cell"


VARIANTS.add(
    "lstm",
    Variant(LSTM, lambda h: [Form("LSTM", LSTM(units=h), FORMULA, REFERENCE)], recurrent=True),
)
CELLS.add(
    "lstm_cell",
    Component(LSTMCell, lambda h: [Form("LSTMCell", LSTMCell(units=h), FORMULA, REFERENCE)]),
)
