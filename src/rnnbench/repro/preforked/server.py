"""The process that has imported everything and forks a child for each stage."""

import atexit
import importlib
import json
import os
import runpy
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rnnbench.commands import INTERPRETER
from rnnbench.models.backend import quiet_import
from rnnbench.repro.local import stage_environment
from rnnbench.repro.preforked import client

# Modules that take seconds to import, the back end first, including those that these packages
# import on first use. Imports must not initialise a device, which a fork could not use.
MODULES = (
    "tensorflow",
    "keras",
    "mlflow.models.display_utils",
    "mlflow.pyfunc.scoring_server",
    "mlflow.store.tracking.sqlalchemy_store",
    "alembic.command",
    "git",
    "matplotlib.backends.backend_agg",
    "pyarrow.pandas_compat",
    "scipy.stats",
    "rnnbench.training.experiment",
    "rnnbench.evaluation.experiment",
    "rnnbench.tracking.models",
)
MOST_BYTES = 1 << 20


@contextmanager
def preforked_python(root: Path, modules: Sequence[str] = MODULES) -> Iterator[dict[str, str]]:
    """Start the process; yield the environment in which `python` runs a fork of it.

    A stage that begins before the modules are imported waits for them. A stage that begins after a
    source file of the repository has changed runs in a new interpreter.

    Yields
    ------
    dict
        Variables to add to the environment of a command; empty outside Linux and with a back end
        other than TensorFlow, which might not survive a fork.
    """
    back_end = os.environ.get("KERAS_BACKEND", "tensorflow")
    if sys.platform != "linux" or back_end != "tensorflow":
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="rnnbench-") as folder:
        address = f"{folder}/socket"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(address)
            listener.listen()
            arguments = [str(os.getpid()), str(listener.fileno()), *modules]
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", __name__, *arguments],
                cwd=root,
                env=stage_environment(root),
                stdin=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
                process_group=0,  # Ctrl-C is for the stages
            )
        with process:
            try:
                stand_in = _write_stand_in(address)
                path = f"{stand_in.parent}{os.pathsep}{os.environ['PATH']}"
                yield {"PATH": path, INTERPRETER: str(stand_in)}
            finally:
                process.terminate()


def _write_stand_in(address: str) -> Path:
    """Write a script that replaces `python`, and return its path."""
    stand_in = Path(address).with_name("python")
    command = shlex.join([sys.executable, "-IS", client.__file__, address])
    stand_in.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    stand_in.chmod(0o755)
    return stand_in


def serve(parent: int, listener: socket.socket, modules: Sequence[str]) -> None:
    """Import modules, then fork a child for each stage that connects.

    It ends when it is terminated, or when its parent process has been killed.
    """
    stage = Stage()
    atexit.register(stage.end)  # registered first, so that it is called last
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children must not stay as zombies
    sources = _sources()
    with quiet_import():
        for module in modules:
            if os.getppid() == parent:  # the parent may be killed while modules are imported
                importlib.import_module(module)
    while os.getppid() == parent:
        if select.select([listener], [], [], 1.0)[0]:
            connection, _ = listener.accept()
            if _sources() == sources and os.fork() == 0:
                listener.close()
                stage.run(connection)
            connection.close()
    shutil.rmtree(Path(listener.getsockname()).parent)


def _sources() -> dict[Path, int]:
    """Return the time of the last change of each source file in the working directory."""
    return {path: path.stat().st_ctime_ns for path in Path("src").rglob("*.py")}


class Stage:
    """A fork that runs the script that a client names, as a new interpreter would."""

    connection: socket.socket | None = None
    code = 0

    def run(self, connection: socket.socket) -> None:
        """Run the script and end the process."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        message, streams, _, _ = socket.recv_fds(connection, MOST_BYTES, 3)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        task = json.loads(message)
        os.setpgid(0, task["process_group"])  # it must get the signals to the stage's command
        connection.send(b"accepted")
        self.connection = connection
        threading.Thread(target=self._end_with_client, daemon=True).start()
        os.chdir(task["folder"])
        os.environ.clear()
        os.environ.update(task["environment"])
        sys.argv = task["arguments"]
        self.code = _run(sys.argv)
        sys.exit()

    def _end_with_client(self) -> None:
        """End when the client is killed, as the interpreter that it replaces would."""
        assert self.connection
        self.connection.recv(1)  # the client sends nothing more, so this waits for its end
        os._exit(1)

    def end(self) -> None:
        """Answer, and skip the interpreter's clean-up of all modules, which takes seconds."""
        if self.connection:
            sys.stdout.flush()
            sys.stderr.flush()
            with suppress(OSError):  # the client is gone
                self.connection.send(bytes([self.code]))
            os._exit(self.code)


def _run(arguments: list[str]) -> int:
    """Run a script, or `-m` and a module, as the interpreter does with these arguments."""
    try:
        if arguments[0] == "-m":
            del arguments[0]
            runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(arguments[0]).parent))
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        return end.code & 0xFF if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    serve(int(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])), sys.argv[3:])
