"""What an experiment needs of a node, and for how many experiments a cluster has room."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnbench.errors import RnnbenchError
from rnnbench.files import read_json
from rnnbench.layout import RUNS_FOLDER, TIMING_FILE
from rnnbench.repro.gpu import BYTES_OF_A_STAGE, ON_GPU
from rnnbench.repro.pipeline import item, kind

# Of a training that has not been measured, and what DVC and the imported packages take beside one.
UNMEASURED_BYTES = 2 * 2**30
BYTES_BESIDE = 2**29

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Needs:
    """What Ray keeps for one experiment.

    Attributes
    ----------
    cores : int
        Processors. TensorFlow uses all that a machine has, as it does under `dvc repro`: this says
        how many experiments share a machine.
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
        """Quantities by the names that Ray has for them."""
        asked = {"CPU": self.cores, "GPU": self.gpus, "memory": self.memory}
        return {name: quantity for name, quantity in asked.items() if quantity}

    def require(self, nodes: Sequence[Node]) -> None:
        """Refuse what no node has: Ray would wait for one.

        Raises
        ------
        RnnbenchError
            With what the nodes have.
        """
        if room(nodes, self) == 0:
            has = "; ".join(sorted({_readable(node["Resources"]) for node in nodes})) or "no node"
            raise RnnbenchError(
                f"no node of the cluster has {_readable(self.resources)}; there is {has}: ask for"
                " less with --cores or --gpu-share, or start a larger node"
            )


def needs_of(root: Path, stage: str, cores: int, gpu_share: float) -> Needs:
    """Return what a stage and those that follow it on a node need.

    The memory is what the last training of the experiment took, where that was measured.
    """
    pattern = f"*/{item(stage)}/*/{TIMING_FILE}"
    peaks = [read_json(path)["peak_memory_bytes"] for path in (root / RUNS_FOLDER).glob(pattern)]
    measured = max(peaks) + BYTES_BESIDE if peaks else UNMEASURED_BYTES
    return Needs(cores, gpu_share if kind(stage) in ON_GPU else 0.0, measured)


def alive(nodes: Sequence[Node]) -> list[Node]:
    """Return those of `ray.nodes()` that take work."""
    return [node for node in nodes if node["Alive"]]


def room(nodes: Sequence[Node], needs: Needs) -> int:
    """Return for how many experiments at a time nodes have room, when nothing else runs there."""
    return sum(
        min(
            int(node["Resources"].get(name, 0.0) / quantity + 1e-6)
            for name, quantity in needs.resources.items()
        )
        for node in nodes
    )


def share_of_gpu(nodes: Sequence[Node], memory: Callable[[Node], int | None]) -> float:
    """Return the share of a GPU that an experiment gets where none is asked for.

    Parameters
    ----------
    nodes : sequence
        From `ray.nodes()`.
    memory : callable
        How many bytes the smallest GPU of a node has; None if it does not say.

    Returns
    -------
    float
        0 without a GPU. Else as many share the smallest one as it has room for, by the measure of
        `rnnbench repro` on one machine; a whole one each where a GPU does not say its memory.
    """
    sizes = [memory(node) for node in nodes if node["Resources"].get("GPU")]
    if not sizes:
        return 0.0
    smallest = min(size or 0 for size in sizes)
    # Ray counts in ten-thousandths.
    return int(10_000 / max(1, smallest // BYTES_OF_A_STAGE)) / 10_000


def _readable(resources: Mapping[str, float]) -> str:
    words = {"CPU": "cores", "GPU": "GPUs"}
    parts = [f"{resources[name]:g} {word}" for name, word in words.items() if name in resources]
    if "memory" in resources:
        parts.append(f"{resources['memory'] / 2**30:.1f} GiB of memory")
    return ", ".join(parts) or "nothing"
