"""Running other programs for their output."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rnnbench.errors import RnnbenchError

# Environment variable with the path of a program that replaces the interpreter and starts faster.
INTERPRETER = "RNNBENCH_INTERPRETER"
DVC = (sys.executable, "-m", "dvc")


def output_of(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    called: str | None = None,
) -> str:
    """Run a command in a folder and return what it writes to standard output.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments.
    folder : Path
        Its working directory.
    environment : mapping or None
        Its environment, by default this process's.
    called : str or None
        The name of the command in a message; by default the command itself.

    Raises
    ------
    RnnbenchError
        If it fails, with its standard error.
    """
    answer = subprocess.run(  # noqa: S603
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise RnnbenchError(f"{called or ' '.join(command)} failed: {answer.stderr.strip()}")
    return answer.stdout


def git(root: Path, *arguments: str) -> str:
    """Run git in a folder and return what it prints.

    Raises
    ------
    RnnbenchError
        If it fails, with its message.
    """
    return output_of(["git", *arguments], root)


def files_of_working_tree(root: Path) -> list[str]:
    """Return the paths of the files that git tracks in a folder, or could track."""
    listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return [path for path in listed.split("\0") if path]


def interpreter() -> str:
    """Return the program that runs Python code of this project in a new process."""
    return os.environ.get(INTERPRETER, sys.executable)


def share_cache(root: Path, clone: Path) -> None:
    """Let a clone of a DVC repository use the repository's cache, wherever that is."""
    cache = output_of([*DVC, "cache", "dir"], root).strip()
    output_of([*DVC, "cache", "dir", "--local", str((root / cache).resolve())], clone)
