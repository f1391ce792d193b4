"""The process that has imported everything and forks a child for each stage."""

import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rnnbench.models.backend import quiet_import
from rnnbench.repro.environment import stage_environment
from rnnbench.repro.warm import client
from rnnbench.repro.warm.client import LENGTH, SOCKET_VARIABLE

# What stages spend seconds to import, the back end first; what these packages would import when
# they are first used is named too. No device is touched: a fork could not use it.
MODULES = (
    "tensorflow",
    "keras",
    "mlflow.keras",
    "mlflow.models.display_utils",
    "mlflow.pyfunc.scoring_server",
    "mlflow.store.tracking.sqlalchemy_store",
    "alembic.command",
    "git",
    "matplotlib.backends.backend_agg",
    "pyarrow.pandas_compat",
    "scipy.stats",
    "rnnbench.data.views",
    "rnnbench.training.experiment",
    "rnnbench.evaluation.experiment",
    "rnnbench.tracking.models",
)
READY_WITHIN_SECONDS = 120.0
FAILED = 1


@contextmanager
def warm_python(root: Path, modules: Sequence[str] = MODULES) -> Iterator[dict[str, str]]:
    """Start the process; give the environment in which `python` means a fork of it.

    Parameters
    ----------
    root : Path
        The repository whose source is run.
    modules : sequence of str
        What is imported.

    Yields
    ------
    dict
        Variables to add to a command's environment. They are none outside Linux and with another
        back end than TensorFlow, where a fork need not survive: `python` is then what it was.
    """
    back_end = os.environ.get("KERAS_BACKEND", "tensorflow")
    if sys.platform != "linux" or back_end != "tensorflow":
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="rnnbench-") as folder:
        address = Path(folder) / "socket"
        command = [sys.executable, "-m", "rnnbench.repro.warm.server", str(address), *modules]
        with subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, cwd=root, env=stage_environment(root)
        ) as process:
            try:
                _wait_for(address, process)
                stand_in = _write_stand_in(Path(folder) / "bin")
                path = f"{stand_in.parent}{os.pathsep}{os.environ['PATH']}"
                yield {SOCKET_VARIABLE: str(address), "PATH": path}
            finally:
                process.terminate()


def _wait_for(address: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait until stages are accepted; where that fails they start cold, by themselves."""
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not address.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)


def _write_stand_in(folder: Path) -> Path:
    folder.mkdir()
    stand_in = folder / "python"
    stand_in.write_text(f'#!/bin/sh\nexec "{sys.executable}" -IS "{client.__file__}" "$@"\n')
    stand_in.chmod(0o755)
    return stand_in


def serve(address: str, modules: Sequence[str]) -> None:
    """Import modules, then fork a child for each stage that connects.

    Until terminated, or until standard input ends: who started this and holds its other end was
    killed then, and cannot clean up.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # stages are interrupted, this is ended after
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    with quiet_import():
        for module in modules:
            importlib.import_module(module)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(address)
        listener.listen()
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _run_stage(connection)
            connection.close()
    shutil.rmtree(Path(address).parent, ignore_errors=True)


def _run_stage(connection: socket.socket) -> None:
    """Run the script that the client names, as a new interpreter would, and end the process."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    header, outputs, _, _ = socket.recv_fds(connection, LENGTH.size, 2)
    for number, output in enumerate(outputs, start=1):
        os.dup2(output, number)
        os.close(output)
    task = json.loads(_receive(connection, LENGTH.unpack(header)[0]))
    os.chdir(task["folder"])
    os.environ.clear()
    os.environ.update(task["environment"])
    sys.argv = task["arguments"]
    code = _run_script(sys.argv[0])
    sys.stdout.flush()
    sys.stderr.flush()
    connection.send(bytes([code & 0xFF]))
    sys.exit(code)


def _run_script(script: str) -> int:
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return FAILED
    return 0


def _receive(connection: socket.socket, length: int) -> bytes:
    received = b""
    while len(received) < length:
        part = connection.recv(length - len(received))
        if not part:
            raise ConnectionError("the stage's command ended before it said what to run")
        received += part
    return received


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
