"""Figures of evaluation: learning curves of every task, and confusion matrices."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

NUMBERS_SHOWN_UP_TO = 12


def draw_learning_curves(history: pd.DataFrame, title: str) -> Figure:
    """Draw the loss of one run by epoch, and its accuracy if the history has it."""
    metrics = [name for name in ("loss", "accuracy") if name in history]
    figure, axes = plt.subplots(
        1, len(metrics), figsize=(4.2 * len(metrics), 3.2), squeeze=False, layout="constrained"
    )
    for axis, metric in zip(axes[0], metrics, strict=True):
        for prefix, label, style in (("", "training", "o-"), ("validation_", "validation", "s--")):
            if f"{prefix}{metric}" in history:
                axis.plot(history["epoch"], history[f"{prefix}{metric}"], style, label=label)
        axis.set(xlabel="epoch", ylabel=metric)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend(fontsize="small")
    figure.suptitle(title)
    return figure


def draw_confusion_matrix(confusions: pd.DataFrame, title: str) -> Figure:
    """Draw the confusion matrix of predicted and actual classes, as shares of the actual class."""
    names = list(dict.fromkeys(confusions["actual"]))
    counts = confusions["count"].to_numpy().reshape(len(names), len(names))
    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(3.4, 0.2 * len(names) + 1.5)
    figure, axis = plt.subplots(figsize=(side + 0.8, side))
    image = axis.imshow(counts / totals, cmap="Blues", vmin=0.0, vmax=1.0)
    size = "medium" if len(names) <= NUMBERS_SHOWN_UP_TO else 6
    axis.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    axis.set_yticks(range(len(names)), names, fontsize=size)
    axis.set(xlabel="predicted", ylabel="actual", title=title)
    if len(names) <= NUMBERS_SHOWN_UP_TO:
        for (row, column), count in np.ndenumerate(counts):
            dark = count > totals[row, 0] / 2
            axis.text(
                column,
                row,
                f"{count:,}",
                ha="center",
                va="center",
                fontsize="x-small",
                color="white" if dark else "black",
            )
    figure.colorbar(image, label="share of the actual class")
    return figure
