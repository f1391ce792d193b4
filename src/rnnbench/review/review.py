"""The review of a change from a commit to the workspace."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from dvc.exceptions import DvcException
from dvc.repo import Repo

from rnnbench.comparison.findings import read_comparisons
from rnnbench.data.dataset import DATASETS
from rnnbench.errors import RnnbenchError
from rnnbench.layout import COMPARISONS_FOLDER, PREPARED_FOLDER, TEST_FOLDER
from rnnbench.loading import LoadedExperiment, RevisionFiles
from rnnbench.params import PARAMS_FILE, load_params
from rnnbench.review.cost import Cost, estimate_cost
from rnnbench.review.parameters import Change, differing
from rnnbench.review.revisions import (
    Commit,
    changed_files,
    default_base,
    find_commit,
    require_repository,
)
from rnnbench.review.scores import ChangedScore, Side, compare_sides, read_side, read_table
from rnnbench.review.stages import Cause, Kind, Stages, as_pipeline, read_stages
from rnnbench.tasks.task import TASKS

Content = Mapping[str, Any]


@dataclass(frozen=True)
class Experiments:
    """The experiments of a change, each in the order of `params.yaml`.

    Attributes
    ----------
    names : tuple of str
        All current experiments.
    added, removed : tuple of str
        Experiments of one side only, without renamed ones.
    renamed : mapping of str
        The earlier name of each experiment that only changed its name.
    """

    names: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    renamed: Mapping[str, str]


@dataclass(frozen=True)
class Review:
    """The effects of a change.

    Attributes
    ----------
    base : Commit
        The commit that the workspace is compared with.
    chosen : str
        The reason for this base; empty if the user gave it.
    changes : list of Change
        The parameters that differ.
    experiments : Experiments
        The experiments that were added, removed and renamed.
    before, now : mapping of Stage
        The stages of both sides, each compared with its own `dvc.lock`.
    unreadable : str
        The reason why DVC cannot read the stages of the base; empty if it can.
    run : frozenset of str
        The stages that are out of date now, and those that read their outputs.
    files : mapping of list of str
        The files that differ from the base, by the path of each cause that git tracks.
    cost : Cost
        How long `run` takes.
    scores : list of ChangedScore
        The experiments with results on both sides whose scores differ.
    same_scores, without_scores : tuple of str
        The experiments whose scores are equal, and those without results on one side or both.
    margin : float
        The largest difference of scores without practical importance.
    """

    base: Commit
    chosen: str
    changes: list[Change]
    experiments: Experiments
    before: Stages
    now: Stages
    unreadable: str
    run: frozenset[str]
    files: Mapping[str, list[str]]
    cost: Cost
    scores: list[ChangedScore]
    same_scores: tuple[str, ...]
    without_scores: tuple[str, ...]
    margin: float

    @property
    def is_worse(self) -> bool:
        """Whether a score is worse beyond chance, or is missing because every seed diverges."""
        return any(one.is_worse for one in self.scores)

    @property
    def ran(self) -> list[str]:
        """The stages that ran in this change: their entries in `dvc.lock` differ."""
        return [
            name
            for name, stage in self.now.items()
            if name not in self.run
            and (name not in self.before or stage.record != self.before[name].record)
        ]

    def is_old(self, cause: Cause, stage: str) -> bool:
        """Return whether a cause made a stage out of date at the base already."""
        earlier = self.before[stage].causes if stage in self.before else ()
        return cause in earlier and not (cause.kind == Kind.SOURCE and self.files[cause.name])


def review(root: Path, base: str | None = None) -> Review:
    """Review what changed from a commit to the workspace.

    Parameters
    ----------
    root : Path
        The repository.
    base : str or None, default None
        A commit, branch or tag. By default HEAD if tracked files have uncommitted changes, else
        the commit at which the current branch left the main branch.

    Raises
    ------
    RnnbenchError
        If there is no such commit, `params.yaml` cannot be used or DVC cannot read the pipeline.
    """
    require_repository(root)
    commit, chosen = (find_commit(root, base), "") if base else default_base(root)
    params = load_params(root / PARAMS_FILE)
    files_before, files_now = RevisionFiles(root, commit.sha), RevisionFiles(root)
    content = files_now.yaml(PARAMS_FILE)
    earlier = _content(files_before)
    experiments = _experiments(earlier, content)
    with opened(root) as repo:
        now = read_stages(repo)
        before, unreadable = _stages_of(repo, commit)
    run = frozenset(as_pipeline(now).out_of_date())
    sources = {
        one.name for stage in now.values() for one in stage.causes if one.kind == Kind.SOURCE
    }
    old, new = _State(files_before, earlier, before), _State(files_now, content, now)
    sides = {
        name: (old.side(experiments.renamed.get(name, name)), new.side(name))
        for name in experiments.names
    }
    both = {name: (first, last) for name, (first, last) in sides.items() if first and last}
    differ = {name: pair for name, pair in both.items() if not pair[0].equals(pair[1])}
    return Review(
        commit,
        chosen,
        differing(earlier, content),
        experiments,
        before,
        now,
        unreadable,
        run,
        {path: changed_files(root, commit.sha, path) for path in sorted(sources)},
        estimate_cost(
            run, now, params, content, read_comparisons(params, root / COMPARISONS_FOLDER), root
        ),
        compare_sides(differ, params.margin),
        tuple(name for name in both if name not in differ),
        tuple(name for name in sides if name not in both),
        params.margin,
    )


@contextmanager
def opened(root: Path) -> Iterator[Repo]:
    """Open a DVC repository, and turn DVC's exceptions into an error for the user.

    Raises
    ------
    RnnbenchError
        If DVC raises.
    """
    try:
        with Repo(str(root)) as repo:
            yield repo
    except DvcException as error:
        raise RnnbenchError(f"DVC cannot read the pipeline: {error}") from error


@dataclass(frozen=True)
class _State:
    """One side of a review: the workspace or a commit."""

    files: RevisionFiles
    content: Content
    stages: Stages
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

    def side(self, name: str) -> Side | None:
        """Return the score of an experiment; None if it has no results."""
        try:
            line = _lines(self.content)[name]
            view, suite = line["view"], line["suite"]
            score = TASKS[DATASETS[self.content["views"][view]["dataset"]].task].score
        except (KeyError, TypeError, RnnbenchError):  # missing, or of an earlier layout
            return None
        if suite not in self.tables:
            self.tables[suite] = read_table(self.files, suite)
        stage = self.stages.get(f"evaluate@{name}")
        test_split = f"{PREPARED_FOLDER}/{view}/{TEST_FOLDER}"
        return read_side(
            LoadedExperiment(name, suite, self.files),
            score,
            self.tables[suite],
            stage.files.get(test_split) if stage else None,
        )


def _stages_of(repo: Repo, commit: Commit) -> tuple[Stages, str]:
    """Return the stages of a commit, and the reason if DVC cannot read them."""
    try:
        with repo.switch(commit.sha):
            return read_stages(repo), ""
    except DvcException as error:
        return {}, str(error)


def _content(files: RevisionFiles) -> Content:
    """Return the content of `params.yaml`; empty if the commit has no such file."""
    try:
        content = files.yaml(PARAMS_FILE)
    except RnnbenchError:
        return {}
    return content if isinstance(content, Mapping) else {}


def _lines(content: Content) -> Mapping[str, Any]:
    lines = content.get("experiments", {})
    return lines if isinstance(lines, Mapping) else {}


def _experiments(earlier: Content, content: Content) -> Experiments:
    before, now = _lines(earlier), _lines(content)
    removed = [name for name in before if name not in now]
    added = [name for name in now if name not in before]
    renamed: dict[str, str] = {}
    for name in added:
        same = [one for one in removed if before[one] == now[name] and one not in renamed.values()]
        if same:
            renamed[name] = same[0]
    return Experiments(
        tuple(now),
        tuple(name for name in added if name not in renamed),
        tuple(name for name in removed if name not in renamed.values()),
        renamed,
    )
