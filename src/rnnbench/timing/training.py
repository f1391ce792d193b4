"""A model trained for a round of a few steps, each of them timed."""

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
    """What a round of training took.

    Attributes
    ----------
    loss : float
        The mean over all steps.
    early_loss : float
        The mean over the first steps.
    milliseconds : list of float
        Of each step.
    loop_milliseconds : float
        Of the loop around the steps.
    other_cores : float or None, default None
        How many cores other programs used meanwhile; None where the system does not tell.
    """

    loss: float
    early_loss: float
    milliseconds: list[float]
    loop_milliseconds: float
    other_cores: float | None = None


class EarlyLoss(keras.callbacks.Callback):  # type: ignore[misc]
    """Keep the mean loss of the first steps."""

    mean = math.nan

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Read it; Keras reports the mean of all steps so far."""
        if batch < COMPARED_STEPS:
            self.mean = float((logs or {})["loss"])


def first_batches(split: Split, batch_size: int, batches: int) -> Split:
    """Return the first examples of a split, over again where it has too few.

    The last batch is as small as that of the whole split: whether all batches are equal decides
    whether TensorFlow knows their size beforehand.
    """
    missing = -len(split) % batch_size  # in the last batch
    chosen = np.arange(batches * batch_size - missing) % len(split)
    return Split(split.inputs[chosen], split.targets[chosen])


def fit_arguments(split: Split, batch_size: int, *, compiled: bool) -> dict[str, Any]:
    """Return what `fit` is given: arrays, as in a notebook, or the pipeline's batches."""
    if compiled:
        return {"x": keras_input(Batches(split, batch_size))}
    return {"x": scaled(split.inputs), "y": as_targets(split.targets), "batch_size": batch_size}


def train_round(
    model: keras.Model, arguments: dict[str, Any], timing: TimingCallback | None = None
) -> Round:
    """Train once over the data, in their order.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    arguments : dict
        See `fit_arguments`.
    timing : TimingCallback, optional
        A new one, for what else it measures.
    """
    gc.collect()  # not while a step is timed
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
    steps = sum(sum(one.milliseconds) for one in rounds)
    return 1 - steps / sum(one.loop_milliseconds for one in rounds)


def timing_warnings(rounds: Sequence[Round]) -> list[str]:
    """Say what speaks against the times of some rounds, taken together; nothing is an empty list.

    One short round alone would warn of every other program that woke up for a moment.
    """
    reasons = []
    missed = missed_share(rounds)
    if missed > STEPS_MAY_MISS:
        reasons.append(f"{100 * missed:.1f} % of the loop's time is in no step")
    if not np.all(np.isfinite([one.loss for one in rounds])):
        reasons.append("the loss was not finite")
    others = [one.other_cores for one in rounds if one.other_cores is not None]
    if others and np.mean(others) > OTHERS_MAY_USE:
        reasons.append(f"other programs used {np.mean(others):.1f} of {os.cpu_count()} cores")
    return reasons
