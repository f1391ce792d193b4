"""Tables for people: which columns, which words, how many digits."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table

NOTHING = "-"


@dataclass(frozen=True)
class Column:
    """A column of a table for people.

    Attributes
    ----------
    name : str
        In the data.
    title : str
        In the table's head.
    style : str
        How a number is written, for `format`; empty for text.
    """

    name: str
    title: str
    style: str = ""


Columns = Mapping[str, tuple[Column, ...]]

_NAME = (
    Column("experiment", "experiment"),
    Column("parameters", "parameters", ",d"),
)
_ACCURACY_SPREAD = Column("accuracy_spread", "sd over seeds", ".4f")
_ACCURACY = (
    Column("accuracy", "test accuracy", ".4f"),
    _ACCURACY_SPREAD,
    Column("reported_accuracy", "reported accuracy", ".4f"),
    Column("difference", "difference", "+.4f"),
    Column("majority_class_accuracy", "majority class", ".4f"),
)
_LOSS = Column("loss", "test loss", ".4f")
_FRAME_ERRORS = (
    Column("mse_per_pixel", "MSE/pixel", ".4f"),
    Column("copy_last_frame_mse_per_pixel", "MSE/pixel, last frame copied", ".4f"),
    Column("ssim", "SSIM", ".4f"),
    Column("copy_last_frame_ssim", "SSIM, last frame copied", ".4f"),
)
_SUMS = (
    Column("length", "steps", ".0f"),
    Column("loss", "test MSE", ".5f"),
    Column("loss_spread", "sd over seeds", ".5f"),
    Column("baseline_loss", "MSE of always 1", ".4f"),
    Column("correct", "within 0.04", ".3f"),
)
_COPIES = (
    Column("length", "delay", ".0f"),
    Column("accuracy", "symbols right", ".4f"),
    _ACCURACY_SPREAD,
    Column("memoryless_accuracy", "by chance", ".4f"),
    Column("sequence_accuracy", "sequences right", ".4f"),
    Column("loss", "test loss", ".4f"),
    Column("baseline_loss", "loss without memory", ".4f"),
)
_STEP = Column("step_milliseconds_p50", "ms/step p50", ".1f")
_EPOCH = Column("epoch_seconds", "s/epoch", ".1f")
_TARGET = Column("seconds_to_target", "s to target", ".1f")
_TIMES = (
    _STEP,
    Column("step_milliseconds_p95", "ms/step p95", ".1f"),
    Column("reported_step_milliseconds", "reported ms/step"),
    _EPOCH,
    Column("epoch_processor_seconds", "CPU s/epoch", ".1f"),
    Column("reported_epoch_seconds", "reported s/epoch", ".0f"),
    Column("examples_per_second", "examples/s", ",.0f"),
    Column("target", "target"),
    _TARGET,
    Column("joules_to_target", "J to target", ",.0f"),
    Column("kernel", "kernel"),
)
# By the kind of an experiment's targets, see `rnnbench.reporting.results.Result`.
EVERYTHING: Columns = {
    "classes": (
        *_NAME,
        *_ACCURACY,
        Column("accuracy_with_words", "of texts with a word", ".4f"),
        Column("macro_f1", "macro F1", ".4f"),
        _LOSS,
        Column("reported_loss", "reported loss", ".4f"),
        *_TIMES,
    ),
    "frames": (
        *_NAME,
        _LOSS,
        Column("training_loss", "training loss", ".4f"),
        Column("reported_training_loss", "reported training loss", ".4f"),
        Column("validation_loss", "validation loss", ".4f"),
        Column("reported_validation_loss", "reported validation loss", ".4f"),
        *_FRAME_ERRORS,
        Column("mae_per_pixel", "MAE/pixel", ".4f"),
        Column("psnr", "PSNR (dB)", ".2f"),
        *_TIMES,
    ),
    "sums": (*_NAME, *_SUMS, Column("mean_absolute_error", "MAE", ".4f"), *_TIMES),
    "copies": (*_NAME, *_COPIES, *_TIMES),
}
SUMMARY: Columns = {
    "classes": (*_NAME, *_ACCURACY, _STEP, _EPOCH, _TARGET),
    "frames": (*_NAME, _LOSS, *_FRAME_ERRORS, _STEP, _EPOCH, _TARGET),
    "sums": (*_NAME, *_SUMS, _STEP, _TARGET),
    "copies": (*_NAME, *_COPIES, _STEP, _TARGET),
}
ATLAS = (
    Column("layer", "layer"),
    Column("output", "output"),
    Column("return_sequences", "return_sequences"),
    Column("return_state_adds", "return_state adds"),
    Column("states", "states", ".0f"),
    Column("formula", "parameters of x inputs, h units"),
    Column("parameters", "parameters", ",d"),
)


def for_people(table: pd.DataFrame, columns: tuple[Column, ...]) -> pd.DataFrame:
    """Do what `as_text` does for a suite's table; rows that were not run say so."""
    table = table.assign(difference=table["accuracy"] - table["reported_accuracy"])
    shown = as_text(table, columns)
    shown[shown.columns[0]] += [
        " (not run)" if status == "not run" else "" for status in table["status"]
    ]
    return shown


def as_text(table: pd.DataFrame, columns: tuple[Column, ...]) -> pd.DataFrame:
    """Return the named columns with titles, every cell as text.

    Columns in which nothing stands are left out.
    """
    written: list[tuple[str, list[str]]] = []
    for column in columns:
        cells = [_cell(value, column.style) for value in table[column.name]]
        if any(cell != NOTHING for cell in cells):
            written.append((column.title, cells))
    shown = pd.DataFrame({position: cells for position, (_, cells) in enumerate(written)})
    shown.columns = pd.Index([title for title, _ in written])
    return shown


def to_markdown(shown: pd.DataFrame) -> str:
    """Write a table of text as Markdown, numbers to the right."""
    head = "| " + " | ".join(shown.columns) + " |"
    rule = "|" + "|".join(["---"] + ["---:"] * (len(shown.columns) - 1)) + "|"
    rows = ["| " + " | ".join(row) + " |" for row in shown.itertuples(index=False)]
    return "\n".join([head, rule, *rows]) + "\n"


def to_terminal(shown: pd.DataFrame, title: str) -> Table:
    """Lay a table of text out for a terminal, numbers to the right."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for position, name in enumerate(shown.columns):
        # A narrow terminal may break a title between words, never a number.
        widest = max(map(len, [*name.split(), *shown.iloc[:, position]]))
        justify: JustifyMethod = "right" if position else "left"
        table.add_column(name, justify=justify, min_width=widest)
    for row in shown.itertuples(index=False):
        table.add_row(*row)
    return table


def print_table(shown: pd.DataFrame, title: str) -> None:
    """Print a table of text; rather a long line than a lost column."""
    console, table = Console(), to_terminal(shown, title)
    without_limit = console.options.update_width(sys.maxsize)
    console.width = max(console.width, console.measure(table, options=without_limit).minimum)
    console.print(table)


def _cell(value: object, style: str) -> str:
    if value == "" or value is None or (isinstance(value, float) and pd.isna(value)):
        return NOTHING
    if style.endswith("d"):
        return format(value, style) if value else NOTHING
    return format(value, style)
