"""`keras.layers.RNN`, which makes a layer of any cell, and stacks of cells within one step."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from rnnbench.models.variant import CELLS, VARIANTS, Component, Form, Variant, build_cell
from rnnbench.models.variants import lstm
from rnnbench.params import CellField, Layer, numbered


class RNN(Layer):
    """Options of the layer."""

    type: Literal["rnn"] = "rnn"
    cell: CellField


class StackedRNNCells(Layer):
    """Cells stacked within one step: `cell_1`, `cell_2`, … from the lowest."""

    type: Literal["stacked_rnn_cells"] = "stacked_rnn_cells"
    cells: Annotated[dict[str, CellField], Field(min_length=1), AfterValidator(numbered("cell"))]


def _build_loop(cell: Layer, **options: Any) -> Any:
    import keras

    return keras.layers.RNN(build_cell(cell), **options)


def _build_stack(cells: dict[str, Layer]) -> Any:
    import keras

    return keras.layers.StackedRNNCells([build_cell(cell) for cell in cells.values()])


def _forms_of_loops(h: int) -> list[Form]:
    return [
        Form(f"RNN({form.name})", RNN(cell=form.layer), form.formula, form.reference)
        for cell in CELLS.values()
        for form in cell.forms(h)
    ]


def _forms_of_stacks(h: int) -> list[Form]:
    cells: dict[str, Layer] = {f"cell_{number}": lstm.LSTMCell(units=h) for number in (1, 2)}
    formula = f"{lstm.FORMULA} + 4*(2*h*h + h)"
    return [Form("StackedRNNCells", StackedRNNCells(cells=cells), formula)]


VARIANTS.add("rnn", Variant(RNN, _forms_of_loops, _build_loop, recurrent=True))
CELLS.add("stacked_rnn_cells", Component(StackedRNNCells, _forms_of_stacks, _build_stack))
