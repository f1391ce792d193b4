"""A replacement of `python` in the command of a stage: a fork of another process runs the script.

It is run by its path, in isolated mode and without site packages, so that it starts in
milliseconds; it imports nothing of this project.
"""

import json
import os
import signal
import socket
import sys


def main() -> None:
    """Run `sys.argv[2:]` in a fork of the process at `sys.argv[1]`, else in a new interpreter."""
    address, *arguments = sys.argv[1:]
    task = {
        "arguments": arguments,
        "folder": os.getcwd(),  # noqa: PTH109
        "environment": dict(os.environ),
        "process_group": os.getpgrp(),
    }
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(address)
        socket.send_fds(connection, [json.dumps(task).encode()], [0, 1, 2])
        accepted = connection.recv(1)
    except OSError:
        accepted = b""
    if not accepted:
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the fork gets the signal too, and answers
    code = connection.recv(1)
    # No answer means that the fork was killed; a shell reports that with this exit code.
    sys.exit(code[0] if code else 128 + signal.SIGKILL)


if __name__ == "__main__":
    main()
