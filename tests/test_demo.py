"""The demo's folder: everything of the repository, on less, and nothing of it touched."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from rnnbench.demo import lay_out, shrink
from rnnbench.params import load_params, parse_params


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", folder, *arguments], check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def repository(root: Path, tmp_path: Path) -> Path:
    """A clone of this repository to make a demo of."""
    clone = tmp_path / "repository"
    subprocess.run(["git", "clone", "--quiet", root, clone], check=True)
    return clone


def test_a_smaller_budget_keeps_every_name(params_content: dict[str, Any]) -> None:
    small = parse_params(shrink(params_content), "params.yaml")
    full = parse_params(params_content, "params.yaml")
    assert list(small.experiments) == list(full.experiments)
    assert list(small.suites) == list(full.suites)
    assert small.datasets == full.datasets
    for name, experiment in small.experiments.items():
        assert experiment.layers == full.experiments[name].layers
        assert experiment.training.epochs == 1
        assert experiment.training.learning_rate == full.experiments[name].training.learning_rate
    for view in small.views.values():
        assert view.train_examples is not None
        assert view.train_examples <= 2_000


def test_laying_out_touches_nothing_of_the_repository(repository: Path) -> None:
    demo = repository / "demo"
    params = lay_out(repository, demo)
    assert git(repository, "status", "--porcelain") == ""
    assert load_params(demo / "params.yaml") == params
    for output in ("results", "comparisons", "report", "dvc.lock"):
        assert not (demo / output).exists()


def test_laying_out_again_brings_changes_and_keeps_results(repository: Path) -> None:
    demo = repository / "demo"
    lay_out(repository, demo)
    kept = demo / "results" / "digit-rows" / "metrics.json"
    kept.parent.mkdir(parents=True)
    kept.touch()
    path = repository / "params.yaml"
    content = YAML(typ="safe").load(path.read_text())
    content["first_seed"] = 7
    with path.open("w") as stream:
        YAML().dump(content, stream)
    (repository / "stages" / "new.py").touch()
    (repository / "LICENSE").unlink()
    assert lay_out(repository, demo).experiments["mnist-gru"].seeds == [7]
    assert kept.exists()
    assert (demo / "stages" / "new.py").exists()
    assert not (demo / "LICENSE").exists()


def test_layers_keep_their_order_in_the_smaller_file(repository: Path) -> None:
    lay_out(repository, repository / "demo")
    small = YAML(typ="safe").load((repository / "demo" / "params.yaml").read_text())
    layers = small["models"]["digits-lstm"]
    assert list(layers) == [f"layer_{number}" for number in range(1, 5)]
