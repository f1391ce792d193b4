"""What a node gets of the driver's files."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from rnnbench.errors import RnnbenchError
from rnnbench.repro.cluster.sources import pack, read_sources
from rnnbench.tracking.identity import made_from, repository_url
from tests.repro.cluster.nodes import GIT, commit


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a change, a new file, a removed one and what the pipeline writes."""
    root = tmp_path / "repository"
    (root / "src").mkdir(parents=True)
    (root / "results").mkdir()
    subprocess.run([*GIT, "init", "--quiet"], cwd=root, check=True)
    for name in ("src/code", "src/removed", "results/metrics.json", "dvc.lock"):
        (root / name).write_text("committed")
    (root / ".gitignore").write_text("/ignored\n")
    (root / "link").symlink_to("src/code")
    commit(root)
    (root / "src/code").write_text("changed")
    (root / "src/new").write_text("new")
    (root / "src/removed").unlink()
    (root / "ignored").write_text("large")
    return root


def unpack(package: bytes, folder: Path) -> Path:
    with tarfile.open(fileobj=io.BytesIO(package)) as packed:
        packed.extractall(folder, filter="tar")
    subprocess.run(["git", "reset", "--quiet"], cwd=folder, check=True)
    return folder


def test_the_copy_is_what_the_working_tree_is_and_git_says_so(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = read_sources(repository)
    copy = unpack(pack(repository, sources.digests.keys()), tmp_path / "copy")
    assert (copy / "src/code").read_text() == "changed"
    assert (copy / "src/new").read_text() == "new"
    assert (copy / "link").is_symlink()
    for name in ("src/removed", "ignored", "results", "dvc.lock"):
        assert not (copy / name).exists()
    assert read_sources(copy).key == sources.key
    origins = []
    for root in (repository, copy):
        monkeypatch.chdir(root)
        origins.append(made_from())
    assert origins[0] == origins[1]
    assert origins[0]["git_dirty"]


def test_the_key_follows_the_sources_and_not_what_the_pipeline_writes(repository: Path) -> None:
    before = read_sources(repository)
    (repository / "results/metrics.json").write_text("of another run")
    (repository / "dvc.lock").write_text("of another run")
    assert read_sources(repository).key == before.key
    (repository / "src/new").chmod(0o755)
    after = read_sources(repository)
    assert after.key != before.key
    assert after.changed(before, "src") == ["src/new"]
    assert after.changed(before, "sr") == []


def test_the_copy_knows_where_the_repository_is_browsed_and_no_password(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "https://user:secret@forge.example/team/bench.git"
    subprocess.run([*GIT, "remote", "add", "origin", address], cwd=repository, check=True)
    copy = unpack(pack(repository, []), tmp_path / "copy")
    monkeypatch.chdir(copy)
    assert repository_url() == "https://forge.example/team/bench"
    assert "secret" not in (copy / ".git" / "config").read_text()


def test_a_folder_without_git_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RnnbenchError, match="not a git repository"):
        read_sources(tmp_path)
