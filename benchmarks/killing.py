"""Killing the project's commands at random moments, and checking the result of the next run."""

import hashlib
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # DVC and MLflow need it too
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.store.entities import PagedList
from ruamel.yaml import YAML
from scratch_clone import scratch_clone

from rnnbench.demo import only, write_params
from rnnbench.files import TEMPORARY_SUFFIX, read_json
from rnnbench.layout import HISTORY_FILE, METRICS_FILE, RECORD_FILE, RUNS_FOLDER
from rnnbench.tracking.runs import EXPERIMENT_TAG, RUN_TAG
from rnnbench.tracking.store import DATABASE, default_uri

COUNTING = Path(__file__).with_name("faulty")
EXPERIMENT = "adding-20-simple-rnn"
# These stages cost seconds, and write their files in the same way as others.
LEFT_OUT = ("time", "layers")
# Outputs that are equal in each run; the others contain times and identifiers.
REPEATED = ("data/", METRICS_FILE, HISTORY_FILE, "confusion_matrix.csv", "results/members")
# A kill hits the command's process group, as when a terminal closes, or all processes that it
# started, as when a container ends.
GROUP, ALL = "group", "all"
# A kill comes at once after the drawn change of a file, or up to this much later.
MOST_SECONDS_AFTER = 0.5
SECONDS_TO_END = 60.0


class FaultError(Exception):
    """A killed command left an invalid state."""


@dataclass
class Repository:
    """A scratch repository of one small experiment, and the processes that were started in it.

    Attributes
    ----------
    folder : Path
        Its root.
    environment : dict
        The environment of its commands.
    """

    folder: Path
    environment: dict[str, str]
    sessions: set[int] = field(default_factory=set)

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Start Python in a session of its own, with its output in a file."""
        with (self.folder.parent / "output.txt").open("w") as output:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, *arguments],
                cwd=self.folder,
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self.sessions.add(process.pid)
        return process

    def run(self, *arguments: str) -> str:
        """Run Python to its end and return what it printed.

        Raises
        ------
        FaultError
            If it does not succeed.
        """
        code = self.start(*arguments).wait()
        output = self.output
        if code != 0:
            raise FaultError(f"{' '.join(arguments)} ended with {code}:\n{output}")
        return output

    @property
    def output(self) -> str:
        """The output of the last command."""
        return (self.folder.parent / "output.txt").read_text(errors="replace")

    def processes(self) -> list[psutil.Process]:
        """Return the running processes of commands that were started here."""
        return [one for one in psutil.process_iter() if _session(one) in self.sessions]

    def reset(self) -> None:
        """Restore the committed state, without caches and outputs."""
        for arguments in (("clean", "-ffdxq"), ("checkout", "--quiet", "--force", "HEAD")):
            subprocess.run(["git", *arguments], cwd=self.folder, check=True)  # noqa: S603, S607


def _session(process: psutil.Process) -> int | None:
    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else os.getsid(process.pid)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return None


@contextmanager
def small_repository() -> Iterator[Repository]:
    """Yield a clone of the project whose only experiment trains on synthetic data in a second."""
    with scratch_clone() as (folder, content):
        (folder / ".dvc" / "config.local").unlink()
        small = smallest(content)
        write_params(small, folder / "params.yaml")
        budget = {"experiments": {EXPERIMENT: {}}, "seeds": small["seeds"]}
        with (folder / "demo.yaml").open("w") as stream:
            YAML().dump(budget, stream)
        _leave_out(folder / "dvc.yaml")
        git = ["git", "-c", "user.name=Faults", "-c", "user.email=faults@example.org"]
        for arguments in (["add", "--all"], ["commit", "--quiet", "--message", "small"]):
            subprocess.run([*git, *arguments], cwd=folder, check=True)  # noqa: S603
        environment = {
            **os.environ,
            "PYTHONPATH": f"{COUNTING}{os.pathsep}{folder / 'src'}",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "FAULT_FOLDER": str(folder.parent),
            "FAULT_TURN": "0",
        }
        for name in ("MLFLOW_TRACKING_URI", "PYTHONDONTWRITEBYTECODE"):
            environment.pop(name, None)
        repository = Repository(folder, environment)
        try:
            yield repository
        finally:
            for process in repository.processes():
                process.kill()


def smallest(content: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce a params.yaml to one synthetic experiment with two seeds and two short epochs."""
    small = only(content, [EXPERIMENT])
    line = small["experiments"][EXPERIMENT]
    view, suite = small["views"][line["view"]], small["suites"][line["suite"]]
    sizes = {"train_examples": 96, "test_examples": 32}
    return {
        **small,
        "seeds": 2,
        "compiled_loops": False,
        "datasets": {view["dataset"]: small["datasets"][view["dataset"]]},
        "views": {line["view"]: {**view, **sizes}},
        "suites": {line["suite"]: {**suite, "training": {**suite["training"], "epochs": 2}}},
    }


def _leave_out(path: Path) -> None:
    yaml = YAML()
    pipeline = yaml.load(path)
    for stage in LEFT_OUT:
        del pipeline["stages"][stage]
    yaml.dump(pipeline, path)


@dataclass
class Killing:
    """One kill.

    Attributes
    ----------
    turn : int
        The number of the file change after which it happens.
    seconds : float
        How long after that change it happens.
    what : str
        `GROUP` or `ALL`.
    """

    turn: int
    seconds: float
    what: str


def draw(generator: random.Random, changes: int) -> Killing:
    """Draw a kill within the first `changes` file changes of a command."""
    seconds = generator.choice([0.0, generator.uniform(0.0, MOST_SECONDS_AFTER)])
    return Killing(generator.randint(1, changes), seconds, generator.choice([GROUP, ALL]))


def count_changes(repository: Repository, *command: str) -> int:
    """Run a command to its end, and return how often it changed a file."""
    counter = repository.folder.parent / "count"
    counter.unlink(missing_ok=True)
    repository.run(*command)
    return counter.stat().st_size


def kill(repository: Repository, killing: Killing, *command: str) -> bool:
    """Start a command and kill it at a moment; return whether it was still running.

    Raises
    ------
    FaultError
        If it fails before that, which is the effect of an earlier kill.
    """
    folder = repository.folder.parent
    (folder / "count").unlink(missing_ok=True)
    pipe = folder / "pipe"
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR)
    try:
        process = repository.start(*command, FAULT_TURN=str(killing.turn))
        while not select.select([reader], [], [], 0.1)[0]:
            if (code := process.poll()) is not None:
                if code != 0:
                    raise FaultError(f"{' '.join(command)} ended with {code}:\n{repository.output}")
                return False
    finally:
        os.close(reader)
    time.sleep(killing.seconds)
    if killing.what == GROUP:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        while running := repository.processes():
            for one in running:
                one.kill()
    return process.wait() == -signal.SIGKILL


@dataclass
class Outcome:
    """The results of a finished pipeline that must be the same each time."""

    outputs: dict[str, str]
    stages: list[str]
    runs: list[dict[str, float]]


def outcome(repository: Repository, part: str = ".") -> Outcome:
    """Read the results of a finished pipeline, and check that they are complete.

    Parameters
    ----------
    repository : Repository
        The repository in which it ran.
    part : str
        The folder with its files: `demo`, or the repository's root by default.

    Raises
    ------
    FaultError
        If a file in DVC's cache does not match its hash, an output does not match dvc.lock, a
        temporary file is left, or MLflow has a run that is not finished.
    """
    folder = repository.folder / part
    lock = YAML(typ="safe").load((folder / "dvc.lock").read_text())["stages"]
    outputs = {out["path"]: out["md5"] for stage in lock.values() for out in stage["outs"]}
    _require_whole_cache(repository.folder / ".dvc" / "cache" / "files" / "md5")
    for path, md5 in outputs.items():
        if (folder / path).is_file() and _md5(folder / path) != md5:
            raise FaultError(f"{path} is not what dvc.lock records")
    left = [path for path in folder.rglob(f".*{TEMPORARY_SUFFIX}") if ".git" not in path.parts]
    if left:
        raise FaultError(f"temporary files are left: {left}")
    repeated = {path: md5 for path, md5 in outputs.items() if _is_repeated(path)}
    return Outcome(repeated, sorted(lock), _finished_runs(folder))


def _is_repeated(path: str) -> bool:
    return path.startswith(REPEATED) or path.endswith(REPEATED)


def _require_whole_cache(cache: Path) -> None:
    for path in cache.glob("*/*"):
        if _md5(path) != f"{path.parent.name}{path.name}".removesuffix(".dir"):
            raise FaultError(f"{path} of DVC's cache does not hold what its name says")


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def running_runs(folder: Path) -> list[str]:
    """Return the names of the runs with the status RUNNING in MLflow."""
    return [str(run.info.run_name) for run in _runs(folder) if run.info.status == "RUNNING"]


def _runs(folder: Path) -> "PagedList[Run]":
    """Read runs from a copy of the default store, because MLflow keeps a replaced file open."""
    with tempfile.TemporaryDirectory() as elsewhere:
        shutil.copy(folder / DATABASE, elsewhere)
        client = MlflowClient(default_uri(Path(elsewhere)))
        return client.search_runs([one.experiment_id for one in client.search_experiments()])


def _finished_runs(folder: Path) -> list[dict[str, float]]:
    """Return the metrics in MLflow of the recorded runs and of their parent.

    Metrics of the machine are left out.
    """
    if running := running_runs(folder):
        raise FaultError(f"MLflow says that these run: {running}")
    tagged = {
        run.data.tags.get(RUN_TAG) or run.data.tags[EXPERIMENT_TAG]: run for run in _runs(folder)
    }
    records = [read_json(path) for path in (folder / RUNS_FOLDER).glob(f"*/*/*/{RECORD_FILE}")]
    names = [records[0]["experiment_id"], *sorted(record["run_id"] for record in records)]
    missing = set(names) - tagged.keys()
    if missing:
        raise FaultError(f"MLflow has no runs {missing}")
    runs = [tagged[name] for name in names]
    if any(run.info.status != "FINISHED" for run in runs):
        raise FaultError("a run that is recorded is not finished in MLflow")
    return sorted((_scores(run.data.metrics) for run in runs), key=json.dumps)


def _scores(metrics: Mapping[str, float]) -> dict[str, float]:
    machine = ("timing/", "system/", "device/")
    return {name: value for name, value in sorted(metrics.items()) if not name.startswith(machine)}


def require_nothing_runs(repository: Repository) -> None:
    """Wait until all processes that were started have ended.

    Raises
    ------
    FaultError
        If something still runs after a minute.
    """
    deadline = time.monotonic() + SECONDS_TO_END
    while running := repository.processes():
        if time.monotonic() > deadline:
            raise FaultError(f"still running: {[one.cmdline() for one in running]}")
        time.sleep(0.5)
