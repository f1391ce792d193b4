"""Reading columns of tables: CSV and TSV as spreadsheets save them, and Parquet."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rnnbench.data.text_files import DELIMITERS, decode, require_plain, table_rows
from rnnbench.errors import RnnbenchError
from rnnbench.files import file_digest, text_digest

PARQUET = ".parquet"
TABLE_SUFFIXES = (*DELIMITERS, PARQUET)
COLUMNS_LISTED = 20


def read_columns(path: Path, names: Sequence[str]) -> pd.DataFrame:
    """Read some columns of a table.

    Parameters
    ----------
    path : Path
        A `.csv`, `.tsv` or `.parquet` file. Text in UTF-8, UTF-16 and UTF-32 is recognised; a line
        that is none of them is read as Windows-1252.
    names : sequence of str
        Names of the columns, without repetition.

    Returns
    -------
    DataFrame
        These columns, indexed by row number: row 1 is the header of a text file, and the first row
        of data in Parquet. Cells of a text file are `str`, those of Parquet keep their type.

    Raises
    ------
    RnnbenchError
        If the file does not exist, is not a table, or lacks a column or has it twice.
    """
    if path.suffix.lower() not in TABLE_SUFFIXES:
        raise RnnbenchError(f"{path} is not a table; accepted are {', '.join(TABLE_SUFFIXES)}")
    if not path.is_file():
        raise RnnbenchError(f"{path} does not exist; give the path of a table")
    try:
        if path.suffix.lower() == PARQUET:
            return _parquet_columns(path, names)
        return _text_columns(path, names)
    except (ValueError, OSError) as error:
        raise RnnbenchError(f"{path} is not a table that can be read: {error}") from error


def describe_file(path: Path) -> dict[str, dict[str, str]]:
    """Return the entry of a file, or of a folder of files, in an origin record, by its name."""
    if path.is_file():
        digest = file_digest(path)
    else:
        files = sorted(file for file in path.rglob("*") if file.is_file())
        digest = text_digest("".join(f"{f.relative_to(path)}{file_digest(f)}" for f in files))
    return {path.name: {"from": str(path), "sha256": digest}}


def _parquet_columns(path: Path, names: Sequence[str]) -> pd.DataFrame:
    from pyarrow import parquet

    _require_columns(path, parquet.read_schema(path).names, names)
    table = pd.read_parquet(path, columns=list(names)).reset_index()[list(names)]
    table.index += 1
    return table


def _text_columns(path: Path, names: Sequence[str]) -> pd.DataFrame:
    content = path.read_bytes()
    require_plain(content, path, "save it as CSV")
    header, rows = table_rows(decode(content), path)
    header = [name.strip() for name in header]
    _require_columns(path, header, names)
    positions = [header.index(name) for name in names]
    numbers, cells = [], []
    for number, row in rows:
        numbers.append(number)
        cells.append([row[position] for position in positions])
    return pd.DataFrame(cells, columns=list(names), index=numbers, dtype=object)


def _require_columns(path: Path, there: Sequence[str], names: Sequence[str]) -> None:
    for name in names:
        if name not in there:
            raise RnnbenchError(f"{path} has no column {name!r}; it has: {_listed(there)}")
        if there.count(name) > 1:
            raise RnnbenchError(f"{path} has {there.count(name)} columns {name!r}; rename one")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - COLUMNS_LISTED} more" if len(names) > COLUMNS_LISTED else ""
    return (", ".join(map(repr, names[:COLUMNS_LISTED])) or "none") + more
