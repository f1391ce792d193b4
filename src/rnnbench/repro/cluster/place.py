"""Running the schedule of `rnnbench repro` on a cluster."""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rnnbench.errors import RnnbenchError
from rnnbench.repro.cluster.connection import Connection, connected
from rnnbench.repro.cluster.exchange import find_exchange
from rnnbench.repro.cluster.resources import needs_of, room, share_of_gpu
from rnnbench.repro.cluster.workers import ON_NODES, ClusterWorkers, deciding_variables
from rnnbench.repro.display import Display
from rnnbench.repro.local import LocalWorkers
from rnnbench.repro.pipeline import Pipeline, item, kind
from rnnbench.repro.preforked.server import preforked_python
from rnnbench.repro.schedule import Schedule
from rnnbench.tracking.store import TRACKING_VARIABLE
from rnnbench.tracking.sync import sync


@dataclass(frozen=True)
class Cluster:
    """The settings of a cluster.

    Attributes
    ----------
    address : str
        `auto` on a machine of the cluster, or `ray://HEAD:10001`.
    exchange : str, optional
        A DVC remote or a folder that all machines reach; by default DVC's default remote.
    cores : int, default 1
        Processors that Ray reserves for each experiment.
    gpu_share : float, optional
        Share of a GPU that Ray reserves for each experiment; by default see `share_of_gpu`.
    """

    address: str
    exchange: str | None = None
    cores: int = 1
    gpu_share: float | None = None


@dataclass
class ClusterSchedule(Schedule):
    """A schedule with separate limits for experiments on nodes and stages on this machine.

    Attributes
    ----------
    jobs : int
        How many stages run at a time on this machine.
    room : callable
        Returns how many experiments fit on the cluster at a time.
    """

    jobs: int = 1
    room: Callable[[], int] = int

    def _can_begin(self, stage: str) -> bool:
        on_nodes = sum(kind(one) in ON_NODES for one in self.running)
        if kind(stage) in ON_NODES:
            # Even without room one experiment begins: its error says what the cluster has.
            within = on_nodes < max(self.room(), 1)
        else:
            within = len(self.running) - on_nodes < self.jobs
        return within and super()._can_begin(stage)


@contextmanager
def on_cluster(
    cluster: Cluster,
    root: Path,
    pipeline: Pipeline,
    stages: Collection[str],
    past_seconds: Mapping[str, float],
    jobs: int,
) -> Iterator[tuple[Schedule, ClusterWorkers, int, Display]]:
    """Yield the arguments of `work_off` to run stages on a cluster.

    Parameters
    ----------
    cluster : Cluster
        Its settings.
    root : Path
        The repository.
    pipeline, stages, past_seconds
        See `Schedule`.
    jobs : int
        How many stages run at a time on this machine.

    Raises
    ------
    RnnbenchError
        If the cluster or the exchange cannot be used, or no node has what an experiment needs.
    """
    exchange = find_exchange(root, cluster.exchange)
    schedule = ClusterSchedule(stages, pipeline.needs, past_seconds, pipeline.alone, jobs=jobs)
    display = Display(schedule, jobs)
    with connected(cluster.address, display.placed) as connection:
        share = _gpu_share(cluster, connection)
        needs = [
            needs_of(root, stage, cluster.cores, share)
            for stage in stages
            if kind(stage) in ON_NODES
        ]
        for one in needs:
            one.require(connection.nodes())
        schedule.room = lambda: max((room(connection.nodes(), one) for one in needs), default=0)
        display.jobs = max(schedule.room(), jobs)
        with preforked_python(root) as python, display.live():
            workers = ClusterWorkers(
                root,
                LocalWorkers(root, python),
                connection,
                exchange,
                pipeline,
                stages,
                cluster.cores,
                share,
            )
            yield schedule, workers, len(stages), display
    _track(root, workers.merged)


@contextmanager
def shared_cluster(
    cluster: Cluster, root: Path, environment: Mapping[str, str], lock: threading.Lock
) -> Iterator[tuple[Callable[[Path, Pipeline, Collection[str]], ClusterWorkers], int]]:
    """Yield a function that makes workers for copies of a repository, on one shared connection.

    Parameters
    ----------
    cluster : Cluster
        Its settings.
    root : Path
        The repository.
    environment : mapping
        Variables to add to the environment of stages on this machine.
    lock : threading.Lock
        Held while DVC reads and writes in this process.

    Yields
    ------
    tuple
        A function of a copy, its pipeline and the stages that have to run, which returns the
        workers; and how many experiments fit on the cluster at a time.

    Raises
    ------
    RnnbenchError
        If the cluster or the exchange cannot be used, or no node has what an experiment needs.
    """
    exchange = find_exchange(root, cluster.exchange)
    with connected(cluster.address, lambda _task, _node: None) as connection:
        share = _gpu_share(cluster, connection)
        needs = needs_of(root, "train", cluster.cores, share)  # of an unmeasured experiment
        needs.require(connection.nodes())

        def make(copy: Path, pipeline: Pipeline, stages: Collection[str]) -> ClusterWorkers:
            local = LocalWorkers(copy, environment)
            settings = (cluster.cores, share, lock)
            return ClusterWorkers(copy, local, connection, exchange, pipeline, stages, *settings)

        yield make, room(connection.nodes(), needs)


def _gpu_share(cluster: Cluster, connection: Connection) -> float:
    if cluster.gpu_share is not None:
        return cluster.gpu_share
    return share_of_gpu(connection.nodes(), connection.gpu_memory)


def _track(root: Path, merged: Collection[str]) -> None:
    """Log the runs of nodes to this repository's MLflow store, which nodes cannot reach."""
    if TRACKING_VARIABLE in deciding_variables():
        return  # the nodes have logged to a tracking server
    try:
        sync(root, {item(stage) for stage in merged})
    except RnnbenchError as error:
        print(f"warning: {error}", flush=True)
