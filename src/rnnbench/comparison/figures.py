"""Figures of a suite: its scores, and its learning curves."""

import math
import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rnnbench.comparison.results import Result
from rnnbench.figures import BACKGROUND, DASHES, MARKERS, SERIES, TEXT
from rnnbench.tasks.task import TASKS, Task

# Distance between the bars of two models, as a share of the axis.
OFFSET = 0.008
# Inches: the width of a page; every text is still legible at half of it.
FIGURE_WIDTH = 5.4
ROW_HEIGHT = 0.27
LEGEND_ROW = 0.19
PANEL = (1.75, 1.4)
TITLE_CHARACTERS = 24  # in the title of a panel
NO_BREAK = "\N{NO-BREAK SPACE}"
COMMON_LOSSES = 0.98  # the quantile of all losses that sets the upper limit of the axis


def draw_comparison(table: pd.DataFrame, baselines: pd.DataFrame) -> Figure:
    """Draw scores with their intervals: by length if the experiments have one, else in rows.

    Parameters
    ----------
    table : DataFrame
        See `rnnbench.comparison.table.tabulate`.
    baselines : DataFrame
        See `rnnbench.comparison.pairs.tabulate_baselines`.
    """
    run = table[table["seeds"] > 0]
    if not run.empty and run["length"].notna().all() and run["task"].nunique() == 1:
        return _draw_by_length(run, TASKS[run["task"].iloc[0]])
    return _draw_scores(run, baselines)


def _draw_by_length(table: pd.DataFrame, task: Task) -> Figure:
    """Draw each model's score by the number of steps to remember, with the baseline."""
    score, length = task.score, str(task.length).replace("_", " ")
    figure, axis = plt.subplots(figsize=(FIGURE_WIDTH, 4.6), layout="constrained")
    models = list(table.groupby("model", sort=False))
    for number, ((model, group), marker) in enumerate(zip(models, MARKERS, strict=False)):
        offset = (number - (len(models) - 1) / 2) * OFFSET * np.ptp(table["length"])
        means = group[score.name]
        ends = [means - group["score_lower"], group["score_upper"] - means]
        axis.errorbar(
            group["length"] + offset, means, ends, fmt=f"{marker}-", capsize=3, label=model
        )
    baseline = f"{task.baseline_name}_{score.name}"
    if baseline in table:
        known = table.drop_duplicates("length").sort_values("length")
        label = f"{task.baseline_name.replace('_', ' ')} (baseline)"
        axis.plot(known["length"], known[baseline], linestyle="--", color=TEXT, label=label)
    axis.set(xlabel=f"{length} in steps", ylabel=score.title)
    if not score.higher_is_better:
        axis.set_yscale("log")
    axis.set_xticks(sorted(table["length"].unique()))
    axis.grid(alpha=0.6)
    figure.legend(loc="outside lower center")
    return figure


def _draw_scores(table: pd.DataFrame, baselines: pd.DataFrame) -> Figure:
    """Draw a panel for each view."""
    views = [group for _, group in table.groupby("view", sort=False)] if len(table) else []
    counts = [len(group) for group in views] or [1]
    # The numbers and the title of a panel are below its rows.
    heights = [ROW_HEIGHT * count + 0.65 for count in counts]
    legend = LEGEND_ROW * (2 + len(baselines) + len(counts))
    figure, axes = plt.subplots(
        len(counts),
        1,
        figsize=(FIGURE_WIDTH, sum(heights) + legend),
        squeeze=False,
        height_ratios=counts,
        layout="constrained",
    )
    shown: dict[str, Any] = {}
    for group, axis in zip(views, axes[:, 0], strict=False):
        view, task = group["view"].iloc[0], TASKS[group["task"].iloc[0]]
        fitted = baselines[baselines["view"] == view]
        _draw_view(axis, group.iloc[::-1], fitted, task, view)
        handles, labels = axis.get_legend_handles_labels()
        shown.update(zip(labels, handles, strict=True))
    # Matplotlib lists lines before intervals; here intervals come first.
    order = sorted(shown, key=lambda label: "interval" not in label)
    if shown:
        figure.legend([shown[label] for label in order], order, loc="outside lower left")
    return figure


def _draw_view(
    axis: Axes, table: pd.DataFrame, baselines: pd.DataFrame, task: Task, view: str
) -> None:
    """Draw scores with their intervals, on an axis that baselines far away do not stretch."""
    name, rows = task.score.name, np.arange(len(table))
    single = (table["seeds"] == 1).to_numpy()
    for chosen, label, face in (
        (~single, "mean over seeds, 95 % interval", SERIES[0]),
        (single, "one seed, 95 % interval of test examples", BACKGROUND),
    ):
        shown = table[chosen]
        ends = [shown[name] - shown["score_lower"], shown["score_upper"] - shown[name]]
        if len(shown):
            style: dict[str, Any] = {"color": SERIES[0], "markerfacecolor": face, "capsize": 3}
            axis.errorbar(shown[name], rows[chosen], xerr=ends, fmt="o", label=label, **style)
    reported = f"reported_{name}"
    if reported in table and table[reported].notna().any():
        axis.plot(table[reported], rows, "x", color=TEXT, label="reported")
    scored = baselines.dropna(subset="value")
    for (_, baseline), colour, dashes in zip(scored.iterrows(), SERIES[1:], DASHES, strict=False):
        label = f"{baseline['title']}: {baseline['value']:.4g}"
        axis.axvline(baseline["value"], linestyle=dashes, color=colour, label=label)
    title = f"{task.score.title} on {view}"
    own = f"{task.baseline_name}_{name}"
    if own in table and task.baseline_name not in list(scored["baseline"]):
        axis.autoscale_view(scaley=False)
        value, (left, right) = table[own].mean(), axis.get_xlim()
        label = f"{task.baseline_name.replace('_', ' ')}: {value:.4g}"
        if left <= value <= right:
            axis.axvline(value, linestyle=":", color=TEXT, label=f"{label} on {view}")
        else:
            title += f"\n({label}, off the axis)"
    axis.set(xlabel=title, ylim=(-0.6, len(table) - 0.4))
    axis.set_yticks(rows, table["experiment"])
    axis.grid(axis="x")
    _write_times(axis, table)


def _write_times(axis: Axes, table: pd.DataFrame) -> None:
    """Write the median time of a step with stock Keras to the right of each row."""
    if "stock_milliseconds" not in table or table["stock_milliseconds"].isna().all():
        return
    times = axis.twinx()
    written = [
        "" if math.isnan(time) else f"{time:,.0f}\N{NO-BREAK SPACE}ms"
        for time in table["stock_milliseconds"]
    ]
    times.set_yticks(range(len(table)), written)
    times.set_ylim(axis.get_ylim())
    times.tick_params(axis="y", length=0)


def draw_learning_curves(curves: pd.DataFrame, results: list[Result]) -> Figure:
    """Draw a metric by epoch, in training and validation: the mean and the range of the seeds.

    Experiments with the same model share a panel.

    Parameters
    ----------
    curves : DataFrame
        See `rnnbench.comparison.table.tabulate_curves`.
    results : list of Result
        The experiments to draw.
    """
    panels: dict[str, list[Result]] = {}
    for result in results:
        panels.setdefault(result.scores["model"], []).append(result)
    metrics = {one.curve_metric for one in results}
    titles = [members[0].name if len(members) == 1 else model for model, members in panels.items()]
    figure, axes = draw_grid(titles, shared=len(metrics) == 1)
    for axis, members in zip(axes, panels.values(), strict=True):
        labels = _without_common([one.name for one in members])
        for result, label, colour in zip(members, labels, SERIES, strict=False):
            run = curves[curves["experiment"] == result.name].dropna(axis="columns")
            _draw_curves(axis, run, result.curve_metric, colour, label, len(members) == 1)
        if len(members) > 1:
            axis.legend(fontsize=8)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    kinds = [members[0].curve_metric for members in panels.values()]
    _limit_losses([axis for axis, kind in zip(axes, kinds, strict=True) if kind == "loss"])
    # Panels of several experiments leave training out.
    alone = any(len(members) == 1 for members in panels.values())
    lines = "solid: validation, dashed: training" if alone else "validation"
    figure.supxlabel(f"epoch ({lines}; bands: lowest to highest seed)", fontsize=9)
    figure.supylabel(", ".join(sorted(metrics)), fontsize=9)
    return figure


def _draw_curves(
    axis: Axes, run: pd.DataFrame, metric: str, colour: str, label: str, both: bool
) -> None:
    """Draw the validation curve, or the training curve if there is none, or both."""
    columns = {f"validation_{metric}": "-", metric: "--"}
    drawn = [column for column in columns if column in run]
    for column in drawn if both else drawn[:1]:
        axis.plot(run["epoch"], run[column], columns[column], color=colour, label=label)
        low, high = run[f"{column}_lowest"], run[f"{column}_highest"]
        axis.fill_between(run["epoch"], low, high, color=colour, alpha=0.2, linewidth=0)


def _without_common(names: list[str]) -> list[str]:
    """Return names without the parts, between hyphens, that all of them have."""
    parts = [name.split("-") for name in names]
    common = set.intersection(*map(set, parts))
    return [
        "-".join(part for part in name if part not in common) or "-".join(name) for name in parts
    ]


def _limit_losses(axes: list[Axes]) -> None:
    """Set a logarithmic scale for losses, with limits that ignore the few exploded losses."""
    if not axes:
        return
    losses = np.concatenate([line.get_ydata() for axis in axes for line in axis.lines])
    limits = (np.nanmin(losses) / 2, 2 * np.nanquantile(losses, COMMON_LOSSES))
    for axis in axes:
        axis.set(yscale="log", ylim=limits)


def draw_grid(
    titles: Iterable[str], shared: bool, height: float = PANEL[1]
) -> tuple[Figure, list[Axes]]:
    """Make a panel for each title; with shared axes, only the outer panels show numbers.

    Parameters
    ----------
    titles : iterable of str
        The titles of the panels, which are wrapped.
    shared : bool
        Whether the panels have the same scale.
    height : float
        The height of a panel, in inches.
    """
    wrapped = [_in_lines(title) for title in titles]
    columns = min(len(wrapped), int(FIGURE_WIDTH / PANEL[0]))
    rows = math.ceil(len(wrapped) / columns)
    lines = max(title.count("\n") for title in wrapped)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(PANEL[0] * columns + 0.4, (height + 0.15 * lines) * rows + 0.5),
        sharex=shared,
        sharey=shared,
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat[len(wrapped) :]:
        axis.set_visible(False)
    used = list(axes.flat[: len(wrapped)])
    for axis, title in zip(used, wrapped, strict=True):
        axis.set_title(title, fontsize=8)
        axis.tick_params(which="both", labelsize=8)
        axis.grid(alpha=0.6)
    for axis in used[-columns:]:
        axis.tick_params(labelbottom=True)
    return figure, used


def _in_lines(title: str) -> str:
    """Wrap a title without breaking between a layer of a model and its arguments."""
    unbroken = title.replace(" ", NO_BREAK).replace(f"{NO_BREAK}→{NO_BREAK}", " → ")
    return "\n".join(
        line
        for part in unbroken.split("\n")
        for line in textwrap.wrap(part, TITLE_CHARACTERS, break_long_words=False)
    )
