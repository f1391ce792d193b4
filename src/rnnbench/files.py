"""Writing files so that a reader never finds half of one."""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnbench.errors import RnnbenchError

if TYPE_CHECKING:
    import pandas as pd

CHUNK_BYTES = 1 << 20


@contextmanager
def explained_write_errors(target: Path) -> Iterator[None]:
    """Turn the ways a disk refuses into errors that say what to do.

    Parameters
    ----------
    target : Path
        The file or folder that was to be written; the message names it.

    Raises
    ------
    RnnbenchError
        If the disk is full or the folder may not be written.
    """
    try:
        yield
    except OSError as error:
        reasons = {
            errno.ENOSPC: "no space is left on the disk: free some and run the command again",
            errno.EDQUOT: "the disk quota is used up: free some space and run the command again",
            errno.EROFS: "the file system is read-only: use a folder that can be written",
            errno.EACCES: "the folder may not be written: change its permissions or owner",
            errno.EPERM: "the folder may not be written: change its permissions or owner",
        }
        if error.errno not in reasons:
            raise
        message = f"{target} was not written: {reasons[error.errno]}"
        raise RnnbenchError(message) from error


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Give a temporary path beside `target`; it becomes `target` if the block succeeds.

    Parameters
    ----------
    target : Path
        The final name. Its folder is made when it is missing.

    Yields
    ------
    Path
        Where to write. It is removed if the block raises, interrupts included.
    """
    with explained_write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o644)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside `target`; it replaces `target` if the block succeeds.

    Parameters
    ----------
    target : Path
        The final name. What stood there before is replaced as a whole.

    Yields
    ------
    Path
        Where to write. It is removed if the block raises, interrupts included.
    """
    with explained_write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            yield temporary
            temporary.chmod(0o755)
            # The old folder is there under another name until the new one stands in its place.
            replaced = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
            if target.exists():
                target.replace(replaced / target.name)
            temporary.replace(target)
            shutil.rmtree(replaced, ignore_errors=True)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def require_free_space(folder: Path, needed_bytes: int) -> None:
    """Refuse to begin a write that cannot end.

    Parameters
    ----------
    folder : Path
        An existing folder on the disk in question.
    needed_bytes : int
        How much is about to be written, in bytes.

    Raises
    ------
    RnnbenchError
        If less is free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise RnnbenchError(
            f"{folder}: {needed_bytes / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB are free;"
            " free some space and run the command again"
        )


def write_json(target: Path, content: Any) -> None:
    """Write `content` as indented JSON, whole or not at all.

    Numbers that are not finite are refused: JSON has none, and a metric that is not a number
    must not pass for one.
    """
    with atomic_file(target) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")


def write_table(target: Path, table: "pd.DataFrame") -> None:
    """Write a table as comma-separated values, whole or not at all."""
    with atomic_file(target) as temporary:
        table.to_csv(temporary, index=False)


def write_text(target: Path, content: str) -> None:
    """Write `content` as UTF-8, whole or not at all."""
    with atomic_file(target) as temporary:
        temporary.write_text(content, encoding="utf-8")


def read_json(source: Path) -> Any:
    """Read a JSON file written by `write_json`."""
    return json.loads(source.read_text(encoding="utf-8"))


def text_digest(text: str) -> str:
    """Return 32 hexadecimal digits that tell this text from any other."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Hash a file without loading it.

    Parameters
    ----------
    path : Path
        The file.
    algorithm : str, default "sha256"
        A name that `hashlib.new` knows.

    Returns
    -------
    str
        The digest in hexadecimal.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
