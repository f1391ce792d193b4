"""Report when a command has changed files so many times: found by every Python that it starts.

Each process appends a byte to a file before it changes another one; who appends the byte whose turn
it is writes to a pipe, and goes on.
"""

import os
import sys
from typing import Any

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink")
WRITING = os.O_WRONLY | os.O_RDWR
TURN, FOLDER = int(os.environ["FAULT_TURN"]), os.environ["FAULT_FOLDER"]
OWN = (f"{FOLDER}/count", f"{FOLDER}/pipe", "/dev/")


def count(event: str, arguments: tuple[Any, ...]) -> None:
    """Count an event of `sys.addaudithook` if it changes a file."""
    if event not in CHANGES and not (
        event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
    ):
        return
    if _is_beside_the_point(str(arguments[0])):
        return
    counter = os.open(f"{FOLDER}/count", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(counter, b".")
    turn = os.lseek(counter, 0, os.SEEK_CUR)
    os.close(counter)
    if turn == TURN:
        pipe = os.open(f"{FOLDER}/pipe", os.O_WRONLY)
        os.write(pipe, b".")
        os.close(pipe)


def _is_beside_the_point(path: str) -> bool:
    return path.startswith(OWN) or "__pycache__" in path


sys.addaudithook(count)
