"""What stands in for `python` in a stage's command: hands the script to the warm process.

It is run by its path, isolated and without site packages, so that it starts in milliseconds; it
imports nothing of this project.
"""

import json
import os
import socket
import struct
import sys
from pathlib import Path

SOCKET_VARIABLE = "RNNBENCH_WARM_SOCKET"
LENGTH = struct.Struct("!I")


def main() -> None:
    """Run `sys.argv[1:]` in the warm process, or cold if there is none."""
    arguments = sys.argv[1:]
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(os.environ[SOCKET_VARIABLE])
    except (KeyError, OSError):
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606
    task = {"arguments": arguments, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    message = json.dumps(task).encode()
    socket.send_fds(connection, [LENGTH.pack(len(message))], [1, 2])
    connection.sendall(message)
    try:
        answer = connection.recv(1)
    except KeyboardInterrupt:  # the stage got it too, and ends by itself
        answer = connection.recv(1)
    # No answer: the stage's process was killed.
    sys.exit(answer[0] if answer else 1)


if __name__ == "__main__":
    main()
