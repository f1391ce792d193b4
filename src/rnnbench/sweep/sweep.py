"""A sweep from its combinations to its table."""

import re
import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rnnbench.commands import git
from rnnbench.errors import RnnbenchError
from rnnbench.params import PARAMS_FILE, Params, parse_params, read_yaml
from rnnbench.registry import choices
from rnnbench.repro.cluster.place import Cluster
from rnnbench.review.revisions import require_repository
from rnnbench.sweep.combinations import Combination, with_values
from rnnbench.sweep.experiments import State
from rnnbench.sweep.halving import Halved, Rung, halve
from rnnbench.sweep.run import Runner, Task, workers_of_sweep
from rnnbench.sweep.table import Dropped, Row, Table, tabulate, write_tables
from rnnbench.tracking.runs import create_experiments

# An untracked source file would be missing in the copies of the repository.
SOURCES = ("src", "stages", "dvc.yaml")
NAME = r"[a-z0-9][a-z0-9_-]*"


@dataclass(frozen=True)
class Plan:
    """The combinations of a sweep and the experiments that are trained with each.

    Attributes
    ----------
    combinations : list of Combination
        The values to try.
    params : list of Params
        The parameters with the values of each.
    experiments : list of str
        The experiments that are trained with each.
    """

    combinations: list[Combination]
    params: list[Params]
    experiments: list[str]


@dataclass(frozen=True)
class Result:
    """The result of a sweep.

    Attributes
    ----------
    tables : list of Table
        One table per experiment; none if there is nothing to compare.
    failed : list of str
        The experiments of DVC that failed.
    dropped : Dropped or None
        The combinations that successive halving dropped.
    """

    tables: list[Table]
    failed: list[str]
    dropped: Dropped | None


def plan(
    combinations: Sequence[Combination], names: Collection[str] = (), root: Path = Path()
) -> Plan:
    """Check combinations against `params.yaml`, and find the experiments that they change.

    Parameters
    ----------
    combinations : sequence of Combination
        The values to try.
    names : collection of str, default ()
        Experiments, or suites for all of theirs; by default the experiments that some combination
        changes.
    root : Path
        The repository.

    Raises
    ------
    RnnbenchError
        If a key or a value is not accepted, a name is unknown, the values do not change one of the
        named experiments, or one has no validation split.
    """
    path = root / PARAMS_FILE
    content = read_yaml(path)
    present = parse_params(content, str(path))
    params = [
        parse_params(with_values(content, one), f"{PARAMS_FILE} with {one}") for one in combinations
    ]
    changed = [
        name for name in present.experiments if any(_differ(name, present, one) for one in params)
    ]
    experiments = _named(names, present) if names else changed
    if not experiments:
        raise RnnbenchError(
            "no experiment depends on these keys, or params.yaml has these values already"
        )
    unchanged = [name for name in experiments if name not in changed]
    if unchanged:
        raise RnnbenchError(
            f"these values change nothing of {', '.join(unchanged)}; they change"
            f" {', '.join(changed) or 'no experiment'}"
        )
    _require_validation(experiments, params)
    return Plan(list(combinations), params, experiments)


def _named(names: Collection[str], params: Params) -> list[str]:
    known = [*params.experiments, *params.suites]
    for name in names:
        if name not in known:
            raise RnnbenchError(f"there is no experiment or suite {name!r}; {choices(name, known)}")
    return [name for name, line in params.experiments.items() if {name, line.suite} & set(names)]


def _differ(name: str, one: Params, other: Params) -> bool:
    if name not in other.experiments:
        return True
    return _definition(name, one) != _definition(name, other)


def _definition(name: str, params: Params) -> tuple[Any, ...]:
    """Return everything in `params.yaml` that the training of an experiment depends on."""
    experiment = params.experiments[name]
    view = params.views[experiment.view]
    common = (params.deterministic, params.compiled_loops)
    return experiment, view, params.datasets[view.dataset], common


def _require_validation(experiments: Iterable[str], params: Iterable[Params]) -> None:
    without = {
        (name, one.experiments[name].view)
        for one in params
        for name in experiments
        if not one.views[one.experiments[name].view].validation_fraction
    }
    if without:
        name, view = min(without)
        raise RnnbenchError(
            f"{', '.join(sorted({name for name, _ in without}))}: no validation split, by which"
            " combinations are compared; leave out such experiments with --experiments, or set"
            f" aside a tenth of the training examples of {name} with"
            f" +views.{view}.validation_fraction=0.1"
        )


def run_sweep(
    root: Path,
    name: str,
    planned: Plan,
    jobs: int,
    cluster: Cluster | None = None,
    *,
    test: bool = False,
    baseline: str | None = None,
    rungs: Sequence[Rung] = (),
) -> Result:
    """Train all combinations and compare them.

    A combination that an earlier run of the same sweep has saved, on the same commit and with the
    same changes of tracked files, is not run again.

    Parameters
    ----------
    root : Path
        The repository.
    name : str
        The name of the sweep; the experiments of DVC are called NAME-1, NAME-2, …
    planned : Plan
        The combinations and the experiments that are trained with each.
    jobs : int
        How many experiments run at a time on this machine.
    cluster : Cluster or None
        The cluster on which they run instead.
    test : bool
        Whether, after all training, the combinations are also scored on the test split.
    baseline : str or None
        The combination with which the others are compared; by default the first.
    rungs : sequence of Rung, default ()
        Rungs of successive halving, from `plan_rungs`; the combinations that they leave are trained
        for all epochs and compared.

    Raises
    ------
    RnnbenchError
        If the sweep runs already, the repository has no commit, or there is no such baseline.
    """
    require_repository(root)
    _require_known_to_git(root)
    (root / ".dvc" / "tmp").mkdir(exist_ok=True)
    try:
        with FileLock(root / ".dvc" / "tmp" / f"sweep-{name}.lock", timeout=0):
            state = State(root, name)
            try:
                tasks = _tasks(state, planned)
                _require_baseline(baseline, tasks)
                halved = Halved(tasks, [], None)
                if rungs:
                    train = partial(_run, state, jobs=jobs, cluster=cluster, test=False)
                    halved = halve(state, tasks, rungs, baseline, train)
                _run(state, halved.tasks, jobs, cluster, test=test)
            finally:
                state.close()
            return _compare(root, name, planned.experiments, halved, baseline)
    except Timeout as error:
        raise RnnbenchError(
            f"the sweep {name!r} runs already; wait for it, or give another --name"
        ) from error


def require_name(name: str) -> None:
    """Refuse a name that cannot be part of the names of files, experiments and tags.

    Raises
    ------
    RnnbenchError
        If it has other characters than small letters, digits, `-` and `_`.
    """
    if not re.fullmatch(NAME, name):
        raise RnnbenchError(
            f"--name {name}: a name has small letters, digits, - and _, and begins with a letter or"
            " a digit"
        )


def _require_known_to_git(root: Path) -> None:
    unknown = git(root, "ls-files", "--others", "--exclude-standard", "--", *SOURCES).split("\n")
    if unknown[0]:
        raise RnnbenchError(
            f"git does not know {unknown[0]}, and combinations run in copies that git makes:"
            " `git add` it first"
        )


def _tasks(state: State, planned: Plan) -> list[Task]:
    """Return the combinations as tasks, with the names that their saved experiments have.

    A combination that was trained for the epochs of a rung only keeps its name as well.
    """
    saved, free = state.saved(), state.free_names()
    names = {key.partition(".")[0]: one.name.partition(".")[0] for key, one in saved.items()}
    tasks = []
    for combination, params in zip(planned.combinations, planned.params, strict=True):
        key = state.key(combination, planned.experiments)
        experiments = [params.experiments[name] for name in planned.experiments]
        name = names[key] if key in names else next(free)
        tasks.append(Task(name, key, combination, params, experiments, saved.get(key)))
    return tasks


def _require_baseline(baseline: str | None, tasks: Sequence[Task]) -> None:
    names = [task.name for task in tasks]
    if baseline and baseline not in names:
        raise RnnbenchError(
            f"--baseline {baseline}: there is no such combination; {choices(baseline, names)}"
        )


def _run(
    state: State, tasks: Sequence[Task], jobs: int, cluster: Cluster | None, *, test: bool
) -> None:
    """Train the tasks that are not saved; then score all on the test split if `test` is set."""
    if not tasks:
        return
    lock = threading.Lock()
    untrained = [task for task in tasks if task.saved is None]
    print(
        f"{state.sweep}: combinations to train: {len(untrained)}, there already:"
        f" {len(tasks) - len(untrained)}; each has"
        f" {', '.join(one.name for one in tasks[0].experiments)}",
        flush=True,
    )
    if not untrained and not (test and any(_is_untested(task) for task in tasks)):
        return
    create_experiments({one.suite for task in tasks for one in task.experiments}, state.root)
    with workers_of_sweep(state.root, jobs, cluster, lock) as (make, side_by_side):
        Runner(state, make, lock, tested=False).run(untrained, side_by_side)
        if test:
            untested = [task for task in tasks if _is_untested(task)]
            Runner(state, make, lock, tested=True).run(untested, side_by_side)


def _is_untested(task: Task) -> bool:
    return task.saved is not None and not task.saved.tested


def _compare(
    root: Path, sweep: str, experiments: Sequence[str], halved: Halved, baseline: str | None
) -> Result:
    """Tabulate the combinations that were trained for all epochs."""
    failed = [*halved.failed, *(task.name for task in halved.tasks if task.failed)]
    rows = [
        Row(task.name, task.saved.commit, task.saved.tested, task.combination.values, task.params)
        for task in halved.tasks
        if task.saved
    ]
    names = [row.name for row in rows]
    if not rows or (baseline and baseline not in names):
        if baseline:
            print(f"{baseline} failed: there is nothing to compare with", flush=True)
        return Result([], failed, halved.dropped)
    tables = tabulate(root, sweep, rows, experiments, baseline or names[0], halved.dropped)
    write_tables(root, sweep, tables, failed, halved.dropped)
    return Result(tables, failed, halved.dropped)
