"""One cluster for all tests: starting Ray takes a while."""

import socket
import sys
from collections.abc import Iterator

import pytest

from tests.repro.cluster.nodes import TOKEN, Nodes, patiently


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


@pytest.fixture(scope="session")
def all_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A cluster with two nodes of one core each, which asks for a token."""
    if sys.platform != "linux":
        pytest.skip("the tests of the cluster find processes by /proc")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_AUTH_MODE", "token")
        environment.setenv("RAY_AUTH_TOKEN", TOKEN)
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("RAY_agent_register_timeout_ms", "120000")
        cluster = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed").Cluster
        folder = tmp_path_factory.mktemp("nodes")
        port = free_port()
        options = {
            "num_cpus": 0,
            "include_dashboard": False,
            "node_name": "head",
            "ray_client_server_port": port,
        }
        head = patiently(lambda: cluster(initialize_head=True, head_node_args=options))
        yield Nodes(head, folder, f"ray://127.0.0.1:{port}")
        head.shutdown()


@pytest.fixture
def nodes(all_nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> Nodes:
    """The cluster with its two nodes, whatever an earlier test did to them."""
    all_nodes.ensure(("north", "south"))
    monkeypatch.setenv("KERAS_BACKEND", "jax")  # these stages need no TensorFlow
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # of an earlier test
    return all_nodes
