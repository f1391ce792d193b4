"""A sweep on real Ray nodes."""

from pathlib import Path

import pandas as pd
import pytest

from rnnbench.repro.cluster.place import Cluster
from rnnbench.sweep.combinations import grid
from rnnbench.sweep.halving import plan_rungs
from rnnbench.sweep.sweep import plan, run_sweep
from tests.repro.cluster.conftest import all_nodes, nodes  # noqa: F401 - fixtures
from tests.repro.cluster.nodes import Nodes
from tests.sweep.clone import RATE, make_clone, trainings

pytestmark = [pytest.mark.slow, pytest.mark.cluster]


def test_combinations_run_on_nodes_and_are_what_one_machine_makes_of_them(
    nodes: Nodes,  # noqa: F811
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clone = make_clone(root, tmp_path / "clone")
    (tmp_path / "exchange").mkdir()
    monkeypatch.chdir(clone)
    monkeypatch.setenv("TRAININGS", str(tmp_path / "trainings"))
    planned = plan(grid([f"{RATE}=0.001,0.002,0.003"]), ["adding-20-lstm"], clone)
    on_nodes = Cluster(nodes.cluster.address, str(tmp_path / "exchange"))
    rungs = plan_rungs(planned.params, planned.experiments, eta=2)
    first = run_sweep(clone, "there", planned, 1, on_nodes, test=True, rungs=rungs)
    assert first.failed == []
    assert trainings(clone) == [], "this machine trained nothing"
    second = run_sweep(clone, "here", planned, 1, test=True, rungs=rungs)
    assert second.failed == []
    here, there = (
        pd.read_csv(clone / "sweeps" / name / "table.csv").drop(columns=["combination", "baseline"])
        for name in ("here", "there")
    )
    assert here[RATE].tolist() == [0.001, 0.002]
    pd.testing.assert_frame_equal(here, there)
    assert trainings(clone) == [], "DVC's run cache has what the nodes made"
