"""A small project with the real dvc.yaml and made-up results, whose git history tests write."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result
from dvc.repo import Repo
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from ruamel.yaml import YAML

from rnnbench.cli import main
from rnnbench.comparison.literature import load_literature
from rnnbench.demo import only, write_params
from rnnbench.files import write_json
from rnnbench.params import Params, load_params
from rnnbench.statistics import estimate_mean
from tests.comparison import made_up

SUITE = "digit-rows"
VIEW = "mnist-rows"
EXPERIMENTS = ("mnist-simple-rnn", "mnist-matched-simple-rnn", "mnist-matched-gru")
SIMPLE, MATCHED, GRU = EXPERIMENTS
CODE = ("data", "models", "training", "timing", "tasks", "evaluation", "baselines", "comparison")
AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@example.org")


class Project:
    """A clone to change: its files, its history, and the commands run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def git(self, *arguments: str) -> str:
        command = ["git", *AUTHOR, *arguments]
        answer = subprocess.run(
            command, cwd=self.folder, check=True, capture_output=True, text=True
        )
        return answer.stdout.strip()

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def copy(self, folder: Path) -> "Project":
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)

    def clone(self, folder: Path) -> "Project":
        """Clone it without its DVC cache."""
        self.git("clone", "--quiet", str(self.folder), str(folder))
        return Project(folder)

    @property
    def params(self) -> Params:
        return load_params(self.folder / "params.yaml")

    @contextmanager
    def parameters(self) -> Iterator[dict[str, Any]]:
        """Change the content of params.yaml."""
        path = self.folder / "params.yaml"
        content = YAML(typ="safe").load(path)
        yield content
        write_params(content, path)

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def run(self, *arguments: str) -> Result:
        with chdir(self.folder):
            return CliRunner().invoke(main, arguments)

    def review(self, *arguments: str) -> str:
        answer = self.run("review", *arguments)
        assert answer.exit_code == 0, answer.output
        return answer.output

    def evaluated(self, name: str, right: npt.NDArray[Any], diverged: int = 0) -> None:
        """Write the results of an experiment as if it had been trained and evaluated."""
        results = self.folder / "results"
        shutil.rmtree(results / SUITE / name, ignore_errors=True)
        times = made_up.measured()
        folder = made_up.write_result(
            self.params, results, name, right, times=times, diverged=diverged
        )
        metrics: dict[str, float] = {}
        if len(right):
            estimate = estimate_mean(right)
            ends = {"accuracy_lower": estimate.lower, "accuracy_upper": estimate.upper}
            metrics = {"accuracy": estimate.value, "loss": 0.5, **ends}
        write_json(folder / "metrics.json", metrics)
        self.write(f"runs/{SUITE}/{name}/seed-42/weights", repr(right.mean(axis=1)))

    def compare(self) -> None:
        """Write comparisons/ without figures."""
        literature = load_literature(self.folder / "literature.yaml")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("rnnbench.comparison.compare.save_figure", _close)
            made_up.compare_all(self.params, literature, self.folder)

    @contextmanager
    def in_folder(self) -> Iterator[Repo]:
        """Open its DVC repository with its folder as the working directory."""
        with chdir(self.folder), Repo(str(self.folder)) as repo:
            yield repo

    def record(self) -> None:
        """Have DVC record every stage with the files that are there."""
        with self.in_folder() as repo:
            repo.commit(force=True)


def make_project(folder: Path, root: Path) -> Project:
    """Make the project, with all stages up to date, in one commit on `main`."""
    folder.mkdir()
    project = Project(folder)
    project.git("init", "--quiet", "--initial-branch", "main")
    Repo.init(str(folder)).close()
    for name in ("dvc.yaml", "literature.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(root / name, folder)
    content = only(YAML(typ="safe").load(root / "params.yaml"), EXPERIMENTS)
    content["datasets"] = {"mnist": content["datasets"]["mnist"]}
    write_params(content, folder / "params.yaml")
    for name in CODE:
        project.write(f"src/rnnbench/{name}/module.py", f'"""The code of {name}."""\n')
    for name in ("history", "statistics"):
        project.write(f"src/rnnbench/{name}.py", f'"""The code of {name}."""\n')
    for path in ("data/raw/mnist/file", "data/raw/mnist.origin.json"):
        project.write(path, "raw")
    for part in ("fit", "test"):
        project.write(f"data/prepared/{VIEW}/{part}/file", part)
    for path in ("comparisons/layers/table.csv", "report/index.html"):
        project.write(path, "made")
    project.evaluated(SIMPLE, made_up.shares(0.90))
    project.evaluated(MATCHED, noisy(0.90))
    project.evaluated(GRU, noisy(0.95))
    made_up.write_baselines(folder / "results", VIEW, majority_class=made_up.shares(0.1)[0])
    project.compare()
    project.record()
    project.commit("Results")
    return project


def noisy(
    share: float, seeds: int = 3, differing: float = 0.02, first: int = 0
) -> npt.NDArray[Any]:
    """Whether each run is right about each example: the first so many, and a few drawn by seed."""
    drawn = [np.random.default_rng(first + seed) for seed in range(seeds)]
    flips = np.stack([one.random(made_up.EXAMPLES) < differing for one in drawn])
    return made_up.shares(*[share] * seeds) ^ flips


def _close(figure: Figure, path: Path) -> None:
    """Stand in for writing a figure, which takes seconds and which no review reads."""
    path.touch()
    plt.close(figure)
