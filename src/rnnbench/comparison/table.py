"""The table of a suite: every number of its experiments, and the columns for readers."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.comparison.literature import SuiteLiterature
from rnnbench.comparison.results import EVALUATED, NAN, NOT_RUN, Result, Results
from rnnbench.params import Target
from rnnbench.tables import Column, as_text
from rnnbench.tasks.task import TASKS, Task

NO_RANKS = (NAN, NAN)
BASELINE = "baseline"  # the status of a baseline's row
ONE_SEED = "1 seed"
EXPERIMENT, RANK = Column("experiment", "experiment"), Column("rank", "rank")
PARAMETERS = Column("parameters", "parameters", ",d")
NAME = (EXPERIMENT, RANK, PARAMETERS, Column("multiply_adds", "multiply-adds", ",d"))
REASON = Column("reason", "why")
TO_TARGET = Column("epochs_to_target", "epochs to target", ".1f")
SHORT_TIMES = (
    Column("stock_milliseconds", "ms/step, stock Keras", ".1f"),
    Column("compiled_milliseconds", "ms/step, compiled", ".1f"),
    TO_TARGET,
)
TIMES = (
    *(
        Column(
            f"{loop}_milliseconds",
            f"ms/step, {title} [quartiles]",
            ".1f",
            (f"{loop}_milliseconds_lower", f"{loop}_milliseconds_upper"),
        )
        for loop, title in (("stock", "stock Keras"), ("compiled", "compiled"))
    ),
    Column("speedup", "speedup", ".2f"),
    Column("reported_step_milliseconds", "reported ms/step"),
    Column("stock_epoch_seconds", "s/epoch, stock Keras", ".1f"),
    Column("compiled_epoch_seconds", "s/epoch, compiled", ".1f"),
    Column("reported_epoch_seconds", "reported s/epoch", ".0f"),
    Column("kept_epoch", "best epoch", ".1f"),
    Column("target", "target"),
    TO_TARGET,
    Column("kernel", "kernel"),
)


def tabulate(
    results: Results,
    literature: SuiteLiterature,
    ranks: Mapping[str, tuple[int, int]],
    target: Target | None = None,
    missing: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """Tabulate every measured and reported number of a suite, one row per experiment.

    Parameters
    ----------
    results : mapping of Result or None
        In the order of the table.
    literature : SuiteLiterature
        The reported results.
    ranks : mapping
        See `rnnbench.comparison.pairs.find_ranks`; an experiment without a score has none.
    target : Target, optional
        The validation metric that the experiments are to reach.
    missing : mapping of str
        Why experiments have no results.
    """
    rows = [
        {
            **(
                _measured(result, ranks.get(name, NO_RANKS), target)
                if result
                else not_run(name, missing.get(name, ""))
            ),
            **literature.reported_of(name).columns,
        }
        for name, result in results.items()
    ]
    # Rows of experiments that were not run lack columns and must not determine their order.
    by_length = sorted(rows, key=len, reverse=True)
    columns = list(dict.fromkeys(column for row in by_length for column in row))
    return pd.DataFrame(rows, columns=columns)


def not_run(name: str, reason: str) -> dict[str, Any]:
    """Return the row of an experiment without results, and the reason why it has none."""
    return {
        "experiment": name,
        "status": NOT_RUN,
        "reason": reason,
        "seeds": 0,
        "parameters": 0,
    }


def _measured(result: Result, ranks: tuple[float, float], target: Target | None) -> dict[str, Any]:
    return {
        "experiment": result.name,
        "task": result.scores["task"],
        "view": result.view,
        "model": result.scores["model"],
        "length": result.length,
        "status": result.status,
        "reason": _why_diverged(result),
        "seeds": len(result.runs),
        "parameters": sum(result.scores["layer_parameters"].values()),
        "multiply_adds": result.time("multiply_adds"),
        **result.metrics(),
        **_interval(result),
        **dict(zip(("rank_best", "rank_worst"), ranks, strict=True)),
        "training_loss": result.at_kept_epoch("loss"),
        "validation_loss": result.at_kept_epoch("validation_loss"),
        **result.stopping,
        **_times(result, "stock"),
        **_times(result, "compiled"),
        "speedup": result.time("ratio", "median"),
        "training_seconds": sum(seed["training_seconds"] for seed in result.timing.values()),
        "target": str(target or ""),
        "epochs_to_target": result.epochs_to_target(target),
        "kernel": result.kernel,
    }


def _why_diverged(result: Result) -> str:
    return "; ".join(f"{seed} has no scores: {reason}" for seed, reason in result.diverged.items())


def _interval(result: Result) -> dict[str, Any]:
    """Return the interval of the task's score and its facts, by columns."""
    estimate = result.estimate()
    names = ("standard_error", "degrees_of_freedom", "lower", "upper", "basis")
    return {f"score_{name}": getattr(estimate, name) for name in names} if estimate else {}


def _times(result: Result, loop: str) -> dict[str, float]:
    """Return the times of steps with stock Keras or with compiled loops."""
    step, ends = "step_milliseconds", ("median", "lower_quartile", "upper_quartile")
    names = ("milliseconds", "milliseconds_lower", "milliseconds_upper")
    return {
        **{
            f"{loop}_{name}": result.time(loop, step, end)
            for name, end in zip(names, ends, strict=True)
        },
        f"{loop}_epoch_seconds": result.epoch_seconds(loop),
        f"{loop}_compile_seconds": result.time(loop, "compile_seconds"),
    }


def tabulate_curves(results: Results) -> pd.DataFrame:
    """Return the mean, the lowest and the highest value over seeds, one row per epoch.

    Returns
    -------
    DataFrame
        `experiment`, `epoch` and, for the task's score (or the loss if the history lacks it) in
        training and in validation, NAME, NAME_lowest and NAME_highest.
    """
    curves = []
    for result in filter(None, results.values()):
        shown = {result.curve_metric, f"validation_{result.curve_metric}"}
        columns = [column for column in result.history if column in shown]
        epochs = result.evaluated_history.groupby("epoch")[columns]
        parts = [
            getattr(epochs, statistic)().add_suffix(suffix)
            for statistic, suffix in (("mean", ""), ("min", "_lowest"), ("max", "_highest"))
        ]
        joined = pd.concat(parts, axis=1).sort_index(axis=1).reset_index()
        joined.insert(0, "experiment", result.name)
        curves.append(joined)
    return pd.concat(curves) if curves else pd.DataFrame(columns=["experiment", "epoch"])


def readable_tables(
    table: pd.DataFrame, short: bool = False, baselines: pd.DataFrame | None = None
) -> list[pd.DataFrame]:
    """Return a suite's tables for readers, one per view; baselines are the last rows.

    Parameters
    ----------
    table : DataFrame
        See `tabulate`; experiments that were not run are in the first view's table.
    short : bool, default False
        Whether to show only the main scores and times.
    baselines : DataFrame, optional
        See `rnnbench.comparison.pairs.tabulate_baselines`.
    """

    def columns(task: Task) -> tuple[Column, ...]:
        shown = (*task.summary, *SHORT_TIMES) if short else (*task.columns, *TIMES)
        return (*NAME, *shown, REASON)

    return _by_view(table, baselines, columns)


def main_tables(table: pd.DataFrame, baselines: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the main table of each view: scores, times and parameters of its experiments.

    Parameters
    ----------
    table, baselines : DataFrame
        See `readable_tables`.
    """

    def columns(task: Task) -> tuple[Column, ...]:
        judged = (one for one in task.summary if one.ends or one.name == "length")
        return (EXPERIMENT, RANK, *judged, *SHORT_TIMES[:2], PARAMETERS, REASON)

    return _by_view(table, baselines, columns)


def _by_view(
    table: pd.DataFrame,
    baselines: pd.DataFrame | None,
    columns: Callable[[Task], tuple[Column, ...]],
) -> list[pd.DataFrame]:
    views = list(table["view"].dropna().unique()) if "view" in table else []
    if not views:
        return [_readable(table, (EXPERIMENT, REASON))]
    groups, tables = table["view"].fillna(views[0]), []
    for view in views:
        rows = table[groups == view]
        task = TASKS[rows["task"].dropna().iloc[0]]
        fitted = (
            [] if baselines is None else baselines[baselines["view"] == view].to_dict("records")
        )
        with_baselines = pd.concat([rows, pd.DataFrame(_baseline_rows(rows, task, fitted))])
        tables.append(_readable(with_baselines, columns(task)))
    return tables


def _baseline_rows(
    table: pd.DataFrame, task: Task, fitted: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return rows for the task's own baseline and for each fitted baseline."""
    prefix = f"{task.baseline_name}_"
    own = {
        str(column).removeprefix(prefix): table[column].mean()
        for column in table
        if str(column).startswith(prefix)
    }
    rows = [
        {
            **one,
            "experiment": one["title"],
            "score_lower": one["lower"],
            "score_upper": one["upper"],
        }
        for one in fitted
    ]
    if own and task.baseline_name not in [one["baseline"] for one in fitted]:
        rows.insert(0, {**own, "experiment": task.baseline_name.replace("_", " ")})
    return [{**row, "status": BASELINE} for row in rows]


def _readable(table: pd.DataFrame, columns: Iterable[Column]) -> pd.DataFrame:
    wanted = tuple(columns)
    names = ["status", "seeds", "accuracy", "reported_accuracy", "rank_best", "rank_worst"]
    names += [name for column in wanted for name in (column.name, *column.ends)]
    table = table.reindex(columns=list(dict.fromkeys(names)), fill_value=np.nan)
    table["difference"] = table["accuracy"] - table["reported_accuracy"]
    ranks = table[["rank_best", "rank_worst"]].itertuples(index=False)
    table["rank"] = [_written_ranks(best, worst) for best, worst in ranks]
    shown = as_text(table, wanted)
    states = table["status"].where(table["seeds"].ne(1) | table["status"].ne(EVALUATED), ONE_SEED)
    shown[shown.columns[0]] += ["" if one == EVALUATED else f" ({one})" for one in states]
    return shown


def _written_ranks(best: float, worst: float) -> str:
    if pd.isna(best):
        return ""
    return f"{best:.0f}" if best == worst else f"{best:.0f}\N{EN DASH}{worst:.0f}"
