"""Tables for people: which columns, which words, how many digits."""

from dataclasses import dataclass

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import JustifyMethod
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


@dataclass(frozen=True)
class Columns:
    """Which columns the tables of classifiers and of frame predictors have."""

    classifiers: tuple[Column, ...]
    frames: tuple[Column, ...]


_NAME = (
    Column("experiment", "experiment"),
    Column("parameters", "parameters", ",d"),
)
_ACCURACY = (
    Column("accuracy", "test accuracy", ".4f"),
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
_STEP = Column("step_milliseconds_p50", "ms/step p50", ".1f")
_EPOCH = Column("epoch_seconds", "s/epoch", ".1f")
_TIMES = (
    _STEP,
    Column("step_milliseconds_p95", "ms/step p95", ".1f"),
    Column("reported_step_milliseconds", "reported ms/step"),
    _EPOCH,
    Column("reported_epoch_seconds", "reported s/epoch", ".0f"),
    Column("examples_per_second", "examples/s", ",.0f"),
)
EVERYTHING = Columns(
    classifiers=(
        *_NAME,
        *_ACCURACY,
        Column("macro_f1", "macro F1", ".4f"),
        _LOSS,
        Column("reported_loss", "reported loss", ".4f"),
        *_TIMES,
    ),
    frames=(
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
)
SUMMARY = Columns(
    classifiers=(*_NAME, *_ACCURACY, _STEP, _EPOCH),
    frames=(*_NAME, _LOSS, *_FRAME_ERRORS, _STEP, _EPOCH),
)


def for_people(table: pd.DataFrame, columns: tuple[Column, ...]) -> pd.DataFrame:
    """Return the named columns with titles, every cell as text; rows that were not run say so.

    Columns in which nothing stands are left out.
    """
    table = table.assign(difference=table["accuracy"] - table["reported_accuracy"])
    written: list[tuple[str, list[str]]] = []
    for column in columns:
        cells = [_cell(value, column.style) for value in table[column.name]]
        if any(cell != NOTHING for cell in cells):
            written.append((column.title, cells))
    shown = pd.DataFrame({position: cells for position, (_, cells) in enumerate(written)})
    shown.columns = pd.Index([title for title, _ in written])
    shown[shown.columns[0]] += [
        " (not run)" if status == "not run" else "" for status in table["status"]
    ]
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


def _cell(value: object, style: str) -> str:
    if value == "" or value is None or (isinstance(value, float) and pd.isna(value)):
        return NOTHING
    if style.endswith("d"):
        return format(value, style) if value else NOTHING
    return format(value, style)
