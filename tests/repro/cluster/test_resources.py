"""What an experiment needs of a node, and how many fit."""

from pathlib import Path

import pytest

from rnnbench.files import write_json
from rnnbench.repro.cluster.resources import (
    BYTES_BESIDE,
    UNMEASURED_BYTES,
    Needs,
    alive,
    needs_of,
    room,
    share_of_gpu,
)
from rnnbench.repro.gpu import BYTES_OF_A_STAGE

GIB = 2**30


def node(cores: float = 4.0, gpus: float = 0.0, memory: float = 16 * GIB) -> dict[str, object]:
    resources = {"CPU": cores, "memory": memory, **({"GPU": gpus} if gpus else {})}
    return {"Alive": True, "Resources": resources}


@pytest.mark.parametrize(
    ("needs", "experiments"),
    [
        (Needs(1, 0.0, GIB), 6),
        (Needs(2, 0.0, GIB), 3),
        (Needs(1, 0.0, 8 * GIB), 4),
        (Needs(1, 0.5, GIB), 2),
        (Needs(1, 0.3333, GIB), 2),
        (Needs(5, 0.0, GIB), 0),
    ],
)
def test_the_scarcest_resource_of_each_node_decides_how_many_fit(
    needs: Needs, experiments: int
) -> None:
    assert room([node(), node(cores=2.0, gpus=1.0)], needs) == experiments


def test_nodes_that_are_gone_take_no_work() -> None:
    assert alive([node(), {**node(), "Alive": False}]) == [node()]


def test_memory_is_what_the_last_training_took_where_that_was_measured(tmp_path: Path) -> None:
    for seed, peak in ((1, 3 * GIB), (2, 4 * GIB)):
        write_json(tmp_path / f"runs/suite/a/seed-{seed}/timing.json", {"peak_memory_bytes": peak})
    assert needs_of(tmp_path, "train@a", 1, 0.5) == Needs(1, 0.5, 4 * GIB + BYTES_BESIDE)
    assert needs_of(tmp_path, "train@b", 1, 0.5) == Needs(1, 0.5, UNMEASURED_BYTES)


def test_what_does_not_compute_on_a_gpu_gets_none(tmp_path: Path) -> None:
    assert needs_of(tmp_path, "baselines@view", 1, 0.5).gpus == 0.0


def test_as_many_share_a_gpu_as_the_smallest_has_room_for() -> None:
    nodes = [node(), node(gpus=1.0), node(gpus=2.0)]
    sizes = iter([8 * BYTES_OF_A_STAGE, 3 * BYTES_OF_A_STAGE + 1])
    share = share_of_gpu(nodes, lambda _: next(sizes))
    assert room([node(gpus=1.0)], Needs(1, share, GIB)) == 3


def test_a_gpu_that_does_not_say_its_memory_is_for_one_and_no_gpu_is_no_share() -> None:
    assert share_of_gpu([node(gpus=1.0)], lambda _: None) == 1.0
    assert share_of_gpu([node()], lambda _: None) == 0.0
