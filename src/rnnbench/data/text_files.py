"""Reading texts from files of editors and spreadsheets: one text per line, or a table."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from rnnbench.errors import RnnbenchError

TEXT_COLUMN = "text"
DELIMITERS = {".csv": ",;\t", ".tsv": "\t"}
# Byte order marks; UTF-32 precedes UTF-16, since its little-endian mark begins with UTF-16's.
MARKED = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# First bytes of files that are not plain text.
SIGNATURES = {
    b"%PDF": "a PDF",
    b"PK\x03\x04": "an archive, as office programs write them",
    b"\xd0\xcf\x11\xe0": "a document of an office program",
    b"{\\rtf": "rich text (RTF)",
    b"\x1f\x8b": "compressed",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
}
MARKUP_SUFFIXES = (".json", ".jsonl", ".html", ".htm", ".xml")
CELL_CHARACTERS = 1 << 24


def read_texts(path: Path) -> list[str]:
    """Read the texts of a file.

    Parameters
    ----------
    path : Path
        Plain text with one text per line, where an empty line is an empty text; or a table
        (`.csv`, `.tsv`) with a column `text`. UTF-8, UTF-16 and UTF-32 are recognised; a line in
        none of them is read as Windows-1252, which contains Latin-1.

    Raises
    ------
    RnnbenchError
        If the file does not exist or has another format.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else "cannot be read"
        raise RnnbenchError(f"{path} {reason}; give a file with one text per line") from error
    require_plain(content, path, "save it as plain text, one text per line")
    suffix = path.suffix.lower()
    if suffix in MARKUP_SUFFIXES:
        raise RnnbenchError(
            f"{path} is a {suffix[1:].upper()} file; write its texts as plain text, one per line"
        )
    if suffix in DELIMITERS:
        return _texts_of_table(decode(content), path)
    return lines(content)


def lines(content: bytes) -> list[str]:
    """Return the lines of a text file, with the line ends of any system; none if it is empty."""
    text = re.sub("\r\n?", "\n", decode(content)).removesuffix("\n")
    return text.split("\n") if text or content.strip(b"\xef\xbb\xbf") else []


def require_plain(content: bytes, path: Path, advice: str) -> None:
    """Refuse content that begins like a file of another program.

    Parameters
    ----------
    content : bytes
        Content of the file.
    path : Path
        Path of the file, for the message.
    advice : str
        What to do instead, for the message.

    Raises
    ------
    RnnbenchError
        If the content begins with one of `SIGNATURES`.
    """
    for signature, kind in SIGNATURES.items():
        if content.startswith(signature):
            raise RnnbenchError(f"{path} is {kind}; {advice}")


def decode(content: bytes) -> str:
    """Decode UTF-8, UTF-16, UTF-32 or, line by line, Windows-1252."""
    for mark, encoding in MARKED.items():
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    for encoding, zeros in (("utf-16-le", content[1:200:2]), ("utf-16-be", content[:200:2])):
        if len(content) > 1 and zeros.count(0) > len(zeros) / 2:  # ASCII, each letter with a zero
            return content.decode(encoding, errors="replace")
    with suppress(UnicodeDecodeError):
        return content.decode("utf-8")
    return "\n".join(map(_decode_line, content.split(b"\n")))


def _decode_line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def table_rows(content: str, path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Split a table into its header and rows.

    Parameters
    ----------
    content : str
        Text of the file.
    path : Path
        Path of the file, for messages; its suffix decides which delimiters are possible.

    Returns
    -------
    header : list of str
        The cells of the first line; none if the file is empty.
    rows : iterator of tuple
        The number and the cells of each row that is not empty; the header is row 1.

    Raises
    ------
    RnnbenchError
        If quotation marks do not match, or a row has more or fewer cells than the header.
    """
    first = content.split("\n", 1)[0]
    delimiter = max(DELIMITERS[path.suffix.lower()], key=first.count)  # some spreadsheets write `;`
    csv.field_size_limit(CELL_CHARACTERS)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise RnnbenchError(f"{path} is not a table: {error}") from error

    def rows() -> Iterator[tuple[int, list[str]]]:
        try:
            for number, row in enumerate(reader, start=2):
                if row and len(row) != len(header):
                    raise RnnbenchError(
                        f"row {number} of {path} has {len(row)} cells instead of {len(header)};"
                        f" write texts with {delimiter!r} in quotation marks"
                    )
                if row:
                    yield number, row
        except csv.Error as error:
            raise RnnbenchError(f"{path} is not a table: {error}") from error

    return header, rows()


def _texts_of_table(content: str, path: Path) -> list[str]:
    header, rows = table_rows(content, path)
    names = [name.strip().lower() for name in header]
    if names.count(TEXT_COLUMN) != 1:
        found = ", ".join(map(repr, header)) or "none"
        raise RnnbenchError(
            f"{path} has the columns {found}; name the column with the texts {TEXT_COLUMN!r} in"
            " the first line, or give a .txt file with one text per line"
        )
    position = names.index(TEXT_COLUMN)
    return [row[position] for _, row in rows]
