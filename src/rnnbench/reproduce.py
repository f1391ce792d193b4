"""`dvc repro` with several experiments side by side.

DVC runs one stage after another, but several of its processes may work in one repository: while a
stage's command runs, the repository is not locked.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from rnnbench.params import Params
from rnnbench.tracking.runs import create_experiments
from rnnbench.warm.server import warm_python

# Experiments a DVC process works off: starting one takes seconds, waiting for the last one too.
EXPERIMENTS_AT_A_TIME = 4
RUNNING = "Running stage "


def reproduce(root: Path, params: Params, jobs: int) -> bool:
    """Reproduce the whole pipeline of a repository, `jobs` experiments at a time.

    What it runs and what comes out is what `dvc repro --keep-going` runs. A stage that fails stops
    only what depends on it; its experiment stands in the tables as not run.

    Parameters
    ----------
    root : Path
        The repository.
    params : Params
        Its parameters.
    jobs : int
        How many DVC processes work side by side.

    Returns
    -------
    bool
        Whether every stage succeeded.
    """
    create_experiments(params.suites, root)
    prepared = [f"prepare@{view}" for view in params.views]
    done = _dvc(root, "repro", "--keep-going", *prepared)
    progress = _Progress(2 * len(params.experiments))
    # TensorFlow otherwise gives all of a GPU's memory to the first that asks.
    environment = {**_environment(root), "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    with warm_python(root) as warm, ThreadPoolExecutor(jobs) as pool:
        run = partial(_run_group, root, {**environment, **warm}, progress)
        trained = all(list(pool.map(run, _groups(list(params.experiments)))))
    if done and trained:
        return _dvc(root, "repro")
    for suite in params.suites:
        _dvc(root, "repro", "--single-item", f"compare@{suite}")
    _dvc(root, "repro", "--single-item", "layers", "report")
    return False


class _Progress:
    """Say which stage begins, and how many are left."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._begun = 0
        self._lock = threading.Lock()

    def begin(self, stage: str) -> None:
        with self._lock:
            self._begun += 1
            print(f"[{self._begun}/{self._total}] {stage}", flush=True)


def _groups(experiments: list[str]) -> Iterable[list[str]]:
    for begin in range(0, len(experiments), EXPERIMENTS_AT_A_TIME):
        yield experiments[begin : begin + EXPERIMENTS_AT_A_TIME]


def _run_group(
    root: Path, environment: dict[str, str], progress: _Progress, experiments: list[str]
) -> bool:
    """Train and evaluate experiments; show the output of those that fail."""
    stages = [f"{kind}@{name}" for name in experiments for kind in ("train", "evaluate")]
    command = _command("--wait-for-lock", "repro", "--keep-going", "--single-item", *stages)
    output: list[str] = []
    with subprocess.Popen(  # noqa: S603
        command,
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            output.append(line)
            if line.startswith(RUNNING):
                progress.begin(line.removeprefix(RUNNING).strip(" ':\n"))
    if process.returncode != 0:
        print("".join(output), flush=True)
    return process.returncode == 0


def _dvc(root: Path, *arguments: str) -> bool:
    command = _command(*arguments)
    return (
        subprocess.run(command, cwd=root, env=_environment(root), check=False).returncode == 0  # noqa: S603
    )


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "dvc", *arguments]


def _environment(root: Path) -> dict[str, str]:
    """Return the environment in which the repository's own source is what is run."""
    return {**os.environ, "PYTHONPATH": str(root / "src")}
