"""What made a run: the commit, the stage, an identifier of its own."""

import os
import subprocess
import uuid
from typing import Any

from rnnbench.layout import COMPARISONS_FOLDER, REPORT_FOLDER, RESULTS_FOLDER

# What the pipeline itself writes does not make the tree that it runs dirty.
PIPELINE_OUTPUTS = tuple(
    f":!{path}" for path in ("dvc.lock", RESULTS_FOLDER, COMPARISONS_FOLDER, REPORT_FOLDER)
)


def new_identifier() -> str:
    """Return an identifier that no other run has."""
    return uuid.uuid4().hex


def git_state() -> dict[str, Any]:
    """Return the commit and whether tracked files differ from it; empty outside a repository."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return {}
    changes = _git("status", "--porcelain", "--untracked-files=no", "--", ".", *PIPELINE_OUTPUTS)
    return {"git_commit": commit, "git_dirty": bool(changes)}


def dvc_stage(default: str) -> str:
    """Return the stage that DVC is running, or `default` outside DVC."""
    return os.environ.get("DVC_STAGE", default)


def _git(*arguments: str) -> str | None:
    command = ["git", *arguments]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
