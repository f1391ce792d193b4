"""Files of texts, as editors and spreadsheets save them: one text a line, or a table."""

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
# Begin with a byte order mark, the longer ones first: that of UTF-32 begins as UTF-16's does.
MARKED = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# What other programs' files begin with.
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
        Plain text with one text a line, an empty line an empty text; or a table (`.csv`, `.tsv`)
        with a column `text`. UTF-8, UTF-16 and UTF-32 are recognised; a line that is none of them
        is read as Windows-1252, which contains Latin-1.

    Raises
    ------
    RnnbenchError
        If there is no such file, or it is something else.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else "cannot be read"
        raise RnnbenchError(f"{path} {reason}; give a file with one text a line") from error
    require_plain(content, path, "save it as plain text, one text a line")
    suffix = path.suffix.lower()
    if suffix in MARKUP_SUFFIXES:
        raise RnnbenchError(
            f"{path} holds texts within {suffix[1:].upper()}; write them as plain text, one a line"
        )
    if suffix in DELIMITERS:
        return _texts_of_table(decode(content), path)
    return lines(content)


def lines(content: bytes) -> list[str]:
    """Return the lines of a text file, with the line ends of any system; none if it is empty."""
    text = re.sub("\r\n?", "\n", decode(content)).removesuffix("\n")
    return text.split("\n") if text or content.strip(b"\xef\xbb\xbf") else []


def require_plain(content: bytes, path: Path, advice: str) -> None:
    """Refuse what another program's file begins with.

    Parameters
    ----------
    content : bytes
        What the file holds.
    path : Path
        Its name, for the message.
    advice : str
        What to do instead, for the message.
    """
    for signature, kind in SIGNATURES.items():
        if content.startswith(signature):
            raise RnnbenchError(f"{path} is {kind}; {advice}")


def decode(content: bytes) -> str:
    """Return the text of a file, whatever wrote it."""
    for mark, encoding in MARKED.items():
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    for encoding, zeros in (("utf-16-le", content[1:200:2]), ("utf-16-be", content[:200:2])):
        if len(content) > 1 and zeros.count(0) > len(zeros) / 2:  # letters of ASCII and a zero each
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
    """Take a table apart.

    Parameters
    ----------
    content : str
        What the file holds.
    path : Path
        Its name says what may stand between cells; messages have it.

    Returns
    -------
    header : list of str
        The cells of the first line, none of an empty file.
    rows : iterator of tuple
        The number and the cells of each row that is not empty; the header is row 1.

    Raises
    ------
    RnnbenchError
        If quotation marks do not match, or a row has more or fewer cells than the header.
    """
    first = content.split("\n", 1)[0]
    delimiter = max(DELIMITERS[path.suffix.lower()], key=first.count)  # some countries write `;`
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
            f"{path} has the columns {found}; name the one with the texts {TEXT_COLUMN!r} in the"
            " first line, or give a .txt file with one text a line"
        )
    position = names.index(TEXT_COLUMN)
    return [row[position] for _, row in rows]
