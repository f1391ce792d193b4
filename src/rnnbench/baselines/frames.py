"""Predictions without movement, and the loss of a perfect prediction as a bound."""

import numpy as np

from rnnbench.baselines.baseline import BASELINES, Baseline, Predict
from rnnbench.data.prepared import Array, Manifest, TrainingData
from rnnbench.models.inputs import BYTE_MAXIMUM, scaled
from rnnbench.tasks import video


def is_video(manifest: Manifest) -> bool:
    """Return whether a view is for video prediction."""
    return manifest.task == video.Video.name


def copy_last_frame(data: TrainingData) -> Predict:
    """Predict the last input frame for every target frame."""
    frames = data.manifest.target_shape[0]
    return lambda inputs: video.copy_last_frame(scaled(inputs), frames)


def repeat_mean_frame(data: TrainingData) -> Predict:
    """Predict the mean of the training split's target frames for every target frame."""
    frame = data.train.targets.mean(axis=(0, 1)) / BYTE_MAXIMUM
    shape = data.manifest.target_shape

    def predict(inputs: Array) -> Array:
        return np.broadcast_to(frame, (len(inputs), *shape))

    return predict


def repeat_targets(_: TrainingData) -> Predict:
    """Predict the given targets; the loss is above 0, since grey pixels are neither 0 nor 1."""
    return scaled


# It has the name of the task's own baseline.
BASELINES.add(video.Video.baseline_name, Baseline("last frame copied", is_video, copy_last_frame))
BASELINES.add("mean_frame", Baseline("mean training frame", is_video, repeat_mean_frame))
BASELINES.add(
    "perfect_frames", Baseline("perfect prediction", is_video, repeat_targets, is_bound=True)
)
