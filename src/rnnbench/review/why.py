"""The causes that made a stage out of date, and the commits that introduced them."""

import difflib
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

from dvc.dvcfile import LOCK_FILE, PROJECT_FILE
from dvc.fs import GitFileSystem
from dvc.repo import Repo
from dvc.utils.serialize import load_path
from dvc_data.hashfile.build import build

from rnnbench.commands import git
from rnnbench.errors import RnnbenchError
from rnnbench.params import PARAMS_FILE
from rnnbench.review.parameters import lookup
from rnnbench.review.review import opened
from rnnbench.review.revisions import (
    Commit,
    changed_files,
    commits_of,
    files_of,
    introduced_by,
    require_repository,
)
from rnnbench.review.stages import Cause, Kind, Stage, Stages, read_stages, roots

INDENT = "    "
MOST_NAMES = 6
MOST_COMMITS = 200  # how many commits are searched for the files that a stage read
NOT_COMMITTED = "not committed yet"


def why(name: str, root: Path) -> Iterator[str]:
    """Yield the lines of an explanation of why a stage is out of date.

    Parameters
    ----------
    name : str
        A stage of `dvc.yaml`, such as `train@imdb-lstm`.
    root : Path
        The repository.

    Raises
    ------
    RnnbenchError
        If there is no such stage, or DVC or git cannot read the repository.
    """
    require_repository(root)
    with opened(root) as repo:
        stages = read_stages(repo)
        if name not in stages:
            raise RnnbenchError(f"there is no stage {name!r}; {_meant(name, stages)}")
        yield from _Explanation(repo, root).lines(stages, stages[name])


def _meant(name: str, stages: Stages) -> str:
    """Return a hint at the stages of an experiment with this name, or at a similar name."""
    of_name = [stage for stage in stages if stage.partition("@")[2] == name]
    close = of_name or difflib.get_close_matches(name, stages, n=1)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    return f"{hint}`dvc stage list` shows all {len(stages)}"


class _Explanation:
    """Finds the commits behind causes in one open repository."""

    def __init__(self, repo: Repo, root: Path) -> None:
        self._repo = repo
        self._root = root
        self._prefix = git(root, "rev-parse", "--show-prefix").strip()
        self._contents: dict[tuple[str, str], Any] = {}
        self._hashes: dict[tuple[str, str], str | None] = {}

    def lines(self, stages: Stages, stage: Stage) -> Iterator[str]:
        earlier = roots(stages, stage.name)
        if not stage.causes and not earlier:
            yield f"{stage.name} is up to date: {self._recorded(stage)}"
        elif stage.causes:
            yield f"{stage.name} is out of date:"
            yield from self._causes(stage)
        else:
            yield f"{stage.name} itself is unchanged, but stages that it needs are out of date:"
        for lines, names in self._grouped(earlier).items():
            yield f"- it needs {_listed(names)}, out of date:"
            yield from (f"{INDENT}{line}" for line in lines)
        if stage.missing:
            yield (
                f"Missing: {', '.join(stage.missing)}. `dvc checkout` or `dvc pull` restores them;"
                f" without them `dvc repro {stage.name}` runs the stage"
            )

    def _grouped(self, stages: list[Stage]) -> dict[tuple[str, ...], list[str]]:
        """Return the names of the stages that are out of date, grouped by their causes."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for stage in stages:
            groups.setdefault(tuple(self._causes(stage)), []).append(stage.name)
        return groups

    def _causes(self, stage: Stage) -> Iterator[str]:
        for cause in stage.causes:
            for line in self._cause(cause, stage):
                yield f"- {line}" if not line.startswith(INDENT) else line

    def _cause(self, cause: Cause, stage: Stage) -> Iterator[str]:
        if cause.kind == Kind.PARAMETER:
            values = f"{cause.old} → {cause.new}"
            yield f"parameter {cause.name}: {values}, {self._parameter(cause.name)}"
        elif cause.kind == Kind.SOURCE:
            yield from self._source(cause.name, stage.files[cause.name])
        elif cause.kind == Kind.DATA:
            yield f"{cause.name} changed, {self._data(cause)}"
        elif cause.kind == Kind.OUTPUT:
            yield f"its output {cause.name} is not what it wrote: changed or removed by hand"
        elif cause.kind == Kind.COMMAND:
            yield f"its command changed; {self._last_change(PROJECT_FILE)}"
        else:
            yield f"it never ran: dvc.lock has no entry; {self._added(stage.name)}"

    def _parameter(self, key: str) -> str:
        commit = self._since(PARAMS_FILE.as_posix(), key)
        return f"changed in {commit}" if commit else NOT_COMMITTED

    def _since(self, path: str, key: str) -> Commit | None:
        """Return the commit that gave a parameter its current value."""
        current = lookup(load_path(str(self._root / path), self._repo.fs), key)
        return introduced_by(
            self._root, path, lambda sha: lookup(self._content(sha, path), key), current
        )

    def _added(self, stage: str) -> str:
        _, _, experiment = stage.partition("@")
        present = load_path(str(self._root / PARAMS_FILE), self._repo.fs)
        if experiment not in present.get("experiments", {}):
            return self._last_change(PROJECT_FILE)
        commit = introduced_by(
            self._root,
            PARAMS_FILE.as_posix(),
            lambda sha: experiment in self._content(sha, str(PARAMS_FILE)).get("experiments", {}),
            True,
        )
        return (
            f"experiments.{experiment} was added in {commit}"
            if commit
            else (f"experiments.{experiment} is {NOT_COMMITTED}")
        )

    def _last_change(self, path: str) -> str:
        if changed_files(self._root, "HEAD", path):
            return f"{path} has changes that are not committed"
        return f"{path} was last changed in {commits_of(self._root, path)[0]}"

    def _source(self, path: str, recorded: str) -> Iterator[str]:
        """Yield lines on the commits that changed a file or folder since a stage read it."""
        changed = changed_files(self._root, "HEAD", path)
        commits = commits_of(self._root, path)[:MOST_COMMITS]
        since = list(takewhile(lambda commit: self._hash(commit.sha, path) != recorded, commits))
        yield f"{path} changed since the stage ran:"
        if changed:
            yield f"{INDENT}- {NOT_COMMITTED}: {', '.join(changed)}"
        if len(since) < len(commits):
            for commit in since:
                names = _listed(files_of(self._root, commit.sha, path))
                yield f"{INDENT}- in {commit}: {names or 'a merge'}"
        else:
            yield (
                f"{INDENT}- none of the last {len(commits)} commits that changed it has what the"
                " stage read, so it ran with files that were not committed"
            )

    def _hash(self, sha: str, path: str) -> str | None:
        """Return the hash that DVC gives to a file or folder of a commit."""
        if (sha, path) not in self._hashes:
            files, there = self._files(sha), f"/{self._prefix}{path}"
            digest = None
            if files.exists(there):
                _, _, made = build(self._repo.cache.local, there, files, "md5", dry_run=True)
                digest = str(made.hash_info.value)
            self._hashes[sha, path] = digest
        return self._hashes[sha, path]

    def _data(self, cause: Cause) -> str:
        """Return a clause on the stage and the commit that wrote the data in `dvc.lock`."""
        present = load_path(str(self._root / LOCK_FILE), self._repo.fs)
        current = _output_hash(present, cause.made_by, cause.name)
        commit = introduced_by(
            self._root,
            LOCK_FILE,
            lambda sha: _output_hash(self._content(sha, LOCK_FILE), cause.made_by, cause.name),
            current,
        )
        when = f"recorded in {commit}" if commit else f"in dvc.lock, {NOT_COMMITTED}"
        return f"written by {cause.made_by} since: {when}"

    def _recorded(self, stage: Stage) -> str:
        """Return a clause on the commit that recorded the current state of a stage."""
        current = _entry(load_path(str(self._root / LOCK_FILE), self._repo.fs), stage.name)
        commit = introduced_by(
            self._root,
            LOCK_FILE,
            lambda sha: _entry(self._content(sha, LOCK_FILE), stage.name),
            current,
        )
        present = "its command, parameters and files are those that dvc.lock has"
        return f"{present} since {commit}" if commit else f"{present}, which is {NOT_COMMITTED}"

    def _content(self, sha: str, path: str) -> Mapping[str, Any]:
        """Return the content of a YAML file in a commit; empty if it has no such file."""
        if (sha, path) not in self._contents:
            files, there = self._files(sha), f"/{self._prefix}{path}"
            self._contents[sha, path] = load_path(there, files) if files.exists(there) else {}
        content: Mapping[str, Any] = self._contents[sha, path]
        return content

    def _files(self, sha: str) -> GitFileSystem:
        return GitFileSystem(scm=self._repo.scm, rev=sha)


def _listed(names: list[str]) -> str:
    """Write the first names, and the number of the others."""
    more = len(names) - MOST_NAMES
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:MOST_NAMES])} and {more} more"


def _entry(lock: Mapping[str, Any], stage: str) -> Any:
    """Return the entry of a stage in a `dvc.lock`."""
    return lock.get("stages", {}).get(stage)


def _output_hash(lock: Mapping[str, Any], stage: str, path: str) -> Any:
    """Return the hash of a stage's output in a `dvc.lock`; None if it has none."""
    outputs = (_entry(lock, stage) or {}).get("outs", [])
    return next((out.get("md5") for out in outputs if out["path"] == path), None)
