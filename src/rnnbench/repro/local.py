"""Running stages as processes on this machine."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


def stage_environment(root: Path) -> dict[str, str]:
    """Return the environment of stages that share a machine and run the repository's source.

    The number of threads of a stage is not changed: another number of threads adds partial sums in
    another order, and the results would differ from those of `dvc repro`.
    """
    search_path = [str(root / "src"), os.environ.get("PYTHONPATH", "")]
    return {
        # Otherwise the first TensorFlow process takes all of a GPU's memory.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, search_path)),
    }


class LocalWorkers:
    """Runs each stage in a process group of its own; may be used by several threads.

    Parameters
    ----------
    root : Path
        The repository.
    environment : mapping
        Variables to add to the environment of the stages.
    """

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self._root = root
        self._environment = {**stage_environment(root), **environment}
        self._lock = threading.Lock()
        self._running: list[subprocess.Popen[bytes]] = []
        self._interrupted = False

    def run(self, stage: str) -> tuple[bool, str]:
        """Reproduce a stage, and kill the processes that it leaves running.

        Returns
        -------
        tuple
            Whether it succeeded, and its output.
        """
        with tempfile.TemporaryFile() as output:
            with self._lock:
                if self._interrupted:
                    return False, ""
                process = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-m", "rnnbench.repro.worker", stage, str(os.getpid())],
                    cwd=self._root,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    process_group=0,
                )
                self._running.append(process)
            succeeded = process.wait() == 0
            with self._lock:
                self._running.remove(process)
            _signal(process, signal.SIGKILL)
            output.seek(0)
            return succeeded, output.read().decode(errors="replace")

    def interrupt(self) -> None:
        """Interrupt the running stages, as Ctrl-C does, and start no more."""
        with self._lock:
            self._interrupted = True
            for process in self._running:
                _signal(process, signal.SIGINT)


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """Send a signal to the group of a process, which includes its child processes."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
