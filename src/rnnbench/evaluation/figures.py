"""Figures of one experiment: learning curves, confusions, frames."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from rnnbench.files import atomic_file

if TYPE_CHECKING:
    from rnnbench.evaluation.frames import Frames
    from rnnbench.evaluation.sums import Sums

mpl.use("Agg")

DOTS_PER_INCH = 110
COLOURS = 256  # as many as a PNG's palette holds
NUMBERS_SHOWN_UP_TO = 12
FRAMES_SHOWN = 5


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, the same bytes for the same content, and close it.

    With a palette of its colours, a third as large: git and the report keep hundreds of them.
    """
    drawn = io.BytesIO()
    figure.savefig(
        drawn, format="png", dpi=DOTS_PER_INCH, bbox_inches="tight", metadata={"Software": None}
    )
    plt.close(figure)
    image = Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    with atomic_file(path) as temporary:
        image.save(temporary, format="png", optimize=True)


def draw_learning_curves(history: pd.DataFrame, title: str) -> Figure:
    """Draw loss, and accuracy where there is one, of training and validation, by epoch."""
    metrics = [name for name in ("loss", "accuracy") if name in history]
    figure, axes = plt.subplots(
        1, len(metrics), figsize=(4.2 * len(metrics), 3.2), squeeze=False, layout="constrained"
    )
    for axis, metric in zip(axes[0], metrics, strict=True):
        for seed, run in history.groupby("seed"):
            axis.plot(run["epoch"], run[metric], "o-", label=f"training, seed {seed}")
            if f"validation_{metric}" in run:
                axis.plot(
                    run["epoch"],
                    run[f"validation_{metric}"],
                    "s--",
                    label=f"validation, seed {seed}",
                )
        axis.set(xlabel="epoch", ylabel=metric)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend(fontsize="small")
    figure.suptitle(title)
    return figure


def draw_confusion_matrix(confusions: pd.DataFrame, title: str) -> Figure:
    """Draw how often each class was taken for each, as shares of the actual class."""
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


def draw_horizons(horizons: pd.DataFrame, title: str) -> Figure:
    """Draw error and similarity by how many frames ahead, beside the copied last frame."""
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.2), layout="constrained")
    for axis, metric, label in zip(
        axes, ("mse_per_pixel", "ssim"), ("mean squared error a pixel", "SSIM"), strict=True
    ):
        axis.plot(horizons["frames_ahead"], horizons[metric], "o-", label="model")
        axis.plot(
            horizons["frames_ahead"],
            horizons[f"copy_last_frame_{metric}"],
            "s--",
            label="last frame copied",
        )
        axis.set(xlabel="frames ahead", ylabel=label)
        axis.legend(fontsize="small")
    figure.suptitle(title)
    return figure


def draw_sums(predicted: "Sums", actual: "Sums", title: str) -> Figure:
    """Draw predicted sums over actual ones; on the diagonal they are equal."""
    figure, axis = plt.subplots(figsize=(4.2, 4.0), layout="constrained")
    axis.plot([0, 2], [0, 2], color="tab:gray", linewidth=1, label="equal")
    axis.plot([0, 2], [1, 1], "--", color="tab:gray", linewidth=1, label="always 1")
    axis.plot(actual, predicted, ".", markersize=2, alpha=0.4)
    axis.set(xlabel="actual sum", ylabel="predicted sum", title=title)
    axis.legend(fontsize="small")
    return figure


def draw_frames(inputs: "Frames", predicted: "Frames", actual: "Frames", title: str) -> Figure:
    """Draw one sequence: the last frames seen, the frames predicted and the actual ones."""
    rows = {
        "seen": inputs[-FRAMES_SHOWN:],
        "predicted": predicted[:FRAMES_SHOWN],
        "actual": actual[:FRAMES_SHOWN],
    }
    figure, axes = plt.subplots(
        len(rows), FRAMES_SHOWN, figsize=(1.5 * FRAMES_SHOWN, 4.8), layout="constrained"
    )
    for row, (label, frames) in zip(axes, rows.items(), strict=True):
        for column, axis in enumerate(row):
            axis.set(xticks=[], yticks=[])
            if column < len(frames):
                axis.imshow(frames[column, :, :, 0], cmap="gray", vmin=0.0, vmax=1.0)
        row[0].set_ylabel(label)
    figure.suptitle(title)
    return figure
