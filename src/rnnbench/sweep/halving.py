"""Successive halving: all combinations train for few epochs, and only the best of them for more.

The algorithm is the synchronous one of Jamieson & Talwalkar (2016), "Non-stochastic best arm
identification and hyperparameter optimization", https://proceedings.mlr.press/v51/jamieson16.html,
with epochs as the resource. A rung is a sweep of its own whose combinations have fewer epochs.

Neither Optuna nor Ray Tune is used (read in Optuna 5.0 and Ray 2.60). Their schedulers decide while
a trial runs, from scores that it reports after each epoch. Here a trial is a stage of DVC, which
runs to its end in a process of its own or on a node, and whose outputs DVC's cache restores. A
library would need an adapter for that, and would replace only the few lines that rank and select.
Besides, Optuna's `SuccessiveHalvingPruner` and Ray Tune's `ASHAScheduler` are asynchronous: which
trials go on depends on the order in which they report, so the same command could keep other
combinations. Ray Tune's `HyperBandScheduler` is synchronous, but pauses trials and resumes them
from checkpoints, which a stage does not have.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from rnnbench.errors import RnnbenchError
from rnnbench.params import Params
from rnnbench.sweep.experiments import Saved, State, read_seeds
from rnnbench.sweep.run import Task
from rnnbench.sweep.table import Dropped, higher_is_better, validation_metric

ETA = 3
MIN_EPOCHS = 1


@dataclass(frozen=True)
class Rung:
    """A rung before the last one, which has all epochs.

    Attributes
    ----------
    epochs : mapping
        For how many epochs each experiment is trained.
    keep : int
        How many of the combinations go on to the next rung.
    """

    epochs: Mapping[str, int]
    keep: int

    @property
    def suffix(self) -> str:
        """The end of the names of this rung's experiments, such as `.epochs-2` in `lr-4.epochs-2`.

        No sweep has a point in its name, so the names of two sweeps never meet.
        """
        return ".epochs-" + "-".join(map(str, dict.fromkeys(self.epochs.values())))

    def __str__(self) -> str:
        return "epochs: " + ", ".join(f"{name} {epochs}" for name, epochs in self.epochs.items())

    def trial(self, task: Task, saved: Mapping[str, Saved]) -> Task:
        """Return the task that trains a combination for the epochs of this rung."""
        combination = task.combination
        for name, epochs in self.epochs.items():
            combination = combination.with_value(_epochs_key(task.params, name), epochs)
        key = f"{task.key}{self.suffix}"
        name = f"{task.name}{self.suffix}"
        return Task(name, key, combination, task.params, task.experiments, saved.get(key))


def _epochs_key(params: Params, name: str) -> str:
    """Return the key of `params.yaml` that has the epochs of an experiment."""
    line = params.lines[name]
    if "epochs" in line.overrides:
        return f"experiments.{name}.epochs"
    return f"suites.{line.suite}.training.epochs"


def plan_rungs(
    params: Sequence[Params],
    experiments: Sequence[str],
    eta: int = ETA,
    min_epochs: int = MIN_EPOCHS,
) -> list[Rung]:
    """Return the rungs before the last one.

    Each rung has `eta` times the epochs of the one before, rounded down, and the last one has those
    of `params.yaml`. There are as many rungs as leave two to `eta` combinations for the last one,
    or fewer, so that the first one has `min_epochs`.

    Parameters
    ----------
    params : sequence of Params
        The parameters with the values of each combination.
    experiments : sequence of str
        The experiments that are trained with each combination.
    eta : int, default 3
        One of `eta` combinations goes on, rounded up; at least 2.
    min_epochs : int, default 1
        For how many epochs every experiment is trained at least.

    Raises
    ------
    RnnbenchError
        If the combinations have different epochs, are too few, or have too few epochs, or `eta` is
        below 2.
    """
    if eta <= 1:
        raise RnnbenchError(f"--eta {eta}: one of so many combinations goes on; at least 2")
    epochs = {name: _common_epochs(params, name) for name in experiments}
    keep = [len(params)]
    while keep[-1] > eta:
        keep.append(math.ceil(keep[-1] / eta))
    if len(keep) == 1:
        raise RnnbenchError(
            f"--halving keeps one of {eta} combinations for more epochs, and there are"
            f" {len(params)}: give more than {eta}, a smaller --eta (at least 2), or leave out"
            " --halving"
        )
    shortest = min(epochs, key=lambda name: epochs[name])
    if epochs[shortest] // eta < min_epochs:
        raise RnnbenchError(
            f"--halving: {shortest} is trained for {epochs[shortest]} epochs, and the rung before"
            f" would have {epochs[shortest] // eta}, fewer than the {min_epochs} of --min-epochs:"
            " raise epochs, give a smaller --eta or --min-epochs, or leave out --halving"
        )
    divisors = [eta**power for power in range(1, len(keep))]
    divisors = [one for one in divisors if epochs[shortest] // one >= min_epochs]
    return [
        Rung({name: full // divisor for name, full in epochs.items()}, kept)
        for divisor, kept in zip(reversed(divisors), keep[1:], strict=False)
    ]


def _common_epochs(params: Sequence[Params], name: str) -> int:
    found = sorted({one.experiments[name].training.epochs for one in params})
    if len(found) > 1:
        raise RnnbenchError(
            f"--halving trains all combinations for equally many epochs, and the values give"
            f" {', '.join(map(str, found))} epochs to {name}: give one number of epochs, or leave"
            " out --halving"
        )
    return found[0]


@dataclass(frozen=True)
class Halved:
    """The outcome of the rungs before the last one.

    Attributes
    ----------
    tasks : list of Task
        The combinations for the last rung, in their order.
    failed : list of str
        The experiments of DVC that failed.
    dropped : Dropped or None
        The combinations that were dropped, if there are any.
    """

    tasks: list[Task]
    failed: list[str]
    dropped: Dropped | None


def halve(
    state: State,
    tasks: Sequence[Task],
    rungs: Sequence[Rung],
    baseline: str | None,
    train: Callable[[Sequence[Task]], None],
) -> Halved:
    """Train combinations rung by rung, and drop those with the worse validation scores.

    Parameters
    ----------
    state : State
        The repository.
    tasks : sequence of Task
        All combinations, with all their epochs.
    rungs : sequence of Rung
        The rungs before the last one.
    baseline : str or None
        The combination with which the others are compared; by default the first that does not fail.
        It goes on whatever its score is: p-values need a baseline that no score has selected.
    train : callable
        Trains those of some tasks that are not saved, and sets their `saved` or `failed`.
    """
    left = list(tasks)
    failed: list[str] = []
    parts: list[pd.DataFrame] = []
    saved = state.saved()
    for number, rung in enumerate(rungs, start=1):
        print(f"{state.sweep}: rung {number} of {len(rungs) + 1}, {rung}", flush=True)
        trials = [rung.trial(task, saved) for task in left]
        train(trials)
        failed += [trial.name for trial in trials if trial.failed]
        trained = [(task, one.saved) for task, one in zip(left, trials, strict=True) if one.saved]
        left = [task for task, _ in trained]
        if not left:
            break
        scores = rank(
            {task.name: read_seeds(state.root, state.sweep, one.commit) for task, one in trained}
        )
        going_on = {*best(scores, rung.keep), baseline or left[0].name}
        worse = scores[~scores["combination"].isin(going_on)]
        parts.append(worse.assign(rung=number, epochs=worse["experiment"].map(rung.epochs)))
        names = ", ".join(worse["combination"].unique())
        print(f"{state.sweep}: dropped after rung {number}: {names or 'none'}", flush=True)
        left = [task for task in left if task.name in going_on]
    return Halved(left, failed, _dropped(parts, tasks))


def _dropped(parts: Sequence[pd.DataFrame], tasks: Sequence[Task]) -> Dropped | None:
    """Join the dropped combinations of all rungs, and add the values of their keys."""
    if all(part.empty for part in parts):
        return None
    values = pd.DataFrame.from_dict(
        {task.name: task.combination.values for task in tasks}, orient="index"
    ).fillna("")
    content = pd.concat(parts, ignore_index=True).join(values, on="combination")
    columns = ["combination", *values, "rung", "epochs", "experiment", "metric", "score"]
    return Dropped(content[columns], values.columns.tolist())


def rank(seeds: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Rank combinations by their validation scores.

    Parameters
    ----------
    seeds : mapping of DataFrame
        The metrics of each combination after the last epoch: one row per experiment and seed.

    Returns
    -------
    DataFrame
        One row per experiment and combination: `combination`, `experiment`, `metric`, `score` (the
        mean over seeds, nan if the metric of one is nan) and `rank`. Rank 1 is the best, equal
        scores share the mean of their ranks, and nan is behind all others.
    """
    rows = pd.concat([one.assign(combination=name) for name, one in seeds.items()])
    parts = []
    for experiment, of_one in rows.groupby("experiment", sort=False):
        groups = of_one.groupby("combination", sort=False)
        metric = validation_metric([group for _, group in groups])
        scores = groups[metric].apply(lambda values: values.mean(skipna=False))
        ranks = scores.rank(ascending=not higher_is_better(metric), na_option="bottom")
        part = pd.DataFrame({"score": scores, "rank": ranks}).reset_index()
        parts.append(part.assign(experiment=experiment, metric=metric))
    return pd.concat(parts, ignore_index=True)


def best(ranked: pd.DataFrame, number: int) -> list[str]:
    """Return the combinations with the lowest mean rank over experiments, equal ones in order."""
    means = ranked.groupby("combination", sort=False)["rank"].mean()
    return means.sort_values(kind="stable").index[:number].tolist()
