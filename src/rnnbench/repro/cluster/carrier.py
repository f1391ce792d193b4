"""The function that Ray runs on a node: it makes a clone of the repository and works in it.

Ray gets this module by value. It imports nothing of this project, so that a node needs only the
locked packages and Ray, and the code that runs there is the code of the clone.
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
# The clone's own package is run, not one that is installed on the node.
START = """
import runpy, sys
sys.path.insert(0, "src")
runpy.run_module("rnnbench.repro.cluster.node", run_name="__main__", alter_sys=True)
"""
# Variables that Ray adds to the environment of its processes.
ADDED = ("RAY_", "PYTHONBREAKPOINT", "SPT_NOENV", "CUDA_VISIBLE_DEVICES")
SECONDS_TO_END = 15.0
SECONDS_TO_KEEP = 24 * 3600.0


class Board:
    """Records on which node each task begins, which Ray reports only with its dashboard."""

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
        The name of the clones: tasks with the same sources use the same clones.
    task : mapping
        `name`; `environment`, the driver's variables that affect results, and `deciding`, the
        prefixes of their names; the rest is for `rnnbench.repro.cluster.node`.
    board : ray.actor.ActorHandle
        The `Board`.

    Returns
    -------
    dict
        The answer of `rnnbench.repro.cluster.node` with the `node` and the clone's `folder`; its
        key `lost` gives the reason if the process was killed.
    """
    import ray

    node = ray.get_runtime_context().get_node_id()
    board.begin.remote(task["name"], node)
    with _clone(key, package) as (folder, lock):
        answer = _run(folder, lock, task)
        if not answer.get("lost"):
            mark = "kept" if "not_handed_over" in answer else "whole"
            Path(f"{folder}.{mark}").touch()
        return {**answer, "node": node, "folder": str(folder)}


def gpu_memory() -> int | None:
    """Return the bytes of memory of the smallest GPU of this node; None if they are not known."""
    try:
        import pynvml

        pynvml.nvmlInit()
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return min(int(pynvml.nvmlDeviceGetMemoryInfo(handle).total) for handle in handles)
    except Exception:  # no library, no driver, or a MIG slice, which need not report its memory
        return None


def node_folder() -> Path:
    """Return this node's own folder for clones and for DVC's cache.

    Several nodes must not share it, as they often share a home folder.
    """
    default = Path(tempfile.gettempdir(), f"rnnbench-{os.getuid()}")
    folder = Path(os.environ.get(FOLDER_VARIABLE) or default)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user: name one with {FOLDER_VARIABLE}")
    return folder


@contextmanager
def _clone(key: str, package: bytes) -> Iterator[tuple[Path, int]]:
    """Yield a clone that no other process uses, and the descriptor of its lock.

    A clone without a file `.whole` beside it, in which a task was killed, is made anew. A clone
    with a file `.kept` holds a result that was not sent to the exchange, and is not used.
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
    """Lock a clone, for as long as this process and its children run; None if it is locked."""
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
    """Run `rnnbench.repro.cluster.node` in a clone; kill its process group at the end."""
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
        except BaseException:  # Ray cancels a task with a KeyboardInterrupt
            _signal(process, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_TO_END)
            raise
        finally:
            _signal(process, signal.SIGKILL)
        if process.returncode < 0:
            return {"lost": f"its process was killed by {signal.Signals(-process.returncode).name}"}
        if process.returncode:
            raise RuntimeError(output.read_text(errors="replace"))
        found: dict[str, Any] = json.loads(answer.read_text())
        return found


def stage_environment(task: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment of stages: the node's own without the variables that Ray adds.

    Variables that affect results, such as the number of threads, are those of the driver, and unset
    if the driver has none: Ray sets OMP_NUM_THREADS, which changes the order of partial sums.
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
