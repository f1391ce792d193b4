"""Writing files atomically, so that a reader never finds a part of one."""

import ctypes
import errno
import fcntl
import glob
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnbench.errors import RnnbenchError

if TYPE_CHECKING:
    import pandas as pd

CHUNK_BYTES = 1 << 20
TEMPORARY_SUFFIX = ".partial"
# Arguments of renameat2(2): paths are relative to the working directory; exchange both paths.
AT_FDCWD = -100
RENAME_EXCHANGE = 2


@contextmanager
def explained_write_errors(target: Path) -> Iterator[None]:
    """Turn failures to write into errors that say what to do.

    Parameters
    ----------
    target : Path
        The file or folder that was to be written; the message names it.

    Raises
    ------
    RnnbenchError
        If the disk is full or the folder is not writable.
    """
    try:
        yield
    except OSError as error:
        reasons = {
            errno.ENOSPC: "no space is left on the disk: free some and run the command again",
            errno.EDQUOT: "the disk quota is used up: free some space and run the command again",
            errno.EFBIG: "it is larger than the file system or `ulimit -f` allows: raise the limit",
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
    """Yield a temporary path beside `target`; it becomes `target` if the block succeeds.

    Parameters
    ----------
    target : Path
        The final name. Its folder is made when it is missing.

    Yields
    ------
    Path
        Where to write. It is removed if the block raises, interrupts included.
    """
    with explained_write_errors(target), _temporary_path(target, Path.touch) as temporary:
        yield temporary
        temporary.replace(target)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `target`; it replaces `target` if the block succeeds.

    If the process is killed, `target` is either the previous or the new folder. On a system that
    cannot exchange two folders in one step, `target` may be missing then: the previous folder is
    beside it, and the next call restores it.

    Parameters
    ----------
    target : Path
        The final name. An existing folder is replaced as a whole.

    Yields
    ------
    Path
        Where to write. It is removed if the block raises, interrupts included.
    """
    with explained_write_errors(target), temporary_folder(target) as temporary:
        replaced = target.with_name(f".{target.name}.replaced")
        _bring_back(replaced, target)
        yield temporary
        if not target.exists():
            temporary.replace(target)
        elif not _exchange(temporary, target):
            target.replace(replaced)
            temporary.replace(target)
            shutil.rmtree(replaced, ignore_errors=True)


@contextmanager
def temporary_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target`, on the same file system, and remove it afterwards.

    Parameters
    ----------
    target : Path
        The path that the folder is for. Folders that killed processes left for it are removed.
    """
    with _temporary_path(target, Path.mkdir) as temporary:
        yield temporary


@contextmanager
def _temporary_path(target: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    """Make a path beside `target` with the umask's permissions; remove it at the end.

    The process holds a lock on it, which ends with the process: a path without lock is a leftover.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in target.parent.glob(f".{glob.escape(target.name)}.*{TEMPORARY_SUFFIX}"):
        _remove_unless_locked(leftover)
    while True:
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}{TEMPORARY_SUFFIX}")
        make(temporary)
        descriptor = os.open(temporary, os.O_RDONLY)
        with suppress(OSError):  # a file system without locks: nothing is ever removed there
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if temporary.exists():  # no other process took it for a leftover before it was locked
            break
        os.close(descriptor)
    try:
        yield temporary
    finally:
        _remove(temporary)
        os.close(descriptor)


def _remove_unless_locked(leftover: Path) -> None:
    """Remove an unfinished file or folder of a killed process."""
    with suppress(OSError):  # it is locked, belongs to another user, or is gone by now
        descriptor = os.open(leftover, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(leftover)
        finally:
            os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _bring_back(replaced: Path, target: Path) -> None:
    """Complete or undo a replacement whose process was killed between two renames."""
    if replaced.exists() and not target.exists():
        replaced.replace(target)
    shutil.rmtree(replaced, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two paths in one step with renameat2(2); return False where there is no such call."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    paths = os.fsencode(one), os.fsencode(other)
    return bool(rename(AT_FDCWD, paths[0], AT_FDCWD, paths[1], RENAME_EXCHANGE) == 0)


def require_free_space(folder: Path, needed_bytes: int) -> None:
    """Raise if a disk has too little free space for a write.

    Parameters
    ----------
    folder : Path
        An existing folder on the disk in question.
    needed_bytes : int
        The size of the write, in bytes.

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
    """Write `content` as indented JSON, atomically.

    Numbers that are not finite raise ValueError, because JSON cannot represent them.
    """
    with atomic_file(target) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")


def write_table(target: Path, table: "pd.DataFrame") -> None:
    """Write a table as comma-separated values, atomically."""
    with atomic_file(target) as temporary:
        table.to_csv(temporary, index=False)


def write_text(target: Path, content: str) -> None:
    """Write `content` as UTF-8, atomically."""
    with atomic_file(target) as temporary:
        temporary.write_text(content, encoding="utf-8")


def read_json(source: Path) -> Any:
    """Read a JSON file written by `write_json`."""
    return json.loads(source.read_text(encoding="utf-8"))


def text_digest(text: str) -> str:
    """Return the first 32 hexadecimal digits of the text's SHA-256 hash."""
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
