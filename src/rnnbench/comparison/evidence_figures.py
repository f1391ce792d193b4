"""Figures on predictions of models: confusions, reliability, gradients, lengths, frames."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from rnnbench.comparison.figures import FIGURE_WIDTH, draw_grid
from rnnbench.data.images import write_frames
from rnnbench.figures import DASHES, MARKERS, SERIES, TEXT

MOST_CLASSES_WITH_NUMBERS = 4
DARK = 0.5
ON_DARK, ON_LIGHT = "#fdfdfd", "#000000"  # not the page's colours, which its dark mode replaces
RARE_VISIBLE = 0.4  # exponent of the colour scale if there are more classes
FEWEST_ANSWERS = 10  # per point of a reliability diagram
MARGIN = 0.03  # of a reliability diagram, below its lowest point
MOST_LAGS = 21  # per line
SMALLEST_SHARE = 1e-8  # smaller shares are drawn at this value
FRAME_GAP = 2  # pixels
HORIZONS = {"mse_per_pixel": "mean squared error per pixel", "ssim": "SSIM"}

Pixels = npt.NDArray[Any]  # bytes, of shape (frames, rows, columns)


def draw_confusion_matrices(confusions: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw confusion matrices with shares of each actual class.

    Parameters
    ----------
    confusions : mapping of DataFrame
        By experiment: `actual`, `predicted` and `count`, over all seeds.
    """
    classes = {name: list(table["actual"].unique()) for name, table in confusions.items()}
    shared = len(set(map(tuple, classes.values()))) == 1
    figure, axes = draw_grid(classes, shared=shared, height=2.0)
    for axis, (name, names) in zip(axes, classes.items(), strict=True):
        counts = confusions[name]["count"].to_numpy().reshape(len(names), len(names))
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.grid(visible=False)
        few = len(names) <= MOST_CLASSES_WITH_NUMBERS
        # With many classes each confusion is rare: the scale makes small shares visible.
        scale = PowerNorm(1.0 if few else RARE_VISIBLE, vmin=0.0, vmax=1.0)
        axis.imshow(shares, cmap="Blues", norm=scale, interpolation="none")
        axis.set_xticks(range(len(names)), names, rotation=90)
        axis.set_yticks(range(len(names)), names)
        if few:
            for (row, column), share in np.ndenumerate(shares):
                colour = ON_DARK if share > DARK else ON_LIGHT
                centred: dict[str, Any] = {"ha": "center", "va": "center"}
                axis.text(column, row, f"{share:.0%}", **centred, fontsize=8, color=colour)
    figure.supxlabel("predicted (colours: share of the actual class)", fontsize=9)
    figure.supylabel("actual", fontsize=9)
    return figure


def draw_reliability(reliability: pd.DataFrame, errors: "pd.Series[float]") -> Figure:
    """Draw accuracy over confidence: the mean and the range of the seeds, and the diagonal.

    Parameters
    ----------
    reliability : DataFrame
        `experiment` and the columns of `rnnbench.comparison.evidence.measure_reliability`.
    errors : Series
        The expected calibration error of each experiment, the mean over its seeds.
    """
    titles = [f"{name}\nECE {error:.3f}" for name, error in errors.items()]
    figure, axes = draw_grid(titles, shared=True)
    lowest = 1.0
    for axis, name in zip(axes, errors.index, strict=True):
        of_experiment = reliability[reliability["experiment"] == name]
        bins = of_experiment[of_experiment["answers"] >= FEWEST_ANSWERS].groupby("bin")
        means = bins[["confidence", "accuracy"]].mean()
        extremes = bins["accuracy"].agg(["min", "max"])
        axis.plot([0, 1], [0, 1], "--", color=TEXT, linewidth=0.8)
        axis.plot(means["confidence"], means["accuracy"], "o-", markersize=3)
        axis.fill_between(
            means["confidence"], extremes["min"], extremes["max"], alpha=0.2, linewidth=0
        )
        lowest = min(lowest, means.min().min())
    for axis in axes:
        axis.set(xlim=(lowest - MARGIN, 1.0), ylim=(lowest - MARGIN, 1.0))
    figure.supxlabel("confidence (bands: lowest to highest seed)", fontsize=9)
    figure.supylabel("accuracy", fontsize=9)
    return figure


def draw_gradients(gradients: pd.DataFrame) -> Figure:
    """Draw the share of the gradient by lag: the mean and the range of the seeds.

    Parameters
    ----------
    gradients : DataFrame
        `experiment`, `run` and the columns of
        `rnnbench.evaluation.gradients.share_gradient_by_lag`.
    """
    names = list(gradients["experiment"].unique())
    figure, axes = draw_grid(names, shared=True)
    for axis, name in zip(axes, names, strict=True):
        of_experiment = gradients[gradients["experiment"] == name]
        shares = of_experiment.groupby("lag")["share"].agg(["mean", "min", "max"])
        chosen = np.unique(np.linspace(0, len(shares) - 1, MOST_LAGS).astype(np.int64))
        drawn = shares.iloc[chosen].clip(lower=SMALLEST_SHARE)
        axis.plot(drawn.index, drawn["mean"])
        axis.fill_between(drawn.index, drawn["min"], drawn["max"], alpha=0.2, linewidth=0)
        axis.axhline(1 / len(shares), linestyle="--", color=TEXT, linewidth=0.8)
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(numticks=5))
        axis.yaxis.set_major_formatter("{x:.0e}")
        axis.minorticks_off()
    figure.supxlabel("steps before the last one (bands: lowest to highest seed)", fontsize=9)
    figure.supylabel("share of the gradient", fontsize=9)
    return figure


def draw_lengths(lengths: pd.DataFrame) -> Figure:
    """Draw accuracy by the length of a text: the mean and the range of the seeds.

    Parameters
    ----------
    lengths : DataFrame
        `experiment`, `run` and the columns of `rnnbench.evaluation.texts.score_each_length`.
    """
    names = list(lengths["experiment"].unique())
    figure, axes = draw_grid(names, shared=True)
    for axis, name in zip(axes, names, strict=True):
        of_experiment = lengths[lengths["experiment"] == name]
        scores = of_experiment.groupby("longest")["accuracy"].agg(["mean", "min", "max"])
        places = range(len(scores))
        axis.plot(places, scores["mean"], "o-", markersize=3)
        axis.fill_between(places, scores["min"], scores["max"], alpha=0.2, linewidth=0)
        ranges = of_experiment.drop_duplicates("longest").sort_values("longest")
        labels = map(_range, ranges["shortest"], ranges["longest"])
        axis.set_xticks(places, labels, rotation=90)
    figure.supxlabel("words that the model reads (bands: lowest to highest seed)", fontsize=9)
    figure.supylabel("test accuracy", fontsize=9)
    return figure


def _range(shortest: int, longest: int) -> str:
    return f"{shortest}\N{EN DASH}{longest}" if shortest < longest else f"{longest}, or cut"


def draw_horizons(horizons: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw error and similarity by the number of frames ahead, with the copied last frame.

    Parameters
    ----------
    horizons : mapping of DataFrame
        By experiment: see `rnnbench.tasks.video.score_each_horizon`; means over seeds are drawn.
    """
    figure, axes = plt.subplots(1, 2, figsize=(FIGURE_WIDTH, 2.9), layout="constrained")
    for axis, (metric, label) in zip(axes, HORIZONS.items(), strict=True):
        for (name, table), colour, marker in zip(horizons.items(), SERIES, MARKERS, strict=False):
            means = table.groupby("frames_ahead").mean(numeric_only=True)
            axis.plot(means.index, means[metric], f"{marker}-", color=colour, label=name)
        copied = means[f"copy_last_frame_{metric}"]
        axis.plot(means.index, copied, linestyle=DASHES[0], color=TEXT, label="last frame copied")
        axis.set(xlabel="frames ahead", ylabel=label)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.6)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def draw_steps(details: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the error by the number of steps ahead, with the seasonal naive forecast.

    Parameters
    ----------
    details : mapping of DataFrame
        By experiment: see `rnnbench.tasks.forecasting.score_each_step`; means over seeds and series
        are drawn. Experiments on the same view share the naive forecast.
    """
    figure, axis = plt.subplots(figsize=(FIGURE_WIDTH, 2.9), layout="constrained")
    naive: dict[tuple[float, ...], pd.Series[float]] = {}
    for (name, table), colour, marker in zip(details.items(), SERIES, MARKERS, strict=False):
        means = table.groupby("steps_ahead")[["mase", "seasonal_naive_mase"]].mean()
        axis.plot(means.index, means["mase"], f"{marker}-", color=colour, label=name)
        naive.setdefault(tuple(means["seasonal_naive_mase"].round(6)), means["seasonal_naive_mase"])
    for line in naive.values():
        axis.plot(line.index, line, linestyle=DASHES[0], color=TEXT, label="seasonal naive")
    axis.set(xlabel="steps ahead", ylabel="MASE")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.6)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def draw_frames(shown: Mapping[str, Pixels]) -> Figure:
    """Draw one sequence: a row each for the frames seen, the predicted and the actual frames.

    Parameters
    ----------
    shown : mapping of ndarray of uint8
        `seen`, `predicted` and `actual`, each of shape (frames, rows, columns).
    """
    figure, axes = plt.subplots(
        len(shown), 1, figsize=(FIGURE_WIDTH, 0.8 * len(shown)), layout="constrained"
    )
    for axis, (label, frames) in zip(axes, shown.items(), strict=True):
        padded = np.pad(frames, ((0, 0), (0, 0), (0, FRAME_GAP)), constant_values=128)
        axis.imshow(np.concatenate(list(padded), axis=1), cmap="gray", vmin=0, vmax=255)
        axis.set(xticks=[], yticks=[], ylabel=label)
        axis.spines[:].set_visible(False)
    return figure


def write_animation(shown: Mapping[str, Pixels], path: Path) -> None:
    """Write the frames seen and those that follow, actual to the left and predicted to the right.

    Parameters
    ----------
    shown : mapping of ndarray
        See `draw_frames`.
    path : Path
        The `.gif` file to write.
    """
    sides = [np.concatenate([shown["seen"], shown[name]]) for name in ("actual", "predicted")]
    left = np.pad(sides[0], ((0, 0), (0, 0), (0, FRAME_GAP)), constant_values=128)
    joined = np.concatenate([left, sides[1]], axis=2)
    write_frames(joined[..., np.newaxis] / np.iinfo(np.uint8).max, path)
