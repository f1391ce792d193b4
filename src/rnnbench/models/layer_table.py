"""The layer table: inputs, outputs, states and number of parameters of each layer.

Shapes, states and numbers of parameters are read from the Keras layers. Formulas are those of the
literature, with x inputs and h units per step (for ConvLSTM2D: channels and filters).
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from rnnbench.files import atomic_folder, write_text
from rnnbench.layout import COMPARISONS_FOLDER, LAYERS_FOLDER, MARKDOWN_FILE, TABLE_FILE
from rnnbench.models.variant import VARIANTS, Form, Variant, build_layer
from rnnbench.params import LayerTable
from rnnbench.tables import Column, as_text, to_markdown

COLUMNS = (
    Column("layer", "layer"),
    Column("output", "output"),
    Column("return_sequences", "return_sequences"),
    Column("return_state_adds", "return_state adds"),
    Column("states", "states", ".0f"),
    Column("formula", "parameters of x inputs, h units"),
    Column("parameters", "parameters", ",d"),
)

BATCH = "batch"
FRAME_SIDE = 8


def tabulate_layers(sequence_length: int, features: int, units: int) -> pd.DataFrame:
    """Tabulate every form of the registered layers and cells: shapes, states and parameters.

    Parameters
    ----------
    sequence_length : int
        Steps of a sequence.
    features : int
        x, the features per step; for frames, their channels.
    units : int
        h, the units of every layer; for convolutions, the filters.

    Returns
    -------
    DataFrame
        One row per form, in ascending order of parameters: `layer`, the shapes of its `input`, its
        default `output` and its output with `return_sequences`, the shapes of the states that
        `return_state_adds`, the number of `states`, the `formula` and the number of `parameters`.
    """
    rows = [
        _row(variant, form, sequence_length, features)
        for variant in VARIANTS.values()
        if variant.tabulated
        for form in variant.forms(units)
    ]
    return pd.DataFrame(rows).sort_values(["parameters", "layer"], ignore_index=True)


def write_layer_table(sizes: LayerTable, comparisons: Path = COMPARISONS_FOLDER) -> None:
    """Write `layers/table.csv` and `layers/table.md` for the sizes that `params.yaml` names."""
    table = tabulate_layers(sizes.sequence_length, sizes.features, sizes.units)
    with atomic_folder(comparisons / LAYERS_FOLDER) as folder:
        table.to_csv(folder / TABLE_FILE, index=False)
        write_text(folder / MARKDOWN_FILE, to_markdown(as_text(table, COLUMNS)))


def _row(variant: Variant, form: Form, sequence_length: int, features: int) -> dict[str, Any]:
    side = (FRAME_SIDE, FRAME_SIDE) if variant.frames else ()
    inputs = keras.Input((sequence_length, *side, features))
    layer = build_layer(form.layer)
    default = layer(inputs)
    sequences, states = None, []
    if variant.recurrent:
        sequences = build_layer(form.layer, return_sequences=True)(inputs)
        _, *states = keras.tree.flatten(build_layer(form.layer, return_state=True)(inputs))
    return {
        "layer": form.name,
        "input": _written(inputs.shape),
        "output": _written(default.shape),
        "return_sequences": "" if sequences is None else _written(sequences.shape),
        "return_state_adds": _counted([_written(state.shape) for state in states]),
        "states": len(states),
        "formula": form.formula,
        "parameters": layer.count_params(),
    }


def _counted(shapes: list[str]) -> str:
    """Write each different shape once, in the given order, with its count if above 1."""
    counts = Counter(shapes)
    return ", ".join(
        f"{count} x {shape}" if count > 1 else shape for shape, count in counts.items()
    )


def _written(shape: Sequence[int | None]) -> str:
    return "(" + ", ".join(BATCH if size is None else str(size) for size in shape) + ")"
