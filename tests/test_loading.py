"""Results by name and revision, from the workspace, git and DVC's cache."""

import re
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest

import rnnbench
from rnnbench.errors import RnnbenchError
from tests.review.project import GRU, MATCHED, SUITE, Project, make_project, noisy

RIGHT = noisy(0.95), noisy(0.90)


@pytest.fixture(scope="module")
def project(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a model in each of two commits, the later one with other results."""
    from rnnbench.models.backend import import_keras

    import_keras()
    import keras

    from rnnbench.models.saved import save_model

    project = make_project(tmp_path_factory.mktemp("loading") / "project", root)
    for right in RIGHT:
        project.evaluated(GRU, right)
        for number, row in enumerate(right):
            model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
            model.set_weights([np.full((2, 3), row.mean()), np.full(3, float(number))])
            folder = project.folder / "runs" / SUITE / GRU / f"seed-{42 + number}"
            folder.mkdir(exist_ok=True)
            save_model(model, folder / "model.keras")
        project.record()
        project.commit("Results with models")
    return project


def test_the_example_of_the_documentation_runs(
    project: Project, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (root / "docs" / "reviewing.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    names: dict[str, object] = {}
    with chdir(project.folder):
        exec(example, names)  # noqa: S102
    assert float(capsys.readouterr().out.split()[0]) == pytest.approx(-0.05, abs=0.01)
    assert names["right"] == {42 + seed: row.mean() for seed, row in enumerate(RIGHT[1])}


def test_each_revision_has_its_own_scores_predictions_history_and_model(project: Project) -> None:
    for rev, right in (("HEAD~1", RIGHT[0]), ("HEAD", RIGHT[1]), (None, RIGHT[1])):
        loaded = rnnbench.load(GRU, rev, project.folder)
        assert loaded.scores["accuracy"] == pytest.approx(right.mean())
        assert loaded.seeds == list(loaded.predictions) == [42, 43, 44]
        np.testing.assert_array_equal(loaded.predictions[43]["score"], right[1])
        assert list(loaded.history) == ["epoch", "loss", "validation_loss", "accuracy", "seed"]
        assert loaded.model.get_weights()[0][0, 0] == pytest.approx(right[0].mean())
        assert loaded.load_model(44).get_weights()[1][0] == 2.0


def test_the_workspace_is_what_lies_there_and_a_commit_is_not(
    project: Project, tmp_path: Path
) -> None:
    changed = project.copy(tmp_path / "changed")
    changed.write(f"results/{SUITE}/{GRU}/metrics.json", '{"accuracy": 0.123}')
    assert rnnbench.load(GRU, repository=changed.folder).scores == {"accuracy": 0.123}
    assert rnnbench.load(GRU, "HEAD", changed.folder).scores["accuracy"] > 0.8


def test_what_a_clone_lacks_says_so_and_what_git_has_is_there(
    project: Project, tmp_path: Path
) -> None:
    clone = project.clone(tmp_path / "clone").folder
    for rev, command in ((None, "dvc pull"), ("HEAD~1", "dvc fetch --all-commits")):
        loaded = rnnbench.load(GRU, rev, clone)
        assert loaded.scores["accuracy"] > 0.8
        for part in ("history", "predictions", "model", "seeds"):
            with pytest.raises(RnnbenchError, match=rf"neither here nor in DVC's.*{command}"):
                getattr(loaded, part)


def test_a_remote_gives_what_the_cache_lacks(project: Project, tmp_path: Path) -> None:
    pushed = project.copy(tmp_path / "pushed")
    remote = ("remote", "add", "--default", "store", str(tmp_path / "store"))
    dvc = (sys.executable, "-m", "dvc")
    subprocess.run([*dvc, *remote], cwd=pushed.folder, check=True)
    subprocess.run([*dvc, "push", "--quiet"], cwd=pushed.folder, check=True)
    pushed.commit("A remote")
    clone = pushed.clone(tmp_path / "clone").folder
    loaded = rnnbench.load(GRU, "HEAD~1", clone)  # a commit that has no remote itself
    np.testing.assert_array_equal(loaded.predictions[42]["score"], RIGHT[1][0])
    assert loaded.model.count_params() == 9


def test_an_experiment_without_a_model_says_that_every_seed_diverged(project: Project) -> None:
    with pytest.raises(RnnbenchError, match="has no model: every seed diverged"):
        _ = rnnbench.load(MATCHED, repository=project.folder).model


def test_a_seed_that_was_not_trained_names_those_that_were(project: Project) -> None:
    with pytest.raises(RnnbenchError, match="no run with seed 7; there are: 42, 43, 44"):
        rnnbench.load(GRU, repository=project.folder).load_model(7)


def test_an_unknown_experiment_or_revision_says_what_there_is(project: Project) -> None:
    with pytest.raises(RnnbenchError, match=rf"no experiment 'mnist-gru'.*did you mean '{GRU}'"):
        rnnbench.load("mnist-gru", repository=project.folder)
    with pytest.raises(RnnbenchError, match=r"commit 'nowhere'.*unknown Git revision"):
        rnnbench.load(GRU, "nowhere", project.folder)


def test_importing_the_package_imports_nothing_that_takes_long() -> None:
    heavy = ("dvc", "keras", "mlflow", "numpy", "pandas", "tensorflow")
    code = f"import sys, rnnbench; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"
