"""The Ray cluster as this project uses it."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from rnnbench.errors import RnnbenchError
from rnnbench.repro.cluster import carrier
from rnnbench.repro.cluster.resources import Node, alive

AUTHENTICATION = "RAY_AUTH_MODE"
# A resource of the head node: if that is lost, the whole cluster is.
HEAD = "node:__internal_head__"
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_NODES_ARE_KNOWN = 5.0


class Connection:
    """A cluster to which this process is connected.

    Parameters
    ----------
    ray : module
        Ray, which is imported only if a cluster is used.
    placed : callable
        Called with the names of a task and of its node when the task begins.
    """

    def __init__(self, ray: Any, placed: Callable[[str, str], None]) -> None:
        self.ray = ray
        self._placed = placed
        self._lock = threading.Lock()
        self._nodes: list[Node] = []
        self._nodes_asked = float("-inf")
        self._ended = threading.Event()
        # Nodes need not have this project installed, or may have another version of it.
        ray.cloudpickle.register_pickle_by_value(carrier)
        self._carry = ray.remote(max_retries=0)(carrier.carry)
        self._board = ray.remote(num_cpus=0, resources={HEAD: 0.001})(carrier.Board).remote()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def nodes(self) -> list[Node]:
        """Return the nodes that are alive, at most a few seconds out of date."""
        with self._lock:
            if time.monotonic() - self._nodes_asked > SECONDS_NODES_ARE_KNOWN:
                self._nodes = alive(self.ray.nodes())
                self._nodes_asked = time.monotonic()
            return self._nodes

    def name_of(self, node: str) -> str:
        """Return the name of a node, with a part of its identifier if the name is not unique."""
        names = {one["NodeID"]: one["NodeName"] for one in alive(self.ray.nodes())}
        name = names.get(node, "a node")
        return name if list(names.values()).count(name) == 1 else f"{name} {node[:6]}"

    def submit(self, package: Any, key: str, task: Mapping[str, Any], **options: Any) -> Any:
        """Submit a task to Ray, without retries; return the reference to its answer."""
        return self._carry.options(**options).remote(package, key, task, self._board)

    def gpu_memory(self, node: Node) -> int | None:
        """Ask a node how much memory its smallest GPU has."""
        strategy = self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            node["NodeID"], soft=False
        )
        remote = self.ray.remote(num_cpus=0, scheduling_strategy=strategy)(carrier.gpu_memory)
        size: int | None = self.ray.get(remote.remote())
        return size

    def close(self) -> None:
        """End the connection, and with it all tasks of this driver."""
        self._ended.set()
        self._watcher.join()
        self.ray.shutdown()

    def _watch(self) -> None:
        """Call `placed` for each task that begins on a node."""
        known: dict[str, str] = {}
        while not self._ended.wait(SECONDS_BETWEEN_LOOKS):
            with suppress(self.ray.exceptions.RayError):
                asked = self._board.nodes.remote()
                now = self.ray.get(asked, timeout=SECONDS_NODES_ARE_KNOWN)
                for task, node in now.items():
                    if known.get(task) != node:
                        self._placed(task, self.name_of(node))
                known = now


@contextmanager
def connected(address: str, placed: Callable[[str, str], None]) -> Iterator[Connection]:
    """Connect to a cluster while the block runs.

    Unless RAY_AUTH_MODE says otherwise, the cluster must require a token: without one, everyone
    who reaches the cluster can run any program on its nodes.

    Raises
    ------
    RnnbenchError
        If Ray is not installed or the cluster cannot be reached.
    """
    os.environ.setdefault(AUTHENTICATION, "token")
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise RnnbenchError(
            "--cluster needs Ray, which is not installed: `make cluster-environment` installs it"
        ) from error

    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except Exception as error:  # Ray raises errors of its own, of gRPC and of the network
        raise RnnbenchError(
            f"no connection to the Ray cluster {address!r}: {error}; give `auto` on a machine of"
            " the cluster or ray://HEAD:10001 elsewhere, with the cluster's token in"
            " ~/.ray/auth_token or RAY_AUTH_TOKEN"
        ) from error
    connection = Connection(ray, placed)
    try:
        yield connection
    except (ray.exceptions.RayError, ConnectionError) as error:
        raise RnnbenchError(
            f"the connection to the Ray cluster was lost: {error}; recorded stages are kept, and"
            " the same command continues from there"
        ) from error
    finally:
        connection.close()
