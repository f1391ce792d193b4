"""The stages of the pipeline that are out of date, compared with `dvc.lock`, and the causes.

Data, models and results that a clone lacks count as unchanged, as they do for `dvc repro
--allow-missing`, because `dvc.lock` has their hashes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import networkx as nx  # type: ignore[import-untyped]  # DVC's graphs are made of it
from dvc.dependency.param import ParamsDependency, read_param_file
from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import PipelineStage

from rnnbench.repro.pipeline import Pipeline
from rnnbench.review.parameters import differing, select


class Kind(StrEnum):
    """The kinds of causes that make a stage out of date."""

    NEVER_RAN = "dvc.lock has no entry for it"
    COMMAND = "its command changed"
    PARAMETER = "a parameter changed"
    SOURCE = "a file that git tracks changed"
    DATA = "an output of another stage changed"
    OUTPUT = "an output is not the one that the stage wrote"


@dataclass(frozen=True)
class Cause:
    """A cause that makes a stage out of date.

    Attributes
    ----------
    kind : Kind
        The kind of cause.
    name : str, default ""
        The parameter's key, or the path of the file or folder.
    old, new : str, default ""
        The parameter's values in `dvc.lock` and now.
    made_by : str, default ""
        The stage whose output changed.
    """

    kind: Kind
    name: str = ""
    old: str = ""
    new: str = ""
    made_by: str = ""


@dataclass(frozen=True)
class Stage:
    """A stage and its state.

    Attributes
    ----------
    name : str
        Its name in `dvc stage list`.
    needs : frozenset of str
        The stages whose outputs it reads.
    causes : tuple of Cause
        The causes that make it out of date by itself; empty if there are none.
    missing : tuple of str
        Its inputs and outputs that are not in the workspace.
    parameters : mapping
        Its parameters in `dvc.lock`, by dotted key.
    files : mapping of str
        The hashes of its inputs and outputs in `dvc.lock`, by path.
    """

    name: str
    needs: frozenset[str]
    causes: tuple[Cause, ...]
    missing: tuple[str, ...]
    parameters: Mapping[str, Any]
    files: Mapping[str, str]

    @property
    def record(self) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        """Its content in `dvc.lock`, to compare with another commit's."""
        return self.parameters, self.files


Stages = Mapping[str, Stage]


def read_stages(repo: Repo) -> Stages:
    """Return the state of every stage of an open repository, or of the commit it is switched to.

    Raises
    ------
    DvcException
        If DVC cannot read the pipeline.
    """
    graph, reader = repo.index.graph, _Reader()
    return {
        stage.name: reader.read(stage, list(graph.successors(stage)))
        for stage in graph
        if stage.cmd
    }


def as_pipeline(stages: Stages) -> Pipeline:
    """Return the stages as a `Pipeline`, whose `out_of_date` finds the stages to run."""
    changed = frozenset(name for name, stage in stages.items() if stage.causes)
    return Pipeline({name: one.needs for name, one in stages.items()}, changed, frozenset())


def roots(stages: Stages, name: str) -> list[Stage]:
    """Return the stages that are out of date by themselves among those that a stage needs."""
    needs = nx.DiGraph(dict(as_pipeline(stages).needs))
    needed = nx.descendants(needs, name)
    return [stage for stage in stages.values() if stage.name in needed and stage.causes]


class _Reader:
    """Reads stages; many of them depend on the same files, so each file is read once."""

    def __init__(self) -> None:
        self._hashes: dict[str, Any] = {}
        self._contents: dict[str, Any] = {}

    def read(self, stage: PipelineStage, needed: Iterable[PipelineStage]) -> Stage:
        parameters: dict[str, Any] = {}
        causes: list[Cause] = []
        missing: list[str] = []
        for dependency in stage.deps:
            if isinstance(dependency, ParamsDependency):
                parameters |= dependency.hash_info.value or {}
                causes += self._parameter_causes(dependency)
            else:
                causes += self._input_causes(dependency, needed, missing)
        for output in stage.outs:
            causes += self._output_causes(output, missing)
        recorded = [one for one in (*stage.deps, *stage.outs) if one.hash_info]
        if not recorded:
            causes = [Cause(Kind.NEVER_RAN)]
        elif stage.cmd_changed:
            causes.insert(0, Cause(Kind.COMMAND))
        return Stage(
            stage.name,
            frozenset(other.name for other in needed if other.cmd),
            tuple(causes),
            tuple(missing),
            parameters,
            {
                one.def_path: str(one.hash_info.value)
                for one in recorded
                if not isinstance(one, ParamsDependency)
            },
        )

    def _parameter_causes(self, dependency: ParamsDependency) -> list[Cause]:
        path = dependency.fs_path
        if path not in self._contents:
            content = read_param_file(dependency.repo.fs, path) if dependency.exists else {}
            self._contents[path] = content
        content, keys = self._contents[path], dependency.params
        present = select(content, keys) if keys else content
        return [
            Cause(Kind.PARAMETER, change.key, change.old, change.new)
            for change in differing(dependency.hash_info.value or {}, present)
        ]

    def _input_causes(
        self, dependency: Output, needed: Iterable[PipelineStage], missing: list[str]
    ) -> list[Cause]:
        path = dependency.def_path
        made = [(one.name, out) for one in needed for out in one.outs if _overlap(dependency, out)]
        for name, out in made:
            exactly = out.fs_path == dependency.fs_path and out.hash_info
            if exactly and out.hash_info != dependency.hash_info:
                return [Cause(Kind.DATA, path, made_by=name)]
        if made and not all(out.exists for _, out in made):
            missing.append(path)
            return []
        if self._hash(dependency) == dependency.hash_info:
            return []
        return [Cause(Kind.DATA, path, made_by=made[0][0]) if made else Cause(Kind.SOURCE, path)]

    def _output_causes(self, output: Output, missing: list[str]) -> list[Cause]:
        # Git tracks outputs without cache, so if such an output is missing, it was removed.
        if output.use_cache and not output.exists:
            missing.append(output.def_path)
            return []
        if self._hash(output) == output.hash_info:
            return []
        return [Cause(Kind.OUTPUT, output.def_path)]

    def _hash(self, output: Output) -> Any:
        if output.fs_path not in self._hashes:
            self._hashes[output.fs_path] = output.get_hash() if output.exists else None
        return self._hashes[output.fs_path]


def _overlap(one: Output, other: Output) -> bool:
    """Return whether one path is the other or lies within it."""
    first, second = (f"{each.fs_path.rstrip('/')}/" for each in (one, other))
    return first.startswith(second) or second.startswith(first)
