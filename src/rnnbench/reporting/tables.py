"""Tables for people: which columns, which words, how many digits."""

from dataclasses import dataclass

import pandas as pd

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


_TIMES = (
    Column("step_milliseconds_p50", "ms/step p50", ".1f"),
    Column("step_milliseconds_p95", "ms/step p95", ".1f"),
    Column("reported_step_milliseconds", "reported ms/step"),
    Column("epoch_seconds", "s/epoch", ".1f"),
    Column("reported_epoch_seconds", "reported s/epoch", ".0f"),
    Column("examples_per_second", "examples/s", ",.0f"),
)
CLASSIFIER_COLUMNS = (
    Column("experiment", "experiment"),
    Column("parameters", "parameters", ",d"),
    Column("accuracy", "test accuracy", ".4f"),
    Column("reported_accuracy", "reported accuracy", ".4f"),
    Column("difference", "difference", "+.4f"),
    Column("majority_class_accuracy", "majority class", ".4f"),
    Column("macro_f1", "macro F1", ".4f"),
    Column("loss", "test loss", ".4f"),
    Column("reported_loss", "reported loss", ".4f"),
    *_TIMES,
)
FRAMES_COLUMNS = (
    Column("experiment", "experiment"),
    Column("parameters", "parameters", ",d"),
    Column("loss", "test loss (BCE)", ".4f"),
    Column("training_loss", "training loss", ".4f"),
    Column("reported_training_loss", "reported training loss", ".4f"),
    Column("validation_loss", "validation loss", ".4f"),
    Column("reported_validation_loss", "reported validation loss", ".4f"),
    Column("mse_per_pixel", "MSE/pixel", ".4f"),
    Column("copy_last_frame_mse_per_pixel", "MSE/pixel, last frame copied", ".4f"),
    Column("mae_per_pixel", "MAE/pixel", ".4f"),
    Column("ssim", "SSIM", ".4f"),
    Column("copy_last_frame_ssim", "SSIM, last frame copied", ".4f"),
    Column("psnr", "PSNR (dB)", ".2f"),
    *_TIMES,
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


def _cell(value: object, style: str) -> str:
    if value == "" or value is None or (isinstance(value, float) and pd.isna(value)):
        return NOTHING
    if style.endswith("d"):
        return format(value, style) if value else NOTHING
    return format(value, style)
