"""Files of texts, as editors and spreadsheets save them: one text a line, or a table."""

import codecs
import csv
import io
import re
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
    for signature, kind in SIGNATURES.items():
        if content.startswith(signature):
            raise RnnbenchError(f"{path} is {kind}; save it as plain text, one text a line")
    suffix = path.suffix.lower()
    if suffix in MARKUP_SUFFIXES:
        raise RnnbenchError(
            f"{path} holds texts within {suffix[1:].upper()}; write them as plain text, one a line"
        )
    if suffix in DELIMITERS:
        return _texts_of_table(decode(content), DELIMITERS[suffix], path)
    return lines(content)


def lines(content: bytes) -> list[str]:
    """Return the lines of a text file, with the line ends of any system; none if it is empty."""
    text = re.sub("\r\n?", "\n", decode(content)).removesuffix("\n")
    return text.split("\n") if text or content.strip(b"\xef\xbb\xbf") else []


def decode(content: bytes) -> str:
    """Return the text of a file, whatever wrote it."""
    for mark, encoding in MARKED.items():
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    for encoding, zeros in (("utf-16-le", content[1:200:2]), ("utf-16-be", content[:200:2])):
        if len(content) > 1 and zeros.count(0) > len(zeros) / 2:  # letters of ASCII and a zero each
            return content.decode(encoding, errors="replace")
    return "\n".join(map(_decode_line, content.split(b"\n")))


def _decode_line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def _texts_of_table(content: str, delimiters: str, path: Path) -> list[str]:
    header = content.split("\n", 1)[0]
    delimiter = max(delimiters, key=header.count)  # spreadsheets of some countries write `;`
    csv.field_size_limit(CELL_CHARACTERS)
    try:
        rows = list(csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise RnnbenchError(f"{path} is not a table: {error}") from error
    names = [name.strip().lower() for name in rows[0]] if rows else []
    if names.count(TEXT_COLUMN) != 1:
        found = ", ".join(map(repr, rows[0])) if rows else "none"
        raise RnnbenchError(
            f"{path} has the columns {found}; name the one with the texts {TEXT_COLUMN!r} in the"
            " first line, or give a .txt file with one text a line"
        )
    position = names.index(TEXT_COLUMN)
    full = [(number, row) for number, row in enumerate(rows[1:], start=2) if row]
    for number, row in full:
        if len(row) != len(names):
            raise RnnbenchError(
                f"row {number} of {path} has {len(row)} cells instead of {len(names)}; write texts"
                f" with {delimiter!r} in quotation marks"
            )
    return [row[position] for _, row in full]
