"""What Ray runs on a node: it makes a clone of the repository and starts a process in it.

Ray gets this module by value. It imports nothing of this project, so that a node needs the locked
packages and Ray, and what works there is the code that came with the clone.
"""

import fcntl
import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

FOLDER_VARIABLE = "RNNBENCH_NODE_FOLDER"
# The clone's own package, not one that is installed on the node.
START = """
import runpy, sys
sys.path.insert(0, "src")
runpy.run_module("rnnbench.repro.cluster.node", run_name="__main__", alter_sys=True)
"""
# What Ray adds to the environment of its processes.
ADDED = ("RAY_", "PYTHONBREAKPOINT", "SPT_NOENV", "CUDA_VISIBLE_DEVICES")
SECONDS_TO_END = 15.0
SECONDS_TO_KEEP = 24 * 3600.0


class Board:
    """Where tasks say on which node they begin: Ray tells that only with its dashboard."""

    def __init__(self) -> None:
        self._nodes: dict[str, str] = {}

    def begin(self, task: str, node: str) -> None:
        """Note where a task begins."""
        self._nodes[task] = node

    def nodes(self) -> dict[str, str]:
        """Return the node on which each task began last."""
        return self._nodes


def carry(package: bytes, key: str, task: Mapping[str, Any], board: Any) -> dict[str, Any]:
    """Run the stages of a task in a clone on this node.

    Parameters
    ----------
    package : bytes
        The clone's files, from `sources.pack`.
    key : str
        What the clone is called: tasks with the same sources use the same clones.
    task : mapping
        `name`; `environment`, variables that decide results as the driver has them, and
        `deciding`, the beginnings of their names; the rest is for `rnnbench.repro.cluster.node`.
    board : ray.actor.ActorHandle
        The `Board`.

    Returns
    -------
    dict
        What `rnnbench.repro.cluster.node` returns, with the `node` and the clone's `folder`; or
        `lost`, which says what killed that process.
    """
    import ray

    node = ray.get_runtime_context().get_node_id()
    board.begin.remote(task["name"], node)
    with _clone(key, package) as (folder, lock):
        answer = _run(folder, lock, task)
        if not answer.get("lost"):
            kept = "not_handed_over" in answer
            Path(f"{folder}.{'kept' if kept else 'whole'}").touch()
        return {**answer, "node": node, "folder": str(folder)}


def gpu_memory() -> int | None:
    """Return how many bytes the smallest GPU of this node has; None if it does not say."""
    try:
        import pynvml

        pynvml.nvmlInit()
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return min(int(pynvml.nvmlDeviceGetMemoryInfo(handle).total) for handle in handles)
    except Exception:  # no library, no driver, or a part of a GPU, which need not answer
        return None


def node_folder() -> Path:
    """Return this node's own folder for clones and for DVC's cache.

    It must not be one that several nodes share, as a home folder often is.
    """
    default = Path(tempfile.gettempdir(), f"rnnbench-{os.getuid()}")
    folder = Path(os.environ.get(FOLDER_VARIABLE) or default)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user: name one with {FOLDER_VARIABLE}")
    return folder


@contextmanager
def _clone(key: str, package: bytes) -> Iterator[tuple[Path, int]]:
    """Give a clone that no other process uses, and the descriptor of its lock.

    A clone in which a task was cut short has no file `.whole` beside it, and is made anew. One
    with a file `.kept` holds a result that was not handed over, and is left alone.
    """
    clones = node_folder() / "clones"
    _remove_old(clones, key)
    (clones / key).mkdir(parents=True, exist_ok=True)
    for number in itertools.count():
        folder = clones / key / str(number)
        lock = _locked(folder)
        if lock is None:
            continue
        try:
            if Path(f"{folder}.kept").exists():
                continue
            whole = Path(f"{folder}.whole")
            if not whole.exists():
                _lay_out(folder, package)
            whole.unlink(missing_ok=True)
            yield folder, lock
            return
        finally:
            os.close(lock)


def _locked(folder: Path) -> int | None:
    """Lock a clone; None if a process has it. The lock ends with the processes that have it."""
    lock = os.open(f"{folder}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _lay_out(folder: Path, package: bytes) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(fileobj=io.BytesIO(package)) as packed:
        packed.extractall(folder, filter="tar")
    subprocess.run(["git", "reset", "--quiet"], cwd=folder, check=True)  # noqa: S607


def _remove_old(clones: Path, key: str) -> None:
    """Remove clones of other sources that have not been used for a day."""
    for whole in clones.glob("*/*.whole"):
        folder = whole.with_suffix("")
        with suppress(FileNotFoundError):
            if whole.parent.name == key or time.time() - whole.stat().st_mtime < SECONDS_TO_KEEP:
                continue
        lock = _locked(folder)
        if lock is not None:
            whole.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _run(folder: Path, lock: int, task: Mapping[str, Any]) -> dict[str, Any]:
    """Run `rnnbench.repro.cluster.node` in a clone; kill it and its group when this ends."""
    given = {**task, "cache": str(node_folder() / "cache")}
    with tempfile.TemporaryDirectory(prefix="rnnbench-") as scratch:
        answer, output = Path(scratch, "answer.json"), Path(scratch, "output")
        with output.open("wb") as stream:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", START, str(os.getpid()), str(answer)],
                cwd=folder,
                env=stage_environment(task),
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=subprocess.STDOUT,
                process_group=0,
                pass_fds=[lock],
            )
        try:
            process.communicate(json.dumps(given).encode())
        except BaseException:  # Ray's way to cancel a task is Ctrl-C
            _signal(process, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_TO_END)
            raise
        finally:
            _signal(process, signal.SIGKILL)
        if process.returncode < 0:
            return {"lost": f"its process was ended by {signal.Signals(-process.returncode).name}"}
        if process.returncode:
            raise RuntimeError(output.read_text(errors="replace"))
        found: dict[str, Any] = json.loads(answer.read_text())
        return found


def stage_environment(task: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment that stages have: that of this node without what Ray adds.

    Variables that decide results, such as the number of threads, are as the driver has them, and
    absent where it has none: Ray sets OMP_NUM_THREADS, and partial sums would be added in another
    order.
    """
    left_out = (*ADDED, *task["deciding"])
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(left_out)
    }
    if task["gpus"]:
        environment["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    environment |= task["environment"]
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return environment


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
