"""Figures of a suite: scores and costs, learning curves, confusion matrices."""

import math
import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rnnbench.comparison.results import Result
from rnnbench.tasks.task import TASKS, Task

MARKERS = "os^vDPX*"
COLOURS = tuple(f"C{number}" for number in range(10))
BASELINE_COLOURS = COLOURS[1:]
COSTS = {"stock": "tab:gray", "compiled": "tab:green"}
BAR_HEIGHT = 0.38
# Distance between the bars of two models, as a share of the axis.
OFFSET = 0.008
# Inches.
FIGURE_WIDTH = 9.0
SMALL_PANEL = (1.8, 1.3)
LARGE_PANEL = (3.0, 2.3)
LARGE_PANELS = 3  # in a row
MODEL_CHARACTERS = 50  # in the title of a large panel
NO_BREAK = "\N{NO-BREAK SPACE}"
MOST_CLASSES = 12  # in a small confusion matrix
MOST_CLASSES_WITH_NUMBERS = 4
DARK = 0.5
COMMON_LOSSES = 0.98  # the share of all losses that is shown


def draw_comparison(table: pd.DataFrame, baselines: pd.DataFrame, title: str) -> Figure:
    """Draw scores by length where experiments have one, else scores and costs, one row each.

    Parameters
    ----------
    table : DataFrame
        See `rnnbench.comparison.table.tabulate`.
    baselines : DataFrame
        See `rnnbench.comparison.pairs.tabulate_baselines`.
    title : str
        Above the figure.
    """
    run = table[table["seeds"] > 0]
    if not run.empty and run["length"].notna().all() and run["task"].nunique() == 1:
        return _draw_by_length(run, TASKS[run["task"].iloc[0]], title)
    return _draw_scores_and_costs(run, baselines, title)


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


def _draw_scores_and_costs(table: pd.DataFrame, baselines: pd.DataFrame, title: str) -> Figure:
    """Draw scores and, where they were measured, times of a step; a row of panels for each view."""
    views = [group for _, group in table.groupby("view", sort=False)] if len(table) else []
    counts = [len(group) for group in views] or [1]
    timed = "stock_milliseconds" in table and bool(table["stock_milliseconds"].notna().any())
    figure, axes = plt.subplots(
        len(counts),
        1 + timed,
        figsize=(7 + 3 * timed, 1.5 * len(counts) + 0.4 + 0.34 * sum(counts)),
        sharey="row",
        squeeze=False,
        height_ratios=counts,
        layout="constrained",
    )
    for group, panels in zip(views, axes, strict=False):
        shown, rows = group.iloc[::-1], np.arange(len(group))
        fitted = baselines[baselines["view"] == group["view"].iloc[0]]
        _draw_scores(panels[0], shown, fitted, TASKS[group["task"].iloc[0]])
        panels[0].set_yticks(rows, shown["experiment"])
        if timed:
            _draw_costs(panels[1], shown)
    figure.suptitle(title)
    return figure


def _draw_scores(axis: Axes, table: pd.DataFrame, baselines: pd.DataFrame, task: Task) -> None:
    """Draw scores with their intervals, on an axis that baselines far away do not stretch."""
    name, rows = task.score.name, np.arange(len(table))
    ends = [table[name] - table["score_lower"], table["score_upper"] - table[name]]
    axis.errorbar(table[name], rows, xerr=ends, fmt="o", capsize=3, label="mean, 95 % interval")
    reported = f"reported_{name}"
    if reported in table and table[reported].notna().any():
        axis.plot(table[reported], rows, "x", color="black", label="reported")
    scored = baselines.dropna(subset="value")
    for (_, baseline), colour in zip(scored.iterrows(), BASELINE_COLOURS, strict=False):
        label = f"{baseline['title']}: {baseline['value']:.4g}"
        axis.axvline(baseline["value"], linestyle="--", color=colour, label=label)
    own, title = f"{task.baseline_name}_{name}", task.score.title
    if own in table and task.baseline_name not in list(scored["baseline"]):
        axis.autoscale_view(scaley=False)
        value, (left, right) = table[own].mean(), axis.get_xlim()
        label = f"{task.baseline_name.replace('_', ' ')}: {value:.4g}"
        if left <= value <= right:
            axis.axvline(value, linestyle=":", color="tab:gray", label=label)
        else:
            title += f" ({label}, off the axis)"
    axis.set(xlabel=title, ylim=(-0.6, len(table) - 0.4))
    axis.grid(axis="x", alpha=0.3)
    # Matplotlib lists lines first and intervals last; ours come first.
    handles, labels = axis.get_legend_handles_labels()
    _legend(axis, handles[-1:] + handles[:-1], labels[-1:] + labels[:-1])


def _draw_costs(axis: Axes, table: pd.DataFrame) -> None:
    """Draw the median time of a step with its quartiles, stock Keras above compiled loops."""
    rows = np.arange(len(table))
    for loop, label, place in (
        ("stock", "stock Keras", BAR_HEIGHT / 2),
        ("compiled", "compiled loops", -BAR_HEIGHT / 2),
    ):
        median = table[f"{loop}_milliseconds"]
        ends = [median - table[f"{loop}_milliseconds_lower"]]
        ends.append(table[f"{loop}_milliseconds_upper"] - median)
        axis.barh(rows + place, median, BAR_HEIGHT, xerr=ends, label=label, color=COSTS[loop])
    axis.set(xlabel="milliseconds per step (median, quartiles)")
    axis.grid(axis="x", alpha=0.3)
    _legend(axis, *axis.get_legend_handles_labels())


def _legend(axis: Axes, handles: list[Any], labels: list[str]) -> None:
    """Put a legend above a panel."""
    above: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}
    axis.legend(handles, labels, fontsize="x-small", ncols=2, **above)


def draw_learning_curves(curves: pd.DataFrame, results: list[Result], title: str) -> Figure:
    """Draw a metric of each experiment by epoch, training and validation: mean and range of seeds.

    Experiments with the same model share a panel.

    Parameters
    ----------
    curves : DataFrame
        See `rnnbench.comparison.table.tabulate_curves`.
    results : list of Result
        The experiments to draw.
    title : str
        Above the figure.
    """
    panels: dict[str, list[Result]] = {}
    for result in results:
        panels.setdefault(result.scores["model"], []).append(result)
    metrics = {one.curve_metric for one in results}
    alone = len(panels) == len(results)
    size = SMALL_PANEL if alone and len(panels) > LARGE_PANELS else LARGE_PANEL
    figure, axes = _grid(len(panels), title, size, shared=len(metrics) == 1)
    for axis, (model, members) in zip(axes, panels.items(), strict=True):
        names = [one.name for one in members]
        for result, label, colour in zip(members, _without_common(names), COLOURS, strict=False):
            run = curves[curves["experiment"] == result.name].dropna(axis="columns")
            _draw_curves(axis, run, result.curve_metric, colour, label, len(members) == 1)
        if len(members) > 1:
            axis.legend(fontsize=6)
        axis.set_title(names[0] if len(members) == 1 else _in_lines(model), fontsize=6)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    kinds = [members[0].curve_metric for members in panels.values()]
    _limit_losses([axis for axis, kind in zip(axes, kinds, strict=True) if kind == "loss"])
    # Where experiments share a panel, training is left out.
    alone = any(len(members) == 1 for members in panels.values())
    lines = "solid: validation, dashed: training" if alone else "validation"
    figure.supxlabel(f"epoch; {lines}; bands: lowest to highest seed", fontsize=7)
    figure.supylabel(", ".join(sorted(metrics)), fontsize=7)
    return figure


def _draw_curves(
    axis: Axes, run: pd.DataFrame, metric: str, colour: str, label: str, both: bool
) -> None:
    """Draw validation, or training where there is none, or both."""
    columns = {f"validation_{metric}": "-", metric: "--"}
    drawn = [column for column in columns if column in run]
    for column in drawn if both else drawn[:1]:
        axis.plot(run["epoch"], run[column], columns[column], color=colour, label=label)
        low, high = run[f"{column}_lowest"], run[f"{column}_highest"]
        axis.fill_between(run["epoch"], low, high, color=colour, alpha=0.15, linewidth=0)


def _in_lines(model: str) -> str:
    """Break a model's description between layers, so that it is as wide as a large panel."""
    unbroken = model.replace(" ", NO_BREAK).replace(f"{NO_BREAK}→{NO_BREAK}", " → ")
    return textwrap.fill(unbroken, MODEL_CHARACTERS)


def _without_common(names: list[str]) -> list[str]:
    """Return what tells names apart: their parts between hyphens that not all of them have."""
    parts = [name.split("-") for name in names]
    common = set.intersection(*map(set, parts))
    return [
        "-".join(part for part in of_name if part not in common) or "-".join(of_name)
        for of_name in parts
    ]


def _limit_losses(axes: list[Axes]) -> None:
    """Show losses in powers of ten; the few epochs in which one exploded do not set the scale."""
    if not axes:
        return
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
    figure, axes = _grid(len(classes), title, (SMALL_PANEL[0], 1.7), shared=shared)
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


def _grid(
    panels: int, title: str, size: tuple[float, float], shared: bool
) -> tuple[Figure, list[Axes]]:
    """Make panels of a size in inches; with shared axes, numbers stand at the edges."""
    width, height = size
    columns = min(panels, int(FIGURE_WIDTH / width))
    rows = math.ceil(panels / columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(width * columns + 0.3, height * rows + 0.6),
        sharex=shared,
        sharey=shared,
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat[panels:]:
        axis.set_visible(False)
    used = list(axes.flat[:panels])
    for axis in used:
        axis.tick_params(which="both", labelsize=6)
    for axis in used[-columns:]:
        axis.tick_params(labelbottom=True)
    figure.suptitle(title, fontsize="medium")
    return figure, used
