"""Video prediction: the next frames, scored one by one beside a copy of the last input frame.

Pixels are numbers from 0 to 1. A metric returns one value per example and frame ahead.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rnnbench.data.images import write_frames
from rnnbench.data.prepared import Array, Split
from rnnbench.errors import RnnbenchError
from rnnbench.models import heads
from rnnbench.models.inputs import BYTE_MAXIMUM, scaled
from rnnbench.models.reference import sigmoid
from rnnbench.tables import Column
from rnnbench.tasks import task
from rnnbench.tasks.classification import EPSILON

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Limits the PSNR to 100 dB; a frame predicted exactly would have an infinite PSNR.
SMALLEST_MSE = 1e-10
INK_THRESHOLD = 0.5
PIXEL_CLASSES = ["background", "ink"]
FRAMES_SHOWN = 5
METRICS = task.Metrics()

Frames = npt.NDArray[np.floating[Any]]  # of shape (examples, frames, rows, columns, 1)
FrameScores = npt.NDArray[np.float64]  # of shape (examples, frames)


def cross_entropy(predicted: Frames, actual: Frames) -> Frames:
    """Return the binary cross-entropy of each pixel, in nats."""
    clipped = np.clip(predicted, EPSILON, 1.0 - EPSILON)
    return -(actual * np.log(clipped) + (1.0 - actual) * np.log1p(-clipped))


def squared_error(predicted: Frames, actual: Frames) -> Frames:
    """Return the squared error of each pixel."""
    return (predicted - actual) ** 2


def absolute_error(predicted: Frames, actual: Frames) -> Frames:
    """Return the absolute error of each pixel."""
    return np.abs(predicted - actual)


def over_pixels(
    pixel_metric: Callable[[Frames, Frames], Frames], combine: Callable[..., Any]
) -> Callable[[Frames, Frames], FrameScores]:
    """Return a metric of frames that combines a metric of their pixels."""

    def metric(predicted: Frames, actual: Frames) -> FrameScores:
        pixels = pixel_metric(predicted.astype(np.float64), actual.astype(np.float64))
        return np.asarray(combine(pixels, axis=(2, 3, 4)))

    return metric


for _name, _metric in (("bce", cross_entropy), ("mse", squared_error), ("mae", absolute_error)):
    METRICS[f"{_name}_per_pixel"] = over_pixels(_metric, np.mean)
    METRICS[f"{_name}_per_frame"] = over_pixels(_metric, np.sum)


@METRICS.add
def ssim(predicted: Frames, actual: Frames) -> FrameScores:
    """Return the structural similarity of Wang et al. 2004: Gaussian window of 11, sigma 1.5."""
    import tensorflow as tf

    frames = (tf.constant(values, tf.float32) for values in (predicted, actual))
    return np.asarray(tf.image.ssim(*frames, max_val=1.0))


@METRICS.add
def psnr(predicted: Frames, actual: Frames) -> FrameScores:
    """Return the peak signal-to-noise ratio in decibels."""
    mse = METRICS["mse_per_pixel"](predicted, actual)
    return np.asarray(-10.0 * np.log10(np.maximum(mse, SMALLEST_MSE)))


def copy_last_frame(inputs: Frames, target_frames: int) -> Frames:
    """Repeat the last input frame for every target frame."""
    return np.repeat(inputs[:, -1:], target_frames, axis=1)


def score_each_horizon(
    scores: dict[str, FrameScores], baseline: dict[str, FrameScores]
) -> pd.DataFrame:
    """Return the mean scores of the model and of the baseline, one row per frame ahead."""
    frames = next(iter(scores.values())).shape[1]
    table: dict[str, Any] = {"frames_ahead": np.arange(1, frames + 1)}
    for name, values in scores.items():
        table[name] = values.mean(axis=0)
        table[f"copy_last_frame_{name}"] = baseline[name].mean(axis=0)
    return pd.DataFrame(table)


def draw_horizons(horizons: pd.DataFrame, title: str) -> "Figure":
    """Draw error and similarity by the number of frames ahead, beside the copied last frame."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.2), layout="constrained")
    labels = {"mse_per_pixel": "mean squared error per pixel", "ssim": "SSIM"}
    for axis, (metric, label) in zip(axes, labels.items(), strict=True):
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


def draw_frames(rows: dict[str, Frames], title: str) -> "Figure":
    """Draw one sequence: one row each for the input, the predicted and the actual frames."""
    from matplotlib import pyplot as plt

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


class Video(heads.Video, task.Task):
    """Frames; the last layer of the model itself returns their pixels."""

    test_metrics = METRICS
    score = task.Score("mse_per_pixel", "mean squared error per pixel", higher_is_better=False)
    headline = ("loss", "mse_per_pixel", "ssim")
    baseline_name = "copy_last_frame"
    summary = (
        Column("loss", "test loss", ".4f"),
        Column("mse_per_pixel", "MSE/pixel [95 % interval]", ".4f", task.SCORE_ENDS),
        Column("ssim", "SSIM", ".4f"),
    )
    columns = (
        summary[0],
        Column("training_loss", "training loss", ".4f"),
        Column("reported_training_loss", "reported training loss", ".4f"),
        Column("validation_loss", "validation loss", ".4f"),
        Column("reported_validation_loss", "reported validation loss", ".4f"),
        *summary[1:],
        Column("mae_per_pixel", "MAE/pixel", ".4f"),
        Column("psnr", "PSNR (dB)", ".2f"),
    )

    def evaluate(self, model: task.TrainedModel, test: Split) -> task.Evaluation:
        """Score the model beside the last frame copied, in batches: frames take much memory."""
        scores: list[dict[str, FrameScores]] = []
        baseline: list[dict[str, FrameScores]] = []
        confusions: list[pd.DataFrame] = []
        shown: dict[str, Frames] = {}
        for begin in range(0, len(test), model.batch_size):
            batch = test.part(begin, begin + model.batch_size)
            inputs, actual = scaled(np.asarray(batch.inputs)), scaled(np.asarray(batch.targets))
            predicted = _pixels(model.predict_all(batch.inputs), model.from_logits)
            scores.append(METRICS.measure(predicted, actual))
            baseline.append(METRICS.measure(copy_last_frame(inputs, actual.shape[1]), actual))
            confusions.append(task.count_pairs(_ink(actual), _ink(predicted), PIXEL_CLASSES))
            shown = shown or {
                "seen": inputs[0],
                "predicted": predicted[0],
                "actual": actual[0],
            }
        model_scores, baseline_scores = _joined(scores), _joined(baseline)
        horizons = score_each_horizon(model_scores, baseline_scores)
        means = _means(model_scores)
        prefixed = {
            f"{self.baseline_name}_{name}": baseline_scores[name] for name in baseline_scores
        }
        return task.Evaluation(
            metrics={"loss": means["bce_per_pixel"], **means},
            baseline=_means(baseline_scores),
            details=horizons,
            confusions=task.sum_pairs(confusions),
            predictions={
                task.SCORE_ARRAY: model_scores[self.score.name].mean(axis=1),
                **model_scores,
                **prefixed,
            },
            drawings={
                "horizons": partial(draw_horizons, horizons),
                "frames": partial(draw_frames, _shortened(shown)),
            },
            shown={name: _as_bytes(frames) for name, frames in shown.items()},
        )

    def answer(self, outputs: Array, model: task.TrainedModel, given: str, target: Path) -> str:
        """Write the frames to a file and return its name.

        Raises
        ------
        RnnbenchError
            If the input would be overwritten, or frames cannot be written under the name.
        """
        if target.resolve() in (Path(given).resolve(), *Path(given).resolve().glob("*")):
            raise RnnbenchError(f"{target} is part of the input; choose another name with --output")
        write_frames(_pixels(outputs, model.from_logits), target)
        seen = model.manifest.input_shape[0]
        return f"{target}: {len(outputs)} frames that follow the last {seen} of {given}"

    def answers(self, outputs: Array, model: task.TrainedModel) -> Array:
        """Return the frames' pixels, from 0 to 1."""
        return _pixels(outputs, model.from_logits)


def _pixels(outputs: Frames, from_logits: bool) -> Frames:
    return sigmoid(outputs) if from_logits else outputs


def _shortened(shown: dict[str, Frames]) -> dict[str, Frames]:
    """Return the last input frames, and the first predicted and actual frames."""
    return {
        name: frames[-FRAMES_SHOWN:] if name == "seen" else frames[:FRAMES_SHOWN]
        for name, frames in shown.items()
    }


def _as_bytes(frames: Frames) -> Frames:
    pixels: Frames = np.round(np.clip(frames[..., 0], 0.0, 1.0) * BYTE_MAXIMUM).astype(np.uint8)
    return pixels


def _ink(frames: Frames) -> task.Integers:
    return (frames > INK_THRESHOLD).ravel().astype(np.int64)


def _joined(parts: list[dict[str, FrameScores]]) -> dict[str, FrameScores]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _means(scores: dict[str, FrameScores]) -> dict[str, float]:
    return {name: float(values.mean()) for name, values in scores.items()}


task.TASKS.add(Video.name, Video())
