"""What DVC left of files that it was writing when it was killed does not stop the next run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.utils.serialize import load_yaml, parse_yaml

from rnnbench.errors import RnnbenchError
from rnnbench.repro.pipeline import read_pipeline
from rnnbench.repro.reproduce import reproduce
from tests.repro.repository import make_repository

STAGES = {
    "prepare": {"cmd": "echo a > a", "params": ["seed"], "outs": ["a"]},
    "train": {"cmd": "echo b > b; date +%N > ran", "deps": ["a"], "outs": ["b"]},
    "evaluate": {"cmd": "echo c > c", "deps": ["b"], "outs": ["c"]},
}


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_repository(tmp_path_factory.mktemp("repository"), STAGES)
    (root / "params.yaml").write_text("seed: 42\n")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(root)
        with Repo() as repo:
            repo.reproduce()
    return root


@pytest.fixture
def repository(reproduced: Path) -> Iterator[Path]:
    """The same for each test."""
    whole = (reproduced / "dvc.lock").read_text()
    yield reproduced
    (reproduced / "dvc.lock").write_text(whole)


def hashes(stage: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["path"], one["md5"]) for key in ("deps", "outs") for one in stage.get(key, [])]


def is_readable(root: Path) -> bool:
    try:
        with Repo(str(root)) as repo:
            repo.status()
    except DvcException:
        return False
    return True


def test_of_a_lock_cut_off_anywhere_the_whole_stages_are_kept(repository: Path) -> None:
    lock = repository / "dvc.lock"
    whole = lock.read_text()
    stages = load_yaml(lock)["stages"]
    unreadable = 0
    for end in range(0, len(whole), 31):
        lock.write_text(whole[:end])
        unreadable += not is_readable(repository)
        pipeline = read_pipeline(repository)
        assert is_readable(repository)
        kept = load_yaml(lock).get("stages", {}) if lock.exists() else {}
        for name in kept.keys() - pipeline.changed:
            assert hashes(kept[name]) == hashes(stages[name]), "it was cut short"
    assert unreadable


def test_what_was_trained_is_restored_and_not_trained_again(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")  # no TensorFlow is needed
    lock = repository / "dvc.lock"
    whole, ran = lock.read_text(), (repository / "ran").read_text()
    lock.write_text(whole[: whole.index("  train:") + 50])
    assert reproduce(repository, jobs=2)
    assert "dvc.lock was truncated when DVC was killed" in capfd.readouterr().out
    assert (repository / "ran").read_text() == ran
    assert load_yaml(lock) == parse_yaml(whole, "dvc.lock")
    assert read_pipeline(repository).changed == frozenset()


def test_a_list_of_processes_that_was_cut_off_is_removed(repository: Path) -> None:
    path = repository / ".dvc" / "tmp" / "rwlock"
    for content in ("", '{"write": {"/a/b'):
        path.write_text(content)
        assert read_pipeline(repository).changed == frozenset()


def test_a_lock_with_a_merge_conflict_is_left_for_a_person(repository: Path) -> None:
    lock = repository / "dvc.lock"
    whole = lock.read_text()
    conflict = f"{whole}<<<<<<< HEAD\n  x:\n=======\n>>>>>>> theirs\n"
    lock.write_text(conflict)
    with pytest.raises(RnnbenchError, match="DVC cannot read the pipeline"):
        read_pipeline(repository)
    assert lock.read_text() == conflict
