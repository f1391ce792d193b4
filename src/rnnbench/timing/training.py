"""Training a model for a round of a few timed steps."""

import gc
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from rnnbench.data.prepared import Split
from rnnbench.models.inputs import as_targets, scaled
from rnnbench.timing.losses import COMPARED_STEPS
from rnnbench.training.batches import Batches, keras_input
from rnnbench.training.timing import (
    OTHERS_MAY_USE,
    STEPS_MAY_MISS,
    OtherPrograms,
    TimingCallback,
)


@dataclass(frozen=True)
class Round:
    """The losses and times of a round of training.

    Attributes
    ----------
    loss : float
        The mean loss over all steps.
    early_loss : float
        The mean loss over the first steps.
    milliseconds : list of float
        The time of each step.
    loop_milliseconds : float
        The time of the loop around the steps.
    other_cores : float or None, default None
        How many cores other programs used during the round; None if it cannot be measured.
    """

    loss: float
    early_loss: float
    milliseconds: list[float]
    loop_milliseconds: float
    other_cores: float | None = None


class EarlyLoss(keras.callbacks.Callback):  # type: ignore[misc]
    """Record the mean loss of the first steps."""

    mean = math.nan

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the loss, which Keras reports as the mean over all steps so far."""
        if batch < COMPARED_STEPS:
            self.mean = float((logs or {})["loss"])


def first_batches(split: Split, batch_size: int, batches: int) -> Split:
    """Return the first examples of a split, repeated if the split has too few.

    The last batch is as small as that of the complete split, because TensorFlow knows the batch
    size at tracing only if all batches are equally large.
    """
    missing = -len(split) % batch_size  # in the last batch
    chosen = np.arange(batches * batch_size - missing) % len(split)
    return Split(split.inputs[chosen], split.targets[chosen])


def fit_arguments(split: Split, batch_size: int, *, compiled: bool) -> dict[str, Any]:
    """Return the arguments of `fit`: arrays, as in a notebook, or the pipeline's batches."""
    if compiled:
        return {"x": keras_input(Batches(split, batch_size))}
    return {"x": scaled(split.inputs), "y": as_targets(split.targets), "batch_size": batch_size}


def train_round(
    model: keras.Model, arguments: dict[str, Any], timing: TimingCallback | None = None
) -> Round:
    """Train once on the data, without shuffling.

    Parameters
    ----------
    model : keras.Model
        A compiled model.
    arguments : dict
        The result of `fit_arguments`.
    timing : TimingCallback, optional
        A new callback, for callers that read its other measurements.
    """
    gc.collect()  # so that it is less likely while a step is timed
    timing, early, others = timing or TimingCallback(), EarlyLoss(), OtherPrograms()
    history = model.fit(**arguments, shuffle=False, verbose=0, callbacks=[timing, early])
    return Round(
        loss=history.history["loss"][0],
        early_loss=early.mean,
        milliseconds=[1000 * seconds for seconds in timing.step_seconds],
        loop_milliseconds=1000 * sum(timing.loop_seconds),
        other_cores=others.cores(),
    )


def missed_share(rounds: Sequence[Round]) -> float:
    """Return the share of the loops' time that is in no step."""
    steps = sum(sum(each.milliseconds) for each in rounds)
    return 1 - steps / sum(each.loop_milliseconds for each in rounds)


def timing_warnings(rounds: Sequence[Round]) -> list[str]:
    """Return the reasons why the times of rounds may be wrong; an empty list without any.

    The rounds are judged together: a single short round would warn of any brief use of the machine.
    """
    reasons = []
    missed = missed_share(rounds)
    if missed > STEPS_MAY_MISS:
        reasons.append(f"{100 * missed:.1f} % of the loop's time is in no step")
    if not np.all(np.isfinite([each.loss for each in rounds])):
        reasons.append("the loss was not finite")
    others = [each.other_cores for each in rounds if each.other_cores is not None]
    if others and np.mean(others) > OTHERS_MAY_USE:
        reasons.append(f"other programs used {np.mean(others):.1f} of {os.cpu_count()} cores")
    return reasons
