"""The atlas of recurrent layers: what each takes, returns, remembers and learns.

Shapes, states and numbers of parameters are asked of the Keras layers themselves. Formulas are
those of the literature, with x inputs and h units a step (for ConvLSTM2D: channels and filters).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import pandas as pd
from keras import layers

BATCH = "batch"
FRAME_SIDE = 8
KERNEL_SIDE = 3


@dataclass(frozen=True)
class Form:
    """A form in which a recurrent layer occurs.

    Attributes
    ----------
    build : callable
        Makes it from its units and the options `return_sequences` and `return_state`.
    formula : str
        Its number of parameters in Python's notation, x inputs and h units.
    frames : bool
        Whether a step is an image instead of a vector.
    options : tuple of str
        Which of the two options it has.
    """

    build: Any
    formula: str
    frames: bool = False
    options: tuple[str, ...] = ("return_sequences", "return_state")


def _bidirectional(layer: Any, units: int, **options: bool) -> keras.Layer:
    return layers.Bidirectional(layer(units, **options))


def _loop(cell: Any, units: int, **options: bool) -> keras.Layer:
    return layers.RNN(cell(units), **options)


def _stacked_cells(units: int, **options: bool) -> keras.Layer:
    cells = layers.StackedRNNCells([layers.LSTMCell(units), layers.LSTMCell(units)])
    return layers.RNN(cells, **options)


def _each_step(units: int) -> keras.Layer:
    return layers.TimeDistributed(layers.Dense(units))


def _conv_lstm(units: int, **options: bool) -> keras.Layer:
    return layers.ConvLSTM2D(units, KERNEL_SIDE, padding="same", **options)


_SIMPLE_RNN = "(x + h)*h + h"
_LSTM = "4*((x + h)*h + h)"
_GRU = "3*((x + h)*h + 2*h)"
_GRU_BEFORE = "3*((x + h)*h + h)"
_gru_before = partial(layers.GRU, reset_after=False)

FORMS: dict[str, Form] = {
    "SimpleRNN": Form(layers.SimpleRNN, _SIMPLE_RNN),
    "LSTM": Form(layers.LSTM, _LSTM),
    "GRU": Form(layers.GRU, _GRU),
    "GRU(reset_after=False)": Form(_gru_before, _GRU_BEFORE),
    "Bidirectional(SimpleRNN)": Form(
        partial(_bidirectional, layers.SimpleRNN), f"2*({_SIMPLE_RNN})"
    ),
    "Bidirectional(LSTM)": Form(partial(_bidirectional, layers.LSTM), f"2*{_LSTM}"),
    "Bidirectional(GRU)": Form(partial(_bidirectional, layers.GRU), f"2*{_GRU}"),
    "RNN(SimpleRNNCell)": Form(partial(_loop, layers.SimpleRNNCell), _SIMPLE_RNN),
    "RNN(LSTMCell)": Form(partial(_loop, layers.LSTMCell), _LSTM),
    "RNN(GRUCell)": Form(partial(_loop, layers.GRUCell), _GRU),
    "RNN(StackedRNNCells)": Form(_stacked_cells, f"{_LSTM} + 4*(2*h*h + h)"),
    "TimeDistributed(Dense)": Form(_each_step, "x*h + h", options=()),
    "ConvLSTM2D(3 x 3)": Form(_conv_lstm, "4*(9*(x + h)*h + h)", frames=True),
}


def tabulate_layers(sequence_length: int, features: int, units: int) -> pd.DataFrame:
    """Tabulate every form: shapes, states, formula and parameters.

    Parameters
    ----------
    sequence_length : int
        Steps of a sequence.
    features : int
        x, numbers a step; channels of a frame.
    units : int
        h, of every layer; filters of a convolution.

    Returns
    -------
    DataFrame
        A row a form: `layer`, the shapes it returns by default (`output`), with
        `return_sequences` and the states it adds with `return_state`, how many states there are,
        the `formula` and the number of `parameters`.
    """
    return pd.DataFrame(
        [_row(name, form, sequence_length, features, units) for name, form in FORMS.items()]
    )


def _row(name: str, form: Form, sequence_length: int, features: int, units: int) -> dict[str, Any]:
    side = (FRAME_SIDE, FRAME_SIDE) if form.frames else ()
    inputs = keras.Input((sequence_length, *side, features))
    layer = form.build(units)
    default = layer(inputs)
    sequences, states = None, []
    if form.options:
        sequences = form.build(units, return_sequences=True)(inputs)
        _, *states = keras.tree.flatten(form.build(units, return_state=True)(inputs))
    return {
        "layer": name,
        "input": _written(inputs.shape),
        "output": _written(default.shape),
        "return_sequences": "" if sequences is None else _written(sequences.shape),
        "return_state_adds": _counted([_written(state.shape) for state in states]),
        "states": len(states),
        "formula": form.formula,
        "parameters": layer.count_params(),
    }


def _counted(shapes: list[str]) -> str:
    """Write shapes that are all alike once, with their number."""
    return f"{len(shapes)} x {shapes[0]}" if len(shapes) > 1 else "".join(shapes)


def _written(shape: Sequence[int | None]) -> str:
    return "(" + ", ".join(BATCH if size is None else str(size) for size in shape) + ")"
