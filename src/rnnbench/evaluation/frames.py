"""Scores of predicted frames: of each example and each frame ahead.

Pixels are numbers from 0 to 1. SSIM is that of Wang et al. 2004 (Gaussian window of 11 pixels,
sigma 1.5), PSNR is in decibels.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rnnbench.evaluation.classification import EPSILON

# A frame predicted exactly would have an infinite PSNR; it is given 100 dB instead.
SMALLEST_MSE = 1e-10
INK_THRESHOLD = 0.5
PIXEL_CLASSES = ["background", "ink"]

Frames = npt.NDArray[np.floating[Any]]
Scores = dict[str, npt.NDArray[np.float64]]


def score_frames(predicted: Frames, actual: Frames) -> Scores:
    """Score frames one by one.

    Parameters
    ----------
    predicted, actual : ndarray, shape (examples, frames, rows, columns, 1)
        Pixels from 0 to 1.

    Returns
    -------
    dict of ndarray, each of shape (examples, frames)
        `bce_per_pixel`, `mse_per_pixel`, `mae_per_pixel` (means over pixels), `bce_per_frame`,
        `mse_per_frame`, `mae_per_frame` (sums over the pixels of a frame), `ssim` and `psnr`.
    """
    import tensorflow as tf

    predicted64 = np.asarray(predicted, dtype=np.float64)
    actual64 = np.asarray(actual, dtype=np.float64)
    clipped = np.clip(predicted64, EPSILON, 1.0 - EPSILON)
    per_pixel = {
        "bce": -(actual64 * np.log(clipped) + (1.0 - actual64) * np.log1p(-clipped)),
        "mse": (predicted64 - actual64) ** 2,
        "mae": np.abs(predicted64 - actual64),
    }
    scores: Scores = {}
    for name, values in per_pixel.items():
        scores[f"{name}_per_pixel"] = values.mean(axis=(2, 3, 4))
        scores[f"{name}_per_frame"] = values.sum(axis=(2, 3, 4))
    scores["ssim"] = tf.image.ssim(
        tf.constant(predicted, tf.float32), tf.constant(actual, tf.float32), max_val=1.0
    ).numpy()
    scores["psnr"] = -10.0 * np.log10(np.maximum(scores["mse_per_pixel"], SMALLEST_MSE))
    return scores


def copy_last_frame(inputs: Frames, target_frames: int) -> Frames:
    """Predict that nothing moves: the last frame seen, again and again."""
    return np.repeat(inputs[:, -1:], target_frames, axis=1)


def score_each_horizon(scores: Scores, baseline: Scores) -> pd.DataFrame:
    """Return mean scores of each frame ahead, the model's and the baseline's, a row a frame."""
    frames = next(iter(scores.values())).shape[1]
    table: dict[str, Any] = {"frames_ahead": np.arange(1, frames + 1)}
    for name in scores:
        table[name] = scores[name].mean(axis=0)
        table[f"copy_last_frame_{name}"] = baseline[name].mean(axis=0)
    return pd.DataFrame(table)


def count_pixels(predicted: Frames, actual: Frames) -> npt.NDArray[np.int64]:
    """Count pixels by actual and predicted class, background (0) or ink (1), as a 2 x 2 array."""
    actual_ink = (actual > INK_THRESHOLD).ravel().astype(np.int64)
    predicted_ink = (predicted > INK_THRESHOLD).ravel().astype(np.int64)
    return np.bincount(2 * actual_ink + predicted_ink, minlength=4).reshape(2, 2)
