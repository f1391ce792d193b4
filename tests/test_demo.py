"""The demo's folder: everything of the repository, on less, and nothing of it touched."""

import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from rnnbench.commands import DVC, output_of
from rnnbench.demo import lay_out, with_budget
from rnnbench.errors import RnnbenchError
from rnnbench.params import Params, load_params, parse_params, read_yaml


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", folder, *arguments], check=True, capture_output=True, text=True
    ).stdout


def budgeted(root: Path) -> Params:
    """The parameters of the demo."""
    content = with_budget(read_yaml(root / "params.yaml"), read_yaml(root / "demo.yaml"))
    return parse_params(content, "params.yaml")


@pytest.fixture
def repository(root: Path, tmp_path: Path) -> Path:
    """A clone of this repository to make a demo of."""
    clone = tmp_path / "repository"
    subprocess.run(["git", "clone", "--quiet", root, clone], check=True)
    return clone


def test_the_demo_has_every_data_set_and_every_kind_of_task(root: Path) -> None:
    full = load_params(root / "params.yaml")
    demo = budgeted(root)
    datasets = {view.dataset for view in demo.views.values()}
    assert datasets == set(full.datasets)
    variants = {layer.type for one in demo.experiments.values() for layer in one.layers.values()}
    recurrent = {"simple_rnn", "lstm", "gru", "rnn", "bidirectional", "conv_lstm_2d"}
    assert variants >= {*recurrent, "time_distributed"}


def test_what_the_budget_does_not_name_is_that_of_the_full_run(root: Path) -> None:
    full = load_params(root / "params.yaml")
    for name, experiment in budgeted(root).experiments.items():
        assert experiment.layers == full.experiments[name].layers
        assert experiment.seeds == full.experiments[name].seeds[:1]
        assert experiment.training.epochs <= full.experiments[name].training.epochs
        assert experiment.training.learning_rate == full.experiments[name].training.learning_rate


def test_a_budget_for_an_experiment_that_there_is_not_is_refused(repository: Path) -> None:
    path = repository / "demo.yaml"
    path.write_text(path.read_text() + "  imdb-lstn: {epochs: 1}\n")
    with pytest.raises(
        RnnbenchError, match=r"demo\.yaml cannot be used:\n  experiments\.imdb-lstn"
    ):
        lay_out(repository, repository / "demo")


def test_laying_out_touches_nothing_of_the_repository(repository: Path) -> None:
    demo = repository / "demo"
    params = lay_out(repository, demo)
    assert git(repository, "status", "--porcelain") == ""
    assert load_params(demo / "params.yaml") == params
    for output in ("results", "comparisons", "report", "dvc.lock"):
        assert not (demo / output).exists()


def test_a_project_inside_a_larger_repository_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "project").mkdir()
    with pytest.raises(RnnbenchError, match="run it in a clone of the project"):
        lay_out(tmp_path / "project", tmp_path / "demo")


def test_a_link_to_a_folder_is_left_out(repository: Path, tmp_path: Path) -> None:
    (repository / "environment").symlink_to(tmp_path)
    lay_out(repository, repository / "demo")
    assert not (repository / "demo" / "environment").exists()


def test_the_demo_uses_the_cache_of_the_repository_wherever_it_is(
    repository: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "elsewhere"
    output_of([*DVC, "cache", "dir", "--local", str(cache)], repository)
    lay_out(repository, repository / "demo")
    assert output_of([*DVC, "cache", "dir"], repository / "demo").strip() == str(cache)


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
    assert lay_out(repository, demo).experiments["imdb-gru"].seeds == [7]
    assert kept.exists()
    assert (demo / "stages" / "new.py").exists()
    assert not (demo / "LICENSE").exists()


def test_layers_keep_their_order_in_the_smaller_file(repository: Path) -> None:
    lay_out(repository, repository / "demo")
    small = YAML(typ="safe").load((repository / "demo" / "params.yaml").read_text())
    layers = small["models"]["conv-lstm"]
    assert list(layers) == [f"layer_{number}" for number in range(1, 4)]
