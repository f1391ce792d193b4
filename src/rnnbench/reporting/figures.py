"""Figures that compare experiments."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

MARKERS = "os^vDPX*"
# Of the axis's length: so far bars of one model stand from those of the next.
ASIDE = 0.008


def draw_comparison(table: pd.DataFrame, title: str) -> Figure:
    """Draw a suite: by length where its experiments differ in that, a row an experiment elsewhere.

    Parameters
    ----------
    table : DataFrame
        See `rnnbench.reporting.results.tabulate`.
    title : str
        Above the figure.
    """
    evaluated = table[table["status"] == "evaluated"]
    if evaluated["length"].notna().any():
        return _draw_by_length(evaluated, title)
    return _draw_scores_and_costs(evaluated, title)


def _draw_by_length(table: pd.DataFrame, title: str) -> Figure:
    """Draw what each model reaches by how far it has to remember, beside who remembers nothing."""
    copies = table["memoryless_accuracy"].notna().any()
    score, baseline = ("accuracy", "memoryless_accuracy") if copies else ("loss", "baseline_loss")
    figure, axis = plt.subplots(figsize=(8.4, 5.6), layout="constrained")
    models = list(table.groupby("model", sort=False))
    for number, ((model, group), marker) in enumerate(zip(models, MARKERS, strict=False)):
        aside = (number - (len(models) - 1) / 2) * ASIDE * np.ptp(table["length"])
        beyond = [group[score] - group[f"lowest_{score}"], group[f"highest_{score}"] - group[score]]
        axis.errorbar(group["length"] + aside, group[score], beyond, fmt=f"{marker}-", label=model)
    known = table.drop_duplicates("length")
    axis.plot(known["length"], known[baseline], "k--", label="without memory")
    if copies:
        axis.set(xlabel="delay in steps", ylabel="share of symbols right", ylim=(0.0, 1.02))
    else:
        axis.set(xlabel="steps of a sequence", ylabel="mean squared error", yscale="log")
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
    shown = table.iloc[::-1]
    rows = np.arange(len(shown))
    figure, (scores, costs) = plt.subplots(
        1, 2, figsize=(10, 1.8 + 0.42 * max(len(shown), 1)), sharey=True, layout="constrained"
    )
    for name, marker, label in (
        ("accuracy", "o", "this run"),
        ("reported_accuracy", "x", "reported"),
        ("majority_class_accuracy", "d", "majority class"),
    ):
        scores.plot(shown[name], rows, marker, markersize=7, label=label)
    scores.errorbar(
        shown["accuracy"], rows, xerr=shown["accuracy_spread"], fmt="none", ecolor="tab:blue"
    )
    scores.set(xlabel="test accuracy", xlim=(0.0, 1.02))
    scores.set_yticks(rows, shown["experiment"])
    scores.grid(axis="x", alpha=0.3)
    scores.legend(fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    costs.barh(rows, shown["epoch_seconds"], color="tab:gray")
    costs.set(xlabel="training seconds an epoch")
    costs.grid(axis="x", alpha=0.3)
    figure.suptitle(title)
    return figure
