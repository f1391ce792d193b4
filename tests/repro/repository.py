"""Small DVC repositories whose stages are shell commands."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dvc.repo import Repo
from dvc.utils.serialize import dumps_yaml, load_yaml


def make_repository(root: Path, stages: Mapping[str, Any]) -> Path:
    """Make a repository with the stages of a dvc.yaml."""
    root.mkdir(exist_ok=True)
    Repo.init(str(root), no_scm=True).close()
    (root / "dvc.yaml").write_text(dumps_yaml({"stages": stages}))
    return root


def recorded(root: Path) -> set[str]:
    """Return the stages that dvc.lock has."""
    lock = root / "dvc.lock"
    return set(load_yaml(lock)["stages"]) if lock.exists() else set()
