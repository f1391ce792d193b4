"""The table of layers: asked of Keras, equal to the formulas that the literature prints."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnbench.models.layer_table import tabulate_layers, write_layer_table
from rnnbench.models.variant import CELLS, VARIANTS
from rnnbench.params import LayerTable

# With x inputs and h units, as the notebook tabulates them.
PRINTED: dict[str, Callable[[int, int], int]] = {
    "SimpleRNN": lambda x, h: (x + h) * h + h,
    "LSTM": lambda x, h: 4 * ((x + h) * h + h),
    "GRU(reset_after=False)": lambda x, h: 3 * ((x + h) * h + h),
    "GRU": lambda x, h: 3 * ((x + h) * h + 2 * h),
}


@settings(max_examples=5, deadline=None)
@given(steps=st.integers(1, 20), x=st.integers(1, 40), h=st.integers(1, 40))
def test_the_formulas_give_the_parameters_that_the_layers_have(steps: int, x: int, h: int) -> None:
    table = tabulate_layers(steps, x, h).set_index("layer")
    for name, row in table.iterrows():
        assert pd.eval(row["formula"], local_dict={"x": x, "h": h}) == row["parameters"], name
    for name, formula in PRINTED.items():
        assert table.loc[name, "parameters"] == formula(x, h)


def test_shapes_and_states_are_those_that_the_notebook_tabulates() -> None:
    table = tabulate_layers(10, 8, 32).set_index("layer")
    for name in ("SimpleRNN", "LSTM", "GRU"):
        assert table.loc[name, "output"] == "(batch, 32)"
        assert table.loc[name, "return_sequences"] == "(batch, 10, 32)"
    assert table["states"][["SimpleRNN", "GRU", "LSTM"]].tolist() == [1, 1, 2]
    assert table.loc["LSTM", "return_state_adds"] == "2 x (batch, 32)"
    assert table.loc["QRNN", "return_state_adds"] == "2 x (batch, 32), (batch, 96)"
    assert table.loc["LRUBlock", "output"] == "(batch, 8)"  # as wide as its inputs
    assert table.loc["Bidirectional(LSTM)", "output"] == "(batch, 64)"
    assert table.loc["Bidirectional(LSTM)", "states"] == 4
    assert table.loc["ConvLSTM2D(3 x 3)", "output"] == "(batch, 8, 8, 32)"


def test_the_first_look_s_layers_have_the_printed_parameters() -> None:
    counts = tabulate_layers(200, 128, 32).set_index("layer")["parameters"]
    assert counts[["SimpleRNN", "GRU", "LSTM"]].tolist() == [5_152, 15_552, 20_608]


def test_every_recurrent_variant_and_every_cell_has_rows() -> None:
    names = tabulate_layers(2, 1, 1)["layer"].tolist()
    components = [variant for variant in VARIANTS.values() if variant.recurrent]
    for component in (*components, *CELLS.values()):
        assert any(component.options.__name__ in name for name in names)
    assert len(names) == len(set(names)) == 29


def test_the_smallest_layers_come_first_in_the_files_too(tmp_path: Path) -> None:
    sizes = LayerTable(sequence_length=10, features=8, units=32)
    write_layer_table(sizes, tmp_path)
    table = pd.read_csv(tmp_path / "layers" / "table.csv")
    assert table["parameters"].is_monotonic_increasing
    lines = (tmp_path / "layers" / "table.md").read_text().splitlines()
    assert lines[0].startswith("| layer | output | return_sequences | return_state adds |")
    row = (
        "| LSTM | (batch, 32) | (batch, 10, 32) | 2 x (batch, 32) | 2 | 4*((x + h)*h + h) | 5,248 |"
    )
    assert row in lines
    assert len(lines) == 2 + len(table)
