"""Which stages there are, what each waits for, and which have to run: DVC's own answers."""

import json
import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from rnnbench.commands import output_of
from rnnbench.errors import RnnbenchError

# Stage by stage, the stages whose outputs it reads.
Needs = Mapping[str, frozenset[str]]
DVC = (sys.executable, "-m", "rnnbench.repro.dvc_process")
_NODE = re.compile(r'^"([^"]+)";$')
_EDGE = re.compile(r'^"([^"]+)" -> "([^"]+)";$')


def read_needs(root: Path, environment: Mapping[str, str]) -> Needs:
    """Ask DVC for the graph of a repository's stages.

    Parameters
    ----------
    root : Path
        The repository.
    environment : mapping
        The environment of DVC's process.

    Returns
    -------
    mapping
        Each stage and those it needs directly.

    Raises
    ------
    RnnbenchError
        If DVC cannot read the pipeline; with what it says.
    """
    needs: dict[str, set[str]] = {}
    for line in _ask(root, environment, "dag", "--dot").splitlines():
        if node := _NODE.match(line):
            needs.setdefault(node[1], set())
        elif edge := _EDGE.match(line):
            needs.setdefault(edge[1], set())
            needs.setdefault(edge[2], set()).add(edge[1])
    return {stage: frozenset(needed) for stage, needed in needs.items()}


def read_changed(root: Path, environment: Mapping[str, str]) -> set[str]:
    """Ask DVC which stages' own commands, parameters, sources or outputs changed."""
    return set(json.loads(_ask(root, environment, "status", "--json")))


def with_what_they_need(targets: Collection[str], needs: Needs) -> set[str]:
    """Return stages and all that they need, directly or not.

    Parameters
    ----------
    targets : collection of str
        Stages, or groups of them: `train` is every `train@EXPERIMENT`.
    needs : mapping
        The graph.

    Raises
    ------
    RnnbenchError
        If there is no such stage or group.
    """
    return _reach([stage for target in targets for stage in _stages_of(target, needs)], needs)


def with_what_follows(changed: Collection[str], needs: Needs) -> set[str]:
    """Return stages and all that depend on them, directly or not."""
    followers: dict[str, set[str]] = {stage: set() for stage in needs}
    for stage, needed in needs.items():
        for one in needed:
            followers[one].add(stage)
    return _reach([stage for stage in changed if stage in needs], followers)


def kind(stage: str) -> str:
    """Return `train` of `train@EXPERIMENT`."""
    return stage.split("@", maxsplit=1)[0]


def _reach(stages: list[str], edges: Mapping[str, Collection[str]]) -> set[str]:
    """Return stages and all that edges lead to from them."""
    found: set[str] = set()
    waiting = [*stages]
    while waiting:
        stage = waiting.pop()
        if stage not in found:
            found.add(stage)
            waiting += edges[stage]
    return found


def _stages_of(target: str, needs: Needs) -> list[str]:
    stages = [stage for stage in needs if target in (stage, kind(stage))]
    if not stages:
        kinds = ", ".join(dict.fromkeys(kind(stage) for stage in needs))
        raise RnnbenchError(
            f"there is no stage {target!r}; give one that `dvc stage list` shows, such as"
            f" {next(iter(needs))}, or all of one kind: {kinds}"
        )
    return stages


def _ask(root: Path, environment: Mapping[str, str], *arguments: str) -> str:
    called = f"dvc {' '.join(arguments)}"
    return output_of([*DVC, *arguments], root, environment, called)
