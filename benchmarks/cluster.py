"""What a Ray cluster costs beside the stages: experiments that sleep, on one machine.

    python benchmarks/cluster.py [--experiments 16] [--seconds 20] [--most 8]

Sleeping takes no core, so that one machine stands for several: this measures the way of an
experiment to a node and back, and no training. Writes `results/cluster.csv`: for `--jobs` and for
a cluster, each with 1, 2, 4, … workers, how long all experiments take, how much of it is not sleep,
the time to the first training, and the processor time and the memory of the driver. An experiment
that the driver cannot take in faster than others end waits for it: `driver_seconds` bounds how many
an hour one driver can serve.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pandas as pd
from dvc.repo import Repo
from dvc.utils.serialize import dumps_yaml

from results import write_csv

GIT = ("git", "-c", "user.name=Benchmark", "-c", "user.email=benchmark@example.org")
DRIVER = """
import json, resource, sys, time
from pathlib import Path
from rnnbench.repro.cluster.place import Cluster
from rnnbench.repro.reproduce import reproduce
jobs, address, exchange = sys.argv[1:]
begun = time.time()
done = reproduce(Path.cwd(), int(jobs), cluster=Cluster(address, exchange) if address else None)
used = resource.getrusage(resource.RUSAGE_SELF)
first = min(float(path.read_text()) for path in Path.cwd().glob("model-*"))
print(json.dumps({
    "done": done,
    "seconds": time.time() - begun,
    "seconds_to_first": first - begun,
    "driver_seconds": used.ru_utime + used.ru_stime,
    "driver_megabytes": used.ru_maxrss / 1024,
}))
"""


def compare(experiments: int, seconds: float, most: int) -> pd.DataFrame:
    """Measure experiments that sleep, with 1, 2, 4, … workers, with and without a cluster.

    Parameters
    ----------
    experiments : int
        How many there are.
    seconds : float
        How long each training sleeps.
    most : int
        The highest number of workers.

    Returns
    -------
    pd.DataFrame
        A row per way and number of workers. `overhead_seconds` is how much longer an experiment
        occupies its worker than it sleeps.
    """
    rows = []
    workers = 1
    while workers <= most:
        for way in ("--jobs", "--cluster"):
            with tempfile.TemporaryDirectory(prefix="rnnbench-") as folder:
                measured = _measure(Path(folder), way, workers, experiments, seconds)
            per_worker = experiments / workers
            rest = measured["seconds"] - measured["seconds_to_first"] - per_worker * seconds
            row = {"way": way, "workers": workers, "experiments": experiments, **measured}
            rows.append({**row, "overhead_seconds": rest / per_worker})
            print(rows[-1], flush=True)
        workers *= 2
    return pd.DataFrame(rows).drop(columns="done")


def _measure(
    folder: Path, way: str, workers: int, experiments: int, seconds: float
) -> dict[str, Any]:
    root, exchange = folder / "repository", folder / "exchange"
    exchange.mkdir()
    _make_repository(root, experiments, seconds)
    with _cluster(folder, workers) if way == "--cluster" else _nothing() as address:
        answer = subprocess.run(  # noqa: S603
            [sys.executable, "-c", DRIVER, str(workers), address, str(exchange)],
            cwd=root,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
    measured: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    if not measured["done"]:
        raise RuntimeError(answer.stdout)
    return measured


def _make_repository(root: Path, experiments: int, seconds: float) -> None:
    names = [f"e{number}" for number in range(experiments)]
    sleep = f"date +%s.%N > model-${{item}}; sleep {seconds}"
    stages = {
        "prepare": {"cmd": "echo view > view", "outs": ["view"]},
        "train": {
            "foreach": names,
            "do": {"cmd": sleep, "deps": ["view"], "outs": ["model-${item}"]},
        },
    }
    root.mkdir()
    subprocess.run([*GIT, "init", "--quiet"], cwd=root, check=True)  # noqa: S603
    Repo.init(str(root)).close()
    (root / "dvc.yaml").write_text(dumps_yaml({"stages": stages}))
    subprocess.run([*GIT, "add", "--all"], cwd=root, check=True)  # noqa: S603
    commit = [*GIT, "commit", "--quiet", "--message", "stages"]
    subprocess.run(commit, cwd=root, check=True)  # noqa: S603


@contextmanager
def _nothing() -> Iterator[str]:
    yield ""


@contextmanager
def _cluster(folder: Path, workers: int) -> Iterator[str]:
    """Start a head without cores and one node with so many; yield the address."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    try:
        # Sleeping takes no memory either; what is declared would hold experiments back.
        cluster.add_node(
            num_cpus=workers,
            memory=workers * 2**32,
            env_vars={"RNNBENCH_NODE_FOLDER": str(folder / "node")},
        )
        yield cluster.address
    finally:
        cluster.shutdown()


@click.command()
@click.option("--experiments", default=16, show_default=True)
@click.option("--seconds", default=20.0, show_default=True, help="How long a training sleeps.")
@click.option("--most", default=8, show_default=True, help="The highest number of workers.")
def main(experiments: int, seconds: float, most: int) -> None:
    """Measure and write the file."""
    os.environ["KERAS_BACKEND"] = "jax"  # these stages need no TensorFlow, which would be imported
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_AUTH_TOKEN", os.urandom(16).hex())
    write_csv("cluster", compare(experiments, seconds, most))


if __name__ == "__main__":
    main()
