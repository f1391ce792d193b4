"""The overhead of many experiments besides their training, with `--jobs` and on a Ray cluster.

    python benchmarks/cluster.py [--experiments 16] [--seconds 20] [--most 8] [--stages 1000]

Writes `results/cluster.csv`: for `--jobs` and for a cluster of this machine, each with 1, 2, 4, …
workers, how long experiments that sleep and small real trainings take together, the time to the
first, and the processor time and memory of the driver. Sleeping takes no core, so that one machine
can represent several: the time that remains is that of sending an experiment to its worker and its
result back. Real trainings share the cores of this machine, and do not represent several machines.

Writes `results/cluster_driver.csv`: the work of the driver for each experiment, in pipelines with
10, 100, … stages; `page.py` computes from it the limits of 1,000 experiments on 100 nodes.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import click
import pandas as pd
from dvc.dvcfile import LOCK_FILE
from dvc.repo import Repo, lock_repo
from dvc.stage.serialize import to_lockfile
from dvc.utils.serialize import dumps_yaml, load_yaml
from scratch_clone import run_python, scratch_clone

from results import write_csv
from rnnbench.demo import only, write_params
from rnnbench.repro.cluster.exchange import Exchange
from rnnbench.repro.cluster.merge import merge
from rnnbench.repro.cluster.sources import pack, read_sources
from rnnbench.repro.pipeline import read_pipeline

GIT = ("git", "-c", "user.name=Benchmark", "-c", "user.email=benchmark@example.org")
SOURCE = Path(__file__).parent.parent / "src"
ROUNDS = 3
OUTPUT_BYTES = 100_000  # about the size of a small model
SMALL = "random-simple-rnn"
DRIVER = """
import json, resource, sys, time
from datetime import datetime
from pathlib import Path
from rnnbench.repro.cluster.place import Cluster
from rnnbench.repro.reproduce import reproduce
jobs, address, exchange, target = sys.argv[1:]
start = time.time()
cluster = Cluster(address, exchange) if address else None
done = reproduce(Path.cwd(), int(jobs), [target], cluster=cluster)
seconds = time.time() - start
used = resource.getrusage(resource.RUSAGE_SELF)
# Not ru_maxrss, which includes the peak of the parent process.
status = Path("/proc/self/status").read_text()
peak_kilobytes = int(status.split("VmHWM:")[1].split()[0])
starts = [float(path.read_text()) for path in Path("models").glob("*")]
for path in Path("runs").glob("*/*/*/run.json"):
    starts.append(datetime.fromisoformat(json.loads(path.read_text())["started_at"]).timestamp())
print(json.dumps({
    "done": done,
    "seconds": seconds,
    "seconds_to_first": min(starts, default=start) - start,
    "driver_seconds": used.ru_utime + used.ru_stime,
    "driver_megabytes": peak_kilobytes / 1024,
}))
"""


def compare(experiments: int, seconds: float, most: int) -> pd.DataFrame:
    """Measure experiments that sleep, and small real ones, with 1, 2, 4, … workers.

    Parameters
    ----------
    experiments : int
        The number of experiments.
    seconds : float
        How long each training of the first kind sleeps.
    most : int
        The highest number of workers.

    Returns
    -------
    DataFrame
        One row per kind, way and number of workers. `occupied_seconds` is how long an experiment
        occupies its worker, `overhead_seconds` how much longer that is than its sleep.
    """
    rows = []
    with _sleeping(experiments, seconds) as asleep, _small(experiments) as small:
        for kind, repository, target in (
            ("sleep", asleep, "train"),
            ("small trainings", small, "evaluate"),
        ):
            for workers in [2**power for power in range(most.bit_length())]:
                for way in ("--jobs", "--cluster"):
                    measured = _measure(repository, way, workers, target, kind == "sleep")
                    span = measured["seconds"] - measured["seconds_to_first"]
                    occupied = span * workers / experiments
                    overhead = occupied - seconds if kind == "sleep" else float("nan")
                    row = {"kind": kind, "way": way, "workers": workers, "experiments": experiments}
                    derived = {"occupied_seconds": occupied, "overhead_seconds": overhead}
                    rows.append({**row, **measured, **derived})
                    print(rows[-1], flush=True)
    return pd.DataFrame(rows).drop(columns="done")


def _measure(repository: Path, way: str, workers: int, target: str, asleep: bool) -> dict[str, Any]:
    """Run all experiments of a fresh copy of a repository."""
    with tempfile.TemporaryDirectory(prefix="rnnbench-") as temporary:
        folder = Path(temporary)
        root, exchange = folder / "repository", folder / "exchange"
        exchange.mkdir()
        shutil.copytree(repository, root, symlinks=True)
        source = SOURCE if asleep else root / "src"
        environment = {**os.environ, "PYTHONPATH": str(source)}
        environment.pop("MLFLOW_TRACKING_URI", None)
        if asleep:
            environment["KERAS_BACKEND"] = "jax"  # so that TensorFlow is not imported first
        with _cluster(folder, workers) if way == "--cluster" else nullcontext("") as address:
            answer = subprocess.run(  # noqa: S603
                [sys.executable, "-c", DRIVER, str(workers), address, str(exchange), target],
                cwd=root,
                env=environment,
                stdout=subprocess.PIPE,
                check=True,
                text=True,
            )
    measured: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    if not measured["done"]:
        raise click.ClickException(answer.stdout)
    return measured


@contextmanager
def _sleeping(experiments: int, seconds: float) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rnnbench-") as folder:
        root = Path(folder) / "repository"
        _make_repository(
            root, experiments, f"mkdir -p models; date +%s.%N > models/${{item}}; sleep {seconds}"
        )
        yield root


@contextmanager
def _small(experiments: int) -> Iterator[Path]:
    """Make a clone with prepared data whose experiments train for one epoch with one seed."""
    with scratch_clone() as (folder, content):
        small = only(content, [SMALL])
        line = {**small["experiments"][SMALL], "epochs": 1, "seeds": 1}
        names = [f"small-{number}" for number in range(experiments)]
        # Learning rates differ, because DVC would take equal trainings from its cache.
        lines = {
            name: {**line, "learning_rate": 0.001 + number / 1e6}
            for number, name in enumerate(names)
        }
        write_params({**small, "experiments": lines}, folder / "params.yaml")
        (folder / ".dvc" / "config.local").unlink()  # names the repository's cache
        _commit(folder)
        run_python(folder, "-m", "dvc", "repro", f"prepare@{line['view']}", quiet=True)
        _commit(folder)
        yield folder


def _make_repository(root: Path, experiments: int, command: str) -> None:
    """Make a repository with a stage that prepares and a training stage for each experiment."""
    stages = {
        "prepare": {"cmd": "echo view > view", "outs": ["view"]},
        "train": {
            "foreach": [f"e{number}" for number in range(experiments)],
            "do": {"cmd": command, "deps": ["view"], "outs": ["models/${item}"]},
        },
    }
    (root / "models").mkdir(parents=True)
    subprocess.run([*GIT, "init", "--quiet"], cwd=root, check=True)  # noqa: S603
    Repo.init(str(root)).close()
    (root / "dvc.yaml").write_text(dumps_yaml({"stages": stages}))
    (root / ".gitignore").write_text("/models/\n/view\n")
    (root / "view").write_text("view\n")
    _commit(root)


def _commit(root: Path) -> None:
    subprocess.run([*GIT, "add", "--all"], cwd=root, check=True)  # noqa: S603
    commit = [*GIT, "commit", "--quiet", "--allow-empty", "--message", "stages"]
    subprocess.run(commit, cwd=root, check=True)  # noqa: S603


@contextmanager
def _cluster(folder: Path, workers: int) -> Iterator[str]:
    """Start a head node without cores and a node with `workers` cores; yield the address."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    try:
        # Enough declared memory, so that it does not limit experiments that need hardly any.
        cluster.add_node(
            num_cpus=workers,
            memory=workers * 2**32,
            env_vars={"RNNBENCH_NODE_FOLDER": str(folder / "node")},
        )
        yield cluster.address
    finally:
        cluster.shutdown()


def measure_driver(most: int) -> pd.DataFrame:
    """Measure the work of the driver in pipelines with 10, 100, … stages that are up to date.

    Parameters
    ----------
    most : int
        The highest number of stages.

    Returns
    -------
    DataFrame
        One row per number of stages, medians of three. Once for all experiments: `status_seconds`
        (finding stages that are out of date) and `pack_seconds` (packing the sources). For each
        experiment: `send_seconds` (sending an output to the exchange, a folder), `take_in_seconds`
        (merging a result), and its parts `receive_seconds` (receiving from the exchange) and
        `lock_seconds` (reading and writing dvc.lock).
    """
    rows = []
    number = 10
    while number <= most:
        with tempfile.TemporaryDirectory(prefix="rnnbench-") as folder:
            rows.append({"stages": number, **_driver_seconds(Path(folder), number)})
        print(rows[-1], flush=True)
        number *= 10
    return pd.DataFrame(rows)


def _driver_seconds(folder: Path, number: int) -> dict[str, float]:
    root, store = folder / "repository", folder / "exchange"
    store.mkdir()
    _make_repository(root, number, "false")
    _record_all(root)
    sources = read_sources(root)
    exchange = Exchange("exchange", str(store))
    measured: dict[str, list[float]] = {}

    def clock(name: str, action: Callable[[], object]) -> None:
        start = time.perf_counter()
        action()
        measured.setdefault(f"{name}_seconds", []).append(time.perf_counter() - start)

    for turn in range(ROUNDS):
        clock("status", lambda: read_pipeline(root))
        clock("pack", lambda: pack(root, read_sources(root).digests.keys()))
        stage = f"train@e{turn}"
        lock = load_yaml(root / LOCK_FILE)
        entry = lock["stages"].pop(stage)
        with exchange.open(root) as repo:
            clock("send", lambda: exchange.send(repo, [entry]))  # noqa: B023
        clock("lock", lambda: (root / LOCK_FILE).write_text(dumps_yaml(lock)))  # noqa: B023
        clock("read", lambda: load_yaml(root / LOCK_FILE))
        _forget(root, entry)
        with exchange.open(root) as repo:
            clock("receive", lambda: exchange.receive(repo, [entry]))  # noqa: B023
        _forget(root, entry)
        clock("take_in", lambda: merge(root, exchange, {stage: entry}, sources))  # noqa: B023
    medians = {name: statistics.median(each) for name, each in measured.items()}
    medians["lock_seconds"] += medians.pop("read_seconds")
    return medians


def _record_all(root: Path) -> None:
    """Record all stages as if they had run, in one write: DVC rewrites dvc.lock for each stage."""
    with chdir(root), Repo() as repo, lock_repo(repo):
        stages = [stage for stage in repo.index.stages if stage.cmd]
        recorded: dict[str, Any] = {}
        for stage in stages:
            for out in stage.outs:
                if not out.exists:
                    Path(out.fs_path).write_bytes(os.urandom(OUTPUT_BYTES))
            stage.save()
            stage.commit()
            recorded |= to_lockfile(stage)
    (root / LOCK_FILE).write_text(dumps_yaml({"schema": "2.0", "stages": recorded}))


def _forget(root: Path, entry: dict[str, Any]) -> None:
    """Remove the outputs of a stage from the workspace and from the cache."""
    for output in entry["outs"]:
        (root / output["path"]).unlink(missing_ok=True)
        digest = output["md5"]
        (root / ".dvc" / "cache" / "files" / "md5" / digest[:2] / digest[2:]).unlink(
            missing_ok=True
        )


@click.command()
@click.option("--experiments", default=16, show_default=True)
@click.option("--seconds", default=20.0, show_default=True, help="How long a training sleeps.")
@click.option("--most", default=8, show_default=True, help="The highest number of workers.")
@click.option("--stages", default=1000, show_default=True, help="The largest pipeline.")
def main(experiments: int, seconds: float, most: int, stages: int) -> None:
    """Measure and write the files."""
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_AUTH_TOKEN", os.urandom(16).hex())
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_agent_register_timeout_ms", "120000")  # the machine is busy
    write_csv("cluster_driver", measure_driver(stages))
    write_csv("cluster", compare(experiments, seconds, most))


if __name__ == "__main__":
    main()
