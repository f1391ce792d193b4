"""The origin of a run: its commit, its stage and an identifier of its own."""

import os
import re
import subprocess
import uuid
from pathlib import Path
from typing import Any

import rnnbench
from rnnbench.credentials import without_credentials
from rnnbench.files import file_digest, text_digest
from rnnbench.layout import OUTPUTS_IN_GIT

# Changes of the pipeline's own outputs do not make its working tree dirty.
WITHOUT_OUTPUTS = tuple(f":!{path}" for path in OUTPUTS_IN_GIT)


def new_identifier() -> str:
    """Return a unique identifier for a run."""
    return uuid.uuid4().hex


def made_from() -> dict[str, Any]:
    """Return the version of the code: a digest of its source and, in a repository, its commit.

    `git_dirty` says whether tracked files differ from the commit; if so, `git_diff_digest` is a
    digest of the difference, to compare it with another run's.
    """
    origin: dict[str, Any] = {"source_digest": _source_digest()}
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return origin
    difference = _git("diff", "HEAD", "--", ".", *WITHOUT_OUTPUTS)
    origin |= {"git_commit": commit, "git_dirty": bool(difference)}
    return {**origin, "git_diff_digest": text_digest(difference)} if difference else origin


def _source_digest() -> str:
    """Return a digest of the names and contents of the package's files."""
    package = Path(rnnbench.__file__).parent
    digests = (
        f"{path.relative_to(package).as_posix()} {file_digest(path)}"
        for path in sorted(package.rglob("*.py"))
    )
    return text_digest("\n".join(digests))


def dvc_stage(default: str) -> str:
    """Return the stage that DVC is running, or `default` outside DVC."""
    return os.environ.get("DVC_STAGE", default)


def repository_url() -> str | None:
    """Return the address of the repository's web page, if its remote `origin` has one."""
    remote = _git("remote", "get-url", "origin")
    return None if remote is None else web_address(remote)


def web_address(remote: str) -> str | None:
    """Return the address of a git remote's web page, without credentials; None for a folder.

    >>> web_address("git@forge.example:team/bench.git")
    'https://forge.example/team/bench'
    """
    found = re.match(
        r"(?:(?:https?|ssh)://(?:[^/@]*@)?|[^/@]+@)([^/:]+)(?::\d+)?[:/]([^?#]+?)(?:\.git)?/?(?:[?#]|$)",
        without_credentials(remote),
    )
    return f"https://{found[1]}/{found[2]}" if found else None


def _git(*arguments: str) -> str | None:
    command = ["git", *arguments]
    try:
        answer = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, errors="replace", check=False
        )
    except FileNotFoundError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
