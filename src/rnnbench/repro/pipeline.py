"""The pipeline as DVC reads it: its stages, their dependencies, and which are out of date."""

import getpass
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TypeVar

import networkx as nx  # type: ignore[import-untyped]  # DVC's graphs are made of it
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo, lock_repo

from rnnbench.errors import RnnbenchError
from rnnbench.repro.mend import mend

T = TypeVar("T")


@dataclass(frozen=True)
class Pipeline:
    """The stages of a repository's dvc.yaml.

    Attributes
    ----------
    needs : mapping
        Each stage and the stages whose outputs it reads.
    changed : frozenset of str
        Stages whose command, parameters, sources or outputs are not those of dvc.lock.
    alone : frozenset of str
        Stages with `meta: {alone: true}`: no other stage may run at the same time.
    """

    needs: Mapping[str, frozenset[str]]
    changed: frozenset[str]
    alone: frozenset[str]

    def out_of_date(self, targets: Collection[str] = ()) -> set[str]:
        """Return the stages that have to run for some targets to be up to date.

        Parameters
        ----------
        targets : collection of str, default ()
            Stages, or kinds of stages: `train` is every `train@EXPERIMENT`. By default all.

        Raises
        ------
        RnnbenchError
            If there is no such stage or kind.
        """
        graph = nx.DiGraph(dict(self.needs))
        wanted = self.needed_by(targets)
        changed = self.changed & wanted
        return wanted & changed.union(*(nx.ancestors(graph, stage) for stage in changed))

    def needed_by(self, targets: Collection[str] = ()) -> set[str]:
        """Return some targets and all stages that they need; by default all stages.

        Raises
        ------
        RnnbenchError
            If there is no such stage or kind.
        """
        graph = nx.DiGraph(dict(self.needs))
        named = self._named(targets) if targets else set(self.needs)
        return named.union(*(nx.descendants(graph, stage) for stage in named))

    def _named(self, targets: Collection[str]) -> set[str]:
        stages = {stage for stage in self.needs if stage in targets or kind(stage) in targets}
        unknown = set(targets) - stages - set(map(kind, stages))
        if unknown:
            kinds = ", ".join(dict.fromkeys(map(kind, self.needs)))
            raise RnnbenchError(
                f"there is no stage {min(unknown)!r}; give one that `dvc stage list` shows, such as"
                f" {next(iter(self.needs))}, or all of one kind: {kinds}"
            )
        return stages


def kind(stage: str) -> str:
    """Return `train` of `train@EXPERIMENT`."""
    return stage.split("@", maxsplit=1)[0]


def item(stage: str) -> str:
    """Return `EXPERIMENT` of `train@EXPERIMENT`; a stage without `@` is returned unchanged."""
    return stage.rsplit("@", maxsplit=1)[-1]


def read_pipeline(root: Path, targets: Collection[str] = ()) -> Pipeline:
    """Read the stages of a repository with DVC; wait while another process locks its files.

    Parameters
    ----------
    root : Path
        The repository.
    targets : collection of str, default ()
        The stages, with those that they need, for which to find out whether they are out of date;
        by default all.

    Raises
    ------
    RnnbenchError
        If DVC cannot read the pipeline, with its message; or if the user has no name or home.
    """
    try:
        Path.home()
        getpass.getuser()
    except (RuntimeError, KeyError, OSError) as error:  # as in some containers
        raise RnnbenchError(
            "this user has no home folder or no name, and DVC needs both: let HOME name a folder"
            " that can be written, and USER be any name"
        ) from error
    try:
        return wait_while_locked(lambda: _read(root, targets))
    except DvcException as error:
        raise RnnbenchError(f"DVC cannot read the pipeline: {error}") from error


def _read(root: Path, targets: Collection[str]) -> Pipeline:
    with Repo(str(root), _wait_for_lock=True) as repo, lock_repo(repo):
        mend(repo)
        graph = repo.index.graph
        stages = {stage.name: stage for stage in graph if stage.cmd}
        pipeline = Pipeline(
            {
                name: frozenset(needed.name for needed in graph.successors(stage) if needed.cmd)
                for name, stage in stages.items()
            },
            changed=frozenset(),
            alone=frozenset(
                name for name, stage in stages.items() if (stage.meta or {}).get("alone")
            ),
        )
        asked = pipeline.needed_by(targets)
        return replace(pipeline, changed=frozenset(name for name in asked if stages[name].status()))


def wait_while_locked(action: Callable[[], T], tries: int | None = None) -> T:
    """Repeat an action each second while another process locks its files; print which one does."""
    for attempt in count(1):
        try:
            return action()
        except DvcException as error:
            if attempt == tries or not isinstance(error.__cause__ or error, LockError):
                raise
            if attempt == 1:
                print(f"waiting: {error.__cause__ or error}", flush=True)
            time.sleep(1.0)
    raise AssertionError
