"""The resources that an experiment needs, and how many experiments fit on a cluster."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnbench.errors import RnnbenchError
from rnnbench.files import read_json
from rnnbench.layout import RUNS_FOLDER, TIMING_FILE
from rnnbench.repro.gpu import BYTES_OF_A_STAGE, ON_GPU
from rnnbench.repro.pipeline import item, kind

# Memory of a training that was not measured, and of DVC with the packages that it imports.
UNMEASURED_BYTES = 2 * 2**30
BYTES_BESIDE = 2**29

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Needs:
    """The resources that Ray reserves for one experiment.

    Attributes
    ----------
    cores : int
        Processors. They only limit how many experiments share a machine: TensorFlow uses all
        processors of a machine, as under `dvc repro`.
    gpus : float
        A share of one GPU; 0 for none.
    memory : int
        Bytes.
    """

    cores: int
    gpus: float
    memory: int

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of `ray.remote`."""
        return {"num_cpus": self.cores, "num_gpus": self.gpus, "memory": self.memory}

    @property
    def resources(self) -> dict[str, float]:
        """Quantities by Ray's names of the resources."""
        asked = {"CPU": self.cores, "GPU": self.gpus, "memory": self.memory}
        return {name: quantity for name, quantity in asked.items() if quantity}

    def require(self, nodes: Sequence[Node]) -> None:
        """Require a node that has these resources; Ray would wait for such a node forever.

        Raises
        ------
        RnnbenchError
            If there is none; the message says what the nodes have.
        """
        if room(nodes, self) == 0:
            has = "; ".join(sorted({_readable(node["Resources"]) for node in nodes})) or "no node"
            raise RnnbenchError(
                f"no node of the cluster has {_readable(self.resources)}; there is {has}: ask for"
                " less with --cores or --gpu-share, or start a larger node"
            )


def needs_of(root: Path, stage: str, cores: int, gpu_share: float) -> Needs:
    """Return the resources for a stage and those that follow it on a node.

    The memory is that of the experiment's last training, if it was measured.
    """
    pattern = f"*/{item(stage)}/*/{TIMING_FILE}"
    peaks = [read_json(path)["peak_memory_bytes"] for path in (root / RUNS_FOLDER).glob(pattern)]
    measured = max(peaks) + BYTES_BESIDE if peaks else UNMEASURED_BYTES
    return Needs(cores, gpu_share if kind(stage) in ON_GPU else 0.0, measured)


def alive(nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes of `ray.nodes()` that are alive."""
    return [node for node in nodes if node["Alive"]]


def room(nodes: Sequence[Node], needs: Needs) -> int:
    """Return how many experiments fit on nodes at a time, when nothing else runs there."""
    return sum(
        min(
            int(node["Resources"].get(name, 0.0) / quantity + 1e-6)
            for name, quantity in needs.resources.items()
        )
        for node in nodes
    )


def share_of_gpu(nodes: Sequence[Node], memory: Callable[[Node], int | None]) -> float:
    """Return the share of a GPU that an experiment gets by default.

    Parameters
    ----------
    nodes : sequence
        From `ray.nodes()`.
    memory : callable
        Returns the bytes of memory of a node's smallest GPU; None if they are not known.

    Returns
    -------
    float
        0 without a GPU; 1 if the memory of a GPU is not known; else the share with which as many
        experiments fit on the smallest GPU as with `rnnbench repro` on one machine.
    """
    sizes = [memory(node) for node in nodes if node["Resources"].get("GPU")]
    if not sizes:
        return 0.0
    smallest = min(size or 0 for size in sizes)
    # Ray counts resources in ten-thousandths.
    return int(10_000 / max(1, smallest // BYTES_OF_A_STAGE)) / 10_000


def _readable(resources: Mapping[str, float]) -> str:
    words = {"CPU": "cores", "GPU": "GPUs"}
    parts = [f"{resources[name]:g} {word}" for name, word in words.items() if name in resources]
    if "memory" in resources:
        parts.append(f"{resources['memory'] / 2**30:.1f} GiB of memory")
    return ", ".join(parts) or "nothing"
