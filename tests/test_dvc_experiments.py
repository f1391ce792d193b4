"""DVC's experiments in a clone of this project: what they change, which code they run, sharing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from rnnbench.demo import lay_out, only, write_params
from rnnbench.files import read_json
from tests.small_budget import shrink, time_only

pytestmark = pytest.mark.slow

KEY = "suites.random-labels.training.learning_rate"
TARGET = "evaluate@random-gru"
RUN = Path("runs/random-labels/random-gru/seed-42")
METRICS = Path("results/random-labels/random-gru/metrics.json")


class Clone:
    """A clone with two small experiments, reproduced and committed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *command: str) -> str:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GIT_AUTHOR_NAME": "Test",
            "GIT_AUTHOR_EMAIL": "test@example.org",
            "GIT_COMMITTER_NAME": "Test",
            "GIT_COMMITTER_EMAIL": "test@example.org",
        }
        for name in ("MLFLOW_TRACKING_URI", "PYTHONPATH"):
            environment.pop(name, None)
        answer = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def dvc(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments)

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments)

    def params(self) -> dict[str, Any]:
        content: dict[str, Any] = YAML(typ="safe").load((self.folder / "params.yaml").read_text())
        return content

    def learning_rate(self) -> float:
        return float(self.params()["suites"]["random-labels"]["training"]["learning_rate"])

    def source_digest(self) -> str:
        """Of the code that trained the run that is here."""
        return str(read_json(self.folder / RUN / "run.json")["source_digest"])


@pytest.fixture(scope="module")
def reproduced(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The clone as all tests begin with it."""
    clone = Clone(tmp_path_factory.mktemp("experiments") / "clone")
    lay_out(root, clone.folder)
    (clone.folder / ".dvc" / "config.local").unlink()
    content = YAML(typ="safe").load((root / "params.yaml").read_text())
    small = shrink(only(content, ["random-gru", "random-lstm"]))
    write_params(small, clone.folder / "params.yaml")
    time_only(["random-gru"], clone.folder)
    clone.git("add", "--all")
    clone.git("commit", "--quiet", "--message", "smaller")
    clone.dvc("repro", "--quiet")
    clone.git("add", "--all")
    clone.git("commit", "--quiet", "--message", "run")
    return clone


@pytest.fixture
def clone(reproduced: Clone) -> Clone:
    """The clone, back at its commit."""
    reproduced.git("reset", "--quiet", "--hard", "HEAD")
    reproduced.dvc("checkout", "--quiet", "--force")
    return reproduced


def test_an_override_changes_one_value_and_runs_what_depends_on_it(clone: Clone) -> None:
    before = (clone.folder / "params.yaml").read_text().splitlines()
    clone.dvc("exp", "run", "--name", "faster", "-S", f"{KEY}=0.002", TARGET)
    after = (clone.folder / "params.yaml").read_text().splitlines()
    assert [(one, two) for one, two in zip(before, after, strict=True) if one != two] == [
        ("      learning_rate: 0.001", "      learning_rate: 0.002")
    ]
    difference = json.loads(clone.dvc("params", "diff", "--json"))
    assert list(difference["params.yaml"]) == [KEY]
    shown = json.loads(clone.dvc("exp", "diff", "HEAD", "faster", "--json"))
    assert shown["params"]["params.yaml"][KEY]["new"] == 0.002
    assert str(METRICS) in shown["metrics"]


def test_an_override_adds_a_key_to_an_experiment_s_line(clone: Clone) -> None:
    clone.dvc("exp", "run", "-S", "+experiments.random-gru.epochs=2", TARGET)
    assert clone.params()["experiments"]["random-gru"]["epochs"] == 2
    assert "epochs" not in clone.params()["experiments"]["random-lstm"]


@pytest.mark.parametrize("how", ["temp", "queue"])
def test_an_experiment_in_a_copy_runs_the_code_of_its_copy(clone: Clone, how: str) -> None:
    here = clone.source_digest()
    module = clone.folder / "src" / "rnnbench" / "training" / "determinism.py"
    original = module.read_text()
    module.write_text(original + "\n# the experiment's own\n")
    name = f"own-code-{how}"
    clone.dvc("exp", "run", f"--{how}", "--name", name, "-S", f"{KEY}=0.003", TARGET)
    module.write_text(original)  # the workspace goes on
    if how == "queue":
        clone.dvc("queue", "start")
        clone.dvc("queue", "logs", name, "--follow")
    assert clone.source_digest() == here
    assert clone.learning_rate() == 0.001
    clone.dvc("exp", "apply", name)
    assert clone.learning_rate() == 0.003
    assert clone.source_digest() != here


def test_the_table_of_experiments_has_its_changed_columns(clone: Clone) -> None:
    clone.dvc("exp", "run", "--name", "shown", "-S", f"{KEY}=0.004", TARGET)
    header, *rows = clone.dvc("exp", "show", "--csv", "--only-changed").splitlines()
    columns = header.split(",")
    assert KEY in columns
    assert not [name for name in columns if name.startswith("views.")]
    assert any("shown" in row and "0.004" in row for row in rows)


def test_an_experiment_is_pushed_and_pulled_without_training_again(
    clone: Clone, tmp_path: Path
) -> None:
    clone.dvc("exp", "run", "--name", "shared", "-S", f"{KEY}=0.005", TARGET)
    metrics = (clone.folder / METRICS).read_text()
    clone.git("clone", "--quiet", "--bare", str(clone.folder), str(tmp_path / "forge.git"))
    clone.git("remote", "add", "forge", str(tmp_path / "forge.git"))
    remote = ("remote", "add", "--force", "--local", "--default", "team", str(tmp_path / "remote"))
    clone.dvc(*remote)
    clone.dvc("exp", "push", "forge", "shared")
    other = Clone(tmp_path / "other")
    clone.git("clone", "--quiet", str(tmp_path / "forge.git"), str(other.folder))
    other.dvc(*remote)
    other.dvc("exp", "pull", "origin", "shared")
    other.dvc("exp", "apply", "shared")
    clone.git("remote", "remove", "forge")
    assert (other.folder / METRICS).read_text() == metrics
    assert other.learning_rate() == 0.005
    assert (other.folder / RUN / "model.keras").exists()


def test_a_fresh_clone_restores_what_was_pushed_without_training(
    clone: Clone, tmp_path: Path
) -> None:
    remote = ("remote", "add", "--force", "--local", "--default", "team", str(tmp_path / "remote"))
    clone.dvc(*remote)
    clone.dvc("push", "--quiet", "--run-cache")
    other = Clone(tmp_path / "other")
    clone.git("clone", "--quiet", str(clone.folder), str(other.folder))
    other.dvc(*remote)
    other.dvc("pull", "--quiet", "--run-cache")
    assert "Running stage" not in other.dvc("repro")
    # Also where the lock of another commit says nothing about these parameters.
    (other.folder / "dvc.lock").unlink()
    output = other.dvc("repro", "--pull", TARGET)
    assert "Stage 'train@random-gru' is cached" in output
    assert "epoch 1/1" not in output
    assert (other.folder / METRICS).read_text() == (clone.folder / METRICS).read_text()
