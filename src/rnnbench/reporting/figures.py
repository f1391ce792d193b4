"""Figures that compare experiments."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure


def draw_comparison(table: pd.DataFrame, title: str) -> Figure:
    """Draw what a suite's experiments reach and what they cost, an experiment a row.

    Parameters
    ----------
    table : DataFrame
        See `rnnbench.reporting.results.tabulate`.
    title : str
        Above the figure.
    """
    shown = table[table["status"] == "evaluated"].iloc[::-1]
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
    scores.set(xlabel="test accuracy", xlim=(0.0, 1.02))
    scores.set_yticks(rows, shown["experiment"])
    scores.grid(axis="x", alpha=0.3)
    scores.legend(fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    costs.barh(rows, shown["epoch_seconds"], color="tab:gray")
    costs.set(xlabel="training seconds an epoch")
    costs.grid(axis="x", alpha=0.3)
    figure.suptitle(title)
    return figure
