"""The table of a suite: every number of its experiments, and the columns that people read."""

from collections.abc import Iterable
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.comparison.literature import SuiteLiterature
from rnnbench.comparison.results import EVALUATED, NOT_RUN, Result, Results
from rnnbench.comparison.statistics import compare_means, estimate_mean
from rnnbench.params import Target
from rnnbench.tables import Column, as_text
from rnnbench.tasks.task import TASKS, Task

NAME = (Column("experiment", "experiment"), Column("parameters", "parameters", ",d"))
STEP = Column("step_milliseconds_p50", "ms/step p50", ".1f")
EPOCH = Column("epoch_seconds", "s/epoch", ".1f")
TO_TARGET = Column("seconds_to_target", "s to target", ".1f")
TIMES = (
    STEP,
    Column("step_milliseconds_p95", "ms/step p95", ".1f"),
    Column("reported_step_milliseconds", "reported ms/step"),
    EPOCH,
    Column("epoch_processor_seconds", "CPU s/epoch", ".1f"),
    Column("reported_epoch_seconds", "reported s/epoch", ".0f"),
    Column("examples_per_second", "examples/s", ",.0f"),
    Column("target", "target"),
    TO_TARGET,
    Column("joules_to_target", "J to target", ",.0f"),
    Column("kernel", "kernel"),
)
PAIR_COLUMNS = ("first", "second", "score")


def tabulate(
    results: Results, literature: SuiteLiterature, target: Target | None = None
) -> pd.DataFrame:
    """Put every number of a suite's experiments beside what is reported, one row per experiment.

    Parameters
    ----------
    results : mapping of Result or None
        In the order of the table.
    literature : SuiteLiterature
        What is reported.
    target : Target, optional
        The validation metric that the experiments are to reach.
    """
    rows = [
        {
            **(_measured(result, target) if result else not_run(name)),
            **literature.reported_of(name).columns,
        }
        for name, result in results.items()
    ]
    # Rows that were not run have few columns and must not decide the order.
    by_length = sorted(rows, key=len, reverse=True)
    columns = list(dict.fromkeys(column for row in by_length for column in row))
    return pd.DataFrame(rows, columns=columns)


def not_run(name: str) -> dict[str, Any]:
    """Return the row of an experiment without results."""
    return {"experiment": name, "status": NOT_RUN, "seeds": 0, "parameters": 0}


def _measured(result: Result, target: Target | None) -> dict[str, Any]:
    return {
        "experiment": result.name,
        "task": result.scores["task"],
        "view": result.view,
        "model": result.scores["model"],
        "length": result.length,
        "status": result.status,
        "seeds": len(result.runs),
        "parameters": sum(result.scores["layer_parameters"].values()),
        **result.metrics(),
        **_interval(result),
        "training_loss": result.last_epoch("loss"),
        "validation_loss": result.last_epoch("validation_loss"),
        "epoch_seconds": result.time("epoch_seconds"),
        "epoch_processor_seconds": result.time("epoch_processor_seconds"),
        "step_milliseconds_p50": result.time("step_milliseconds", "p50"),
        "step_milliseconds_p95": result.time("step_milliseconds", "p95"),
        "examples_per_second": result.time("examples_per_second"),
        "training_seconds": sum(seed["training_seconds"] for seed in result.timing.values()),
        "target": str(target or ""),
        # One seed compiles for all.
        "seconds_to_target": result.until_target(target, "epoch_seconds", once="compile_seconds"),
        "joules_to_target": result.until_target(target, "gpu_epoch_energy_joules"),
        "kernel": result.kernel,
    }


def _interval(result: Result) -> dict[str, float]:
    """Return how far the task's score is known, where single examples have one."""
    scores = result.example_scores()
    if scores is None:
        return {}
    estimate = estimate_mean(scores)
    names = ("standard_error", "degrees_of_freedom", "lower", "upper")
    return {f"score_{name}": getattr(estimate, name) for name in names}


def tabulate_pairs(results: Results) -> pd.DataFrame:
    """Compare the score of every two experiments on the same view.

    Returns
    -------
    DataFrame
        `first`, `second`, the name of the `score` and the fields of
        `rnnbench.comparison.statistics.Difference`, positive where the first is better.
    """
    # Of an experiment at a time: the scores of its test examples, higher is better.
    scored = [
        (result, scores if result.task.score.higher_is_better else -scores)
        for result in results.values()
        if result and (scores := result.example_scores()) is not None
    ]
    rows = [
        dict(zip(PAIR_COLUMNS, (first.name, second.name, first.task.score.name), strict=True))
        | asdict(compare_means(of_first, of_second))
        for (first, of_first), (second, of_second) in combinations(scored, 2)
        if first.view == second.view
    ]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(PAIR_COLUMNS))


def tabulate_curves(results: Results) -> pd.DataFrame:
    """Return the mean, the lowest and the highest value over seeds, one row per epoch.

    Returns
    -------
    DataFrame
        `experiment`, `epoch` and for each column of the history NAME, NAME_lowest, NAME_highest.
    """
    curves = []
    for result in filter(None, results.values()):
        epochs = result.evaluated_history.drop(columns="seed").groupby("epoch")
        parts = [
            getattr(epochs, statistic)().add_suffix(suffix)
            for statistic, suffix in (("mean", ""), ("min", "_lowest"), ("max", "_highest"))
        ]
        joined = pd.concat(parts, axis=1).sort_index(axis=1).reset_index()
        joined.insert(0, "experiment", result.name)
        curves.append(joined)
    return pd.concat(curves) if curves else pd.DataFrame(columns=["experiment", "epoch"])


def readable_tables(table: pd.DataFrame, short: bool = False) -> list[pd.DataFrame]:
    """Return a suite's table for people, one for each kind of task.

    Parameters
    ----------
    table : DataFrame
        See `tabulate`; rows that were not run go to the first kind.
    short : bool, default False
        Whether to leave out all but the main scores and times.
    """
    kinds = list(table["task"].dropna().unique()) if "task" in table else []
    if not kinds:
        return [_readable(table, ())]
    groups = table["task"].fillna(kinds[0])
    return [_readable(table[groups == kind], _columns(TASKS[kind], short)) for kind in kinds]


def _columns(task: Task, short: bool) -> Iterable[Column]:
    return (*task.summary, STEP, EPOCH, TO_TARGET) if short else (*task.columns, *TIMES)


def _readable(table: pd.DataFrame, columns: Iterable[Column]) -> pd.DataFrame:
    wanted = (*NAME, *columns)
    names = dict.fromkeys(["status", "accuracy", "reported_accuracy", *(c.name for c in wanted)])
    table = table.reindex(columns=list(names), fill_value=np.nan)
    table["difference"] = table["accuracy"] - table["reported_accuracy"]
    shown = as_text(table, wanted)
    shown[shown.columns[0]] += [
        "" if status == EVALUATED else f" ({status})" for status in table["status"]
    ]
    return shown
