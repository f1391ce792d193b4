"""Figures of a suite: scores and costs, learning curves, confusion matrices."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rnnbench.tasks.task import TASKS, Task

MARKERS = "os^vDPX*"
# Distance between the bars of two models, as a share of the axis.
OFFSET = 0.008
PANELS_PER_ROW = 5
MOST_CLASSES = 12  # in a small confusion matrix
MOST_CLASSES_WITH_NUMBERS = 4
DARK = 0.5
COMMON_LOSSES = 0.98  # the share of all losses that is shown


def draw_comparison(table: pd.DataFrame, title: str) -> Figure:
    """Draw scores by length where experiments have one, else scores and costs, one row each.

    Parameters
    ----------
    table : DataFrame
        See `rnnbench.comparison.table.tabulate`.
    title : str
        Above the figure.
    """
    run = table[table["seeds"] > 0]
    if not run.empty and run["length"].notna().all() and run["task"].nunique() == 1:
        return _draw_by_length(run, TASKS[run["task"].iloc[0]], title)
    return _draw_scores_and_costs(run, title)


def _draw_by_length(table: pd.DataFrame, task: Task, title: str) -> Figure:
    """Draw each model's score by the steps to remember over, beside a model without memory."""
    score, length = task.score, str(task.length).replace("_", " ")
    figure, axis = plt.subplots(figsize=(8.4, 5.6), layout="constrained")
    models = list(table.groupby("model", sort=False))
    for number, ((model, group), marker) in enumerate(zip(models, MARKERS, strict=False)):
        offset = (number - (len(models) - 1) / 2) * OFFSET * np.ptp(table["length"])
        means = group[score.name]
        bars = [means - group[f"lowest_{score.name}"], group[f"highest_{score.name}"] - means]
        axis.errorbar(group["length"] + offset, means, bars, fmt=f"{marker}-", label=model)
    baseline = f"{task.baseline_name}_{score.name}"
    if baseline in table:
        known = table.drop_duplicates("length").sort_values("length")
        axis.plot(known["length"], known[baseline], "k--", label="without memory")
    axis.set(xlabel=f"{length} in steps", ylabel=score.title)
    if score.higher_is_better:
        axis.set_ylim(0.0, 1.02)
    else:
        axis.set_yscale("log")
    axis.set_xticks(sorted(table["length"].unique()))
    axis.grid(alpha=0.3)
    axis.legend(
        title="points: mean over seeds, bars: lowest to highest",
        fontsize="small",
        title_fontsize="small",
        loc="upper center",
        bbox_to_anchor=(0.5, -0.12),
    )
    figure.suptitle(title)
    return figure


def _draw_scores_and_costs(table: pd.DataFrame, title: str) -> Figure:
    """Draw scores beside the seconds of an epoch, a row of panels for each kind of task."""
    kinds = [group for _, group in table.groupby("task", sort=False)] if len(table) else []
    counts = [len(group) for group in kinds] or [1]
    figure, axes = plt.subplots(
        len(counts),
        2,
        figsize=(10, 1.4 * len(counts) + 0.4 + 0.42 * sum(counts)),
        sharey="row",
        squeeze=False,
        height_ratios=counts,
        layout="constrained",
    )
    for group, (scores, costs) in zip(kinds, axes, strict=False):
        shown, rows = group.iloc[::-1], np.arange(len(group))
        _draw_scores(scores, shown, TASKS[group["task"].iloc[0]])
        scores.set_yticks(rows, shown["experiment"])
        costs.barh(rows, shown["epoch_seconds"], color="tab:gray")
        costs.set(xlabel="training seconds per epoch")
        costs.grid(axis="x", alpha=0.3)
    figure.suptitle(title)
    return figure


def _draw_scores(axis: Axes, table: pd.DataFrame, task: Task) -> None:
    name = task.score.name
    rows = np.arange(len(table))
    for column, marker, label in (
        (name, "o", "this run"),
        (f"reported_{name}", "x", "reported"),
        (f"{task.baseline_name}_{name}", "d", task.baseline_name.replace("_", " ")),
    ):
        if column in table and table[column].notna().any():
            axis.plot(table[column], rows, marker, markersize=7, label=label)
    axis.errorbar(table[name], rows, xerr=table[f"{name}_std"], fmt="none", ecolor="tab:blue")
    axis.set(xlabel=task.score.title)
    if task.score.higher_is_better:
        axis.set_xlim(0.0, 1.02)
    axis.grid(axis="x", alpha=0.3)
    axis.legend(fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def draw_learning_curves(curves: pd.DataFrame, metrics: Mapping[str, str], title: str) -> Figure:
    """Draw a metric of each experiment by epoch, training and validation: mean and range of seeds.

    Parameters
    ----------
    curves : DataFrame
        See `rnnbench.comparison.table.tabulate_curves`.
    metrics : mapping of str
        The column to draw of each experiment.
    title : str
        Above the figure.
    """
    shared = len(set(metrics.values())) == 1
    figure, axes = _grid(len(metrics), title, height=1.3, shared=shared)
    for axis, (name, metric) in zip(axes, metrics.items(), strict=True):
        run = curves[curves["experiment"] == name]
        for column, style, label in (
            (metric, "-", "training"),
            (f"validation_{metric}", "--", "validation"),
        ):
            if column in run and run[column].notna().any():
                line = axis.plot(run["epoch"], run[column], style, label=label)
                low, high = run[f"{column}_lowest"], run[f"{column}_highest"]
                axis.fill_between(run["epoch"], low, high, color=line[0].get_color(), alpha=0.25)
        axis.set_title(name, fontsize=6)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    of_losses = [axis for axis, name in zip(axes, metrics.values(), strict=True) if name == "loss"]
    if of_losses:
        _limit_losses(of_losses)
    axes[0].legend(fontsize=6)
    figure.supxlabel("epoch; bands: lowest to highest seed", fontsize=7)
    figure.supylabel(", ".join(dict.fromkeys(metrics.values())), fontsize=7)
    return figure


def _limit_losses(axes: list[Axes]) -> None:
    """Show losses in powers of ten; the few epochs in which one exploded do not set the scale."""
    losses = np.concatenate([line.get_ydata() for axis in axes for line in axis.lines])
    limits = (np.nanmin(losses) / 2, 2 * np.nanquantile(losses, COMMON_LOSSES))
    for axis in axes:
        axis.set(yscale="log", ylim=limits)


def draw_confusion_matrices(confusions: Mapping[str, pd.DataFrame], title: str) -> Figure | None:
    """Draw shares of each actual class; None where there are too many classes to read them small.

    Parameters
    ----------
    confusions : mapping of DataFrame
        Of each experiment: actual, predicted, count, over all seeds.
    title : str
        Above the figure.
    """
    classes = {
        name: list(table["actual"].unique()) for name, table in confusions.items() if len(table)
    }
    if not classes or max(map(len, classes.values())) > MOST_CLASSES:
        return None
    shared = len(set(map(tuple, classes.values()))) == 1
    figure, axes = _grid(len(classes), title, height=1.7, shared=shared)
    for axis, (name, names) in zip(axes, classes.items(), strict=True):
        counts = confusions[name]["count"].to_numpy().reshape(len(names), len(names))
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
        axis.set_xticks(range(len(names)), names, rotation=90)
        axis.set_yticks(range(len(names)), names)
        axis.set_title(name, fontsize=6)
        if len(names) <= MOST_CLASSES_WITH_NUMBERS:
            for (row, column), share in np.ndenumerate(shares):
                colour = "white" if share > DARK else "black"
                centred: dict[str, Any] = {"ha": "center", "va": "center"}
                axis.text(column, row, f"{share:.0%}", **centred, fontsize=7, color=colour)
    figure.supxlabel("predicted; colours: share of the actual class", fontsize=7)
    figure.supylabel("actual", fontsize=7)
    return figure


def _grid(panels: int, title: str, height: float, shared: bool) -> tuple[Figure, list[Axes]]:
    """Make small panels of a height in inches; with shared axes, numbers stand at the edges."""
    columns = min(panels, PANELS_PER_ROW)
    rows = math.ceil(panels / columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(1.8 * columns + 0.3, height * rows + 0.6),
        sharex=shared,
        sharey=shared,
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat[panels:]:
        axis.set_visible(False)
    used = list(axes.flat[:panels])
    for axis in used:
        axis.tick_params(labelsize=6)
    for axis in used[-columns:]:
        axis.tick_params(labelbottom=True)
    figure.suptitle(title, fontsize="medium")
    return figure, used
