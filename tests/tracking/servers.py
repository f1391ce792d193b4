"""Real servers in processes of their own: they can be started, killed and started again."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

SECONDS_TO_START = 90


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


class Server:
    """A command that answers HTTP on a port of this machine.

    Parameters
    ----------
    command : list of str
        Arguments of `mlflow`; host and port are added.
    log : Path
        Where its output goes.
    health : str
        A path that answers when the server is ready.
    """

    def __init__(self, command: list[str], log: Path, health: str) -> None:
        self._port = free_port()
        self.uri = f"http://127.0.0.1:{self._port}"
        place = ["--host", "127.0.0.1", "--port", str(self._port)]
        self._command = [sys.executable, "-m", "mlflow", *command, *place]
        self._log = log
        self.folder = log.parent
        self._health = health
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {**os.environ}
        environment.pop("MLFLOW_TRACKING_URI", None)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # its workers are killed with it
                env=environment,
                cwd=self.folder,
            )
        until = time.monotonic() + SECONDS_TO_START
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"no server: {self._log.read_text()}")
            time.sleep(0.2)

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.uri + self._health, timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def tracking_server(folder: Path) -> Server:
    """A tracking server with its store and its artifacts in a folder."""
    folder.mkdir()
    store = ["--backend-store-uri", f"sqlite:///{folder}/server.db"]
    artifacts = ["--artifacts-destination", str(folder / "artifacts")]
    return Server(["server", *store, *artifacts, "--workers", "1"], folder / "log", "/health")
