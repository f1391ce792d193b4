"""Finding commits: the one to compare with, and the one that introduced a value or file."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rnnbench.commands import git
from rnnbench.errors import RnnbenchError

T = TypeVar("T")
MAIN_BRANCHES = ("origin/main", "origin/master", "main", "master")


@dataclass(frozen=True)
class Commit:
    """A commit: its full hash, its day (ISO 8601) and the first line of its message."""

    sha: str
    date: str
    subject: str

    @property
    def short(self) -> str:
        """The beginning of the hash."""
        return self.sha[:9]

    def __str__(self) -> str:
        return f"{self.short} ({self.date}, {self.subject})"


def require_repository(root: Path) -> None:
    """Require a folder in a git repository that has a commit.

    Raises
    ------
    RnnbenchError
        If there is no commit to compare with.
    """
    try:
        git(root, "rev-parse", "--git-dir")
    except RnnbenchError as error:
        raise RnnbenchError(
            f"{root} is not in a git repository, so there is no earlier state to compare with; run"
            " the command in a clone of the project"
        ) from error
    try:
        git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    except RnnbenchError as error:
        raise RnnbenchError(
            f"the git repository of {root} has no commit yet; commit the files first"
        ) from error


def find_commit(root: Path, name: str) -> Commit:
    """Return the commit that a branch, a tag, a hash or an expression such as `HEAD~1` names.

    Raises
    ------
    RnnbenchError
        If there is none, with the branch or tag that was probably meant.
    """
    try:
        sha = git(
            root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
        )
    except RnnbenchError as error:
        known = git(root, "for-each-ref", "--format=%(refname:short)").split()
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise RnnbenchError(
            f"there is no commit {name!r} in this repository{hint}; give a branch, a tag or a hash"
            " that `git log` shows. A shallow clone lacks older commits: `git fetch --unshallow`"
            " brings them"
        ) from error
    return _commits(root, "-1", sha.strip())[0]


def default_base(root: Path) -> tuple[Commit, str]:
    """Return the commit that the workspace is compared with, and the reason for the choice.

    It is HEAD if tracked files have uncommitted changes, and otherwise the commit at which the
    current branch left the main branch.

    Raises
    ------
    RnnbenchError
        If no main branch can be found.
    """
    if git(root, "status", "--porcelain", "--untracked-files=no").strip():
        return find_commit(root, "HEAD"), "the last commit, because the workspace has changes"
    main = _main_branch(root)
    base = git(root, "merge-base", "HEAD", main).strip()
    return find_commit(root, base), f"the merge base with {main}"


def _main_branch(root: Path) -> str:
    """Return the remote's default branch, or a branch with one of the usual names."""
    named = ("for-each-ref", "--format=%(symref:short)", "refs/remotes/origin/HEAD")
    present = git(root, "for-each-ref", "--format=%(refname:short)").split()
    for branch in (git(root, *named).strip(), *MAIN_BRANCHES):
        if branch in present:
            return branch
    raise RnnbenchError(
        f"there is no main branch to compare with: none of {', '.join(MAIN_BRANCHES)} exists; name"
        " a commit, for example `rnnbench review HEAD~1`"
    )


def changed_files(root: Path, base: str, path: str) -> list[str]:
    """Return the files in a folder that differ between a commit and the workspace."""
    changed = git(root, "diff", "--relative", "--name-only", "-z", base, "--", path)
    new = git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", path)
    return [name for name in (changed + new).split("\0") if name]


def files_of(root: Path, commit: str, path: str) -> list[str]:
    """Return the files in a folder that a commit changed."""
    shown = git(root, "show", "--relative", "--name-only", "-z", "--format=", commit, "--", path)
    return [name for name in shown.split("\0") if name]


def commits_of(root: Path, path: str) -> list[Commit]:
    """Return the commits that changed a file or folder, the newest first."""
    return _commits(root, "HEAD", "--", path)


def introduced_by(root: Path, path: str, read: Callable[[str], T], current: T) -> Commit | None:
    """Return the commit that introduced the current content of a file, or a part of the content.

    Parameters
    ----------
    root : Path
        The repository.
    path : str
        The file or folder, relative to the root.
    read : callable
        Takes a commit's hash and returns the content at that commit.
    current : T
        The content in the workspace.

    Returns
    -------
    Commit or None
        None if the content in the workspace differs from HEAD's.
    """
    introduced = None
    for commit in commits_of(root, path):
        if read(commit.sha) != current:
            break
        introduced = commit
    return introduced


def _commits(root: Path, *arguments: str) -> list[Commit]:
    listed = git(root, "log", "-z", "--date=short", "--format=%H%x09%ad%x09%s", *arguments)
    return [Commit(*line.split("\t", maxsplit=2)) for line in listed.split("\0") if line]
