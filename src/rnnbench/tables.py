"""Tables for readers: columns, titles and digits."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table

NOTHING = "-"


@dataclass(frozen=True)
class Column:
    """A column of a table for readers.

    Attributes
    ----------
    name : str
        Its name in the data.
    title : str
        Its title in the table's head.
    style : str, default ""
        The format specification of its numbers; empty for text.
    ends : tuple of str, default ()
        Two more columns of the data: the ends of an interval, written beside the value.
    """

    name: str
    title: str
    style: str = ""
    ends: tuple[str, ...] = ()


def as_text(table: pd.DataFrame, columns: Iterable[Column]) -> pd.DataFrame:
    """Return the named columns with titles, every cell as text.

    Columns that have no value in any row are left out.
    """
    written: list[tuple[str, list[str]]] = []
    for column in columns:
        rows = table[[column.name, *column.ends]].itertuples(index=False, name=None)
        cells = [_cell(column.style, *row) for row in rows]
        if any(cell != NOTHING for cell in cells):
            written.append((column.title, cells))
    shown = pd.DataFrame({position: cells for position, (_, cells) in enumerate(written)})
    shown.columns = pd.Index([title for title, _ in written])
    return shown


def to_markdown(shown: pd.DataFrame) -> str:
    """Write a table of text as Markdown, numbers to the right."""
    head = "| " + " | ".join(shown.columns) + " |"
    sides = [_side(shown, position) for position in range(len(shown.columns))]
    rule = "|" + "|".join("---:" if side == "right" else "---" for side in sides) + "|"
    rows = ["| " + " | ".join(row) + " |" for row in shown.itertuples(index=False)]
    return "\n".join([head, rule, *rows]) + "\n"


def to_terminal(shown: pd.DataFrame, title: str) -> Table:
    """Lay a table of text out for a terminal, numbers to the right."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for position, name in enumerate(shown.columns):
        # A narrow terminal may break a title between words, never a number.
        widest = max(map(len, [*name.split(), *shown.iloc[:, position]]))
        table.add_column(name, justify=_side(shown, position), min_width=widest)
    for row in shown.itertuples(index=False):
        table.add_row(*row)
    return table


def print_table(shown: pd.DataFrame, title: str) -> None:
    """Print a table of text; lines may be longer than the terminal, so that no column is lost."""
    console, table = Console(markup=False), to_terminal(shown, title)
    without_limit = console.options.update_width(sys.maxsize)
    console.width = max(console.width, console.measure(table, options=without_limit).minimum)
    console.print(table)


def _side(shown: pd.DataFrame, position: int) -> JustifyMethod:
    """Return the side of a column: numbers stand to the right, text to the left."""
    cells = shown.iloc[:, position]
    numbers = all(cell == NOTHING or cell.lstrip("+-")[:1].isdigit() for cell in cells)
    return "right" if position and numbers else "left"


def _cell(style: str, value: Any, *ends: float) -> str:
    if value == "" or value is None or (isinstance(value, float) and pd.isna(value)):
        return NOTHING
    if style.endswith("d"):
        return format(int(value), style) if value else NOTHING
    if not ends or any(map(pd.isna, ends)):
        return format(value, style)
    return f"{value:{style}} [{', '.join(format(end, style) for end in ends)}]"
