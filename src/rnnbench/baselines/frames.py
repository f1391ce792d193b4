"""Frames without movement, and the bound that a perfect prediction sets."""

import numpy as np

from rnnbench.baselines.baseline import BASELINES, Baseline, Predict
from rnnbench.data.prepared import Array, Manifest, TrainingData
from rnnbench.models.inputs import BYTE_MAXIMUM, scaled
from rnnbench.tasks import video


def is_video(manifest: Manifest) -> bool:
    """Return whether a view asks for the frames that follow."""
    return manifest.task == video.Video.name


def copy_last_frame(data: TrainingData) -> Predict:
    """Predict the last frame seen, again and again."""
    frames = data.manifest.target_shape[0]
    return lambda inputs: video.copy_last_frame(scaled(inputs), frames)


def repeat_mean_frame(data: TrainingData) -> Predict:
    """Predict the mean over all target frames of the training split, again and again."""
    frame = data.train.targets.mean(axis=(0, 1)) / BYTE_MAXIMUM
    shape = data.manifest.target_shape

    def predict(inputs: Array) -> Array:
        return np.broadcast_to(frame, (len(inputs), *shape))

    return predict


def repeat_targets(_: TrainingData) -> Predict:
    """Predict what is given: a loss above 0 remains, since grey pixels are neither 0 nor 1."""
    return scaled


# Under the name that it has as the task's own baseline.
BASELINES.add(video.Video.baseline_name, Baseline("last frame copied", is_video, copy_last_frame))
BASELINES.add("mean_frame", Baseline("mean training frame", is_video, repeat_mean_frame))
BASELINES.add(
    "perfect_frames", Baseline("perfect prediction", is_video, repeat_targets, is_bound=True)
)
