"""Training one run: an experiment with one seed."""

import time
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from rnnbench.data.prepared import TrainingData
from rnnbench.history import KEPT
from rnnbench.models.build import build_model, count_parameters, reset
from rnnbench.models.fast import accelerate
from rnnbench.models.inputs import scaled
from rnnbench.models.kernels import recurrent_kernels, require_masks_fit
from rnnbench.params import Experiment, Training
from rnnbench.tracking.runs import Tracker
from rnnbench.training.batches import Batches, keras_input
from rnnbench.training.determinism import seed_everything
from rnnbench.training.devices import DeviceUsage, has_gpu
from rnnbench.training.interrupt import EndBetweenSteps
from rnnbench.training.load import MachineLoad
from rnnbench.training.timing import TimingCallback

EXAMPLES_IN_MODEL_SIGNATURE = 2


@dataclass(frozen=True)
class Trained:
    """The results of training a run.

    Attributes
    ----------
    model : keras.Model
        The model after the last epoch, or with the weights of the best one (`keep_best`); the
        object `earlier` if that was given.
    history : list of dict
        One entry per epoch: `epoch` from 1, `loss`, `validation_loss`, …; with `keep_best` also
        `kept`, which is 1 in the epoch whose weights the model has and 0 in the others.
    timing : dict
        See `TimingCallback.summary` and `DeviceUsage.summary`.
    system_metrics : list of dict
        The load of the machine; see `MachineLoad`.
    layer_parameters : dict of int
        Number of parameters by layer name.
    kernels : dict
        The kernel of each recurrent layer; see `recurrent_kernels`.
    input_example : ndarray
        Inputs of a few training examples, as the model takes them.
    diverged : str or None
        Why the run has no usable model: the epoch in which a loss or a weight was not finite.
        None if all are finite.
    """

    model: keras.Model
    history: list[dict[str, float]]
    timing: dict[str, Any]
    system_metrics: list[dict[str, float]]
    layer_parameters: dict[str, int]
    kernels: dict[str, dict[str, str]]
    input_example: Any
    diverged: str | None


class EpochReport(keras.callbacks.Callback):  # type: ignore[misc]
    """Print each epoch's metrics, log them to MLflow and store them."""

    def __init__(self, tracker: Tracker, epochs: int) -> None:
        super().__init__()
        self.history: list[dict[str, float]] = []
        self.logging_seconds = 0.0
        self._tracker = tracker
        self._epochs = epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the epoch."""
        metrics = {
            name.replace("val_", "validation_"): float(value)
            for name, value in (logs or {}).items()
        }
        self.history.append({"epoch": epoch + 1, **metrics})
        shown = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        print(f"  epoch {epoch + 1}/{self._epochs}  {shown}", flush=True)
        start = time.perf_counter()
        self._tracker.log_epoch(epoch + 1, metrics)
        self.logging_seconds += time.perf_counter() - start


class BestEpoch(keras.callbacks.EarlyStopping):  # type: ignore[misc]
    """Keras's early stopping by a recipe; the model gets the weights of the best epoch.

    Of equal epochs the first is the best. Without `patience` all epochs are trained.
    """

    def __init__(self, recipe: Training) -> None:
        super().__init__(
            monitor=str(recipe.keep_best).replace("validation_", "val_"),
            patience=recipe.patience or recipe.epochs,
            restore_best_weights=True,
        )

    def mark(self, history: list[dict[str, float]]) -> None:
        """Say in the entry of each epoch whether the model has its weights."""
        for entry in history:
            entry[KEPT] = int(entry["epoch"] == self.best_epoch + 1)
        print(f"  kept: epoch {self.best_epoch + 1} of {len(history)}", flush=True)


def train_run(
    experiment: Experiment,
    data: TrainingData,
    seed: int,
    tracker: Tracker,
    *,
    deterministic: bool,
    compiled_loops: bool,
    earlier: keras.Model | None = None,
) -> Trained:
    """Train an experiment's model with one seed.

    Parameters
    ----------
    experiment : Experiment
        The layers and the training recipe.
    data : TrainingData
        The training and validation splits of the experiment's view.
    seed : int
        Seed of the initial weights, the order of the examples and dropout.
    tracker : Tracker
        Logs each epoch when it ends.
    deterministic : bool
        Whether operations must repeat exactly.
    compiled_loops : bool
        Whether recurrent layers run the compiled loop where it applies.
    earlier : keras.Model, optional
        The model that the same experiment trained with another seed. It is reset and trained again,
        which saves tracing and compiling; the result is bit for bit that of a new model.

    Returns
    -------
    Trained

    Raises
    ------
    RnnbenchError
        If the layers do not fit each other, the data, or the device.
    """
    seed_everything(seed, deterministic)
    recipe = experiment.training
    train, validation = data.train, data.validation
    start = time.perf_counter()
    model = _begin(experiment, data, earlier, compiled_loops=compiled_loops)
    build_seconds = time.perf_counter() - start
    batches = Batches(train, recipe.batch_size, shuffle_seed=seed)
    held_out = keras_input(Batches(validation, recipe.batch_size)) if validation else None
    report = EpochReport(tracker, recipe.epochs)
    best = BestEpoch(recipe) if recipe.keep_best else None
    with MachineLoad() as load, DeviceUsage() as usage, EndBetweenSteps() as ending:
        timing = TimingCallback(usage.joules)
        model.fit(
            keras_input(batches),
            validation_data=held_out,
            epochs=recipe.epochs,
            shuffle=False,  # `Batches` shuffles by the seed
            verbose=0,
            callbacks=[
                timing,
                report,
                keras.callbacks.TerminateOnNaN(),
                *([best] if best else []),
                ending,
            ],
        )
    if best:
        best.mark(report.history)
    timed = timing.summary(len(train))
    return Trained(
        model,
        report.history,
        {
            "build_seconds": build_seconds,
            **timed,
            "timing_warnings": [*timed["timing_warnings"], *usage.timing_warnings()],
            "logging_seconds": report.logging_seconds,
            **usage.summary(),
        },
        load.samples,
        count_parameters(model),
        recurrent_kernels(model),
        scaled(train.inputs[:EXAMPLES_IN_MODEL_SIGNATURE]),
        _divergence(report.history, model),
    )


def _begin(
    experiment: Experiment,
    data: TrainingData,
    earlier: keras.Model | None,
    *,
    compiled_loops: bool,
) -> keras.Model:
    """Return a model with initial weights for the seed: a new one, or the earlier one, reset."""
    manifest = data.manifest
    model = build_model(experiment.layers, experiment.training, manifest)
    if earlier is not None:
        reset(earlier, model)
        return earlier
    padding = manifest.parameters.get("padding")
    if padding and has_gpu():
        require_masks_fit(model, padding, experiment.view)
    if compiled_loops:
        accelerate(model, experiment.training.batch_size)
    return model


def _divergence(history: list[dict[str, float]], model: keras.Model) -> str | None:
    """Return which result of training is not finite, and in which epoch; None if all are finite.

    A step's loss is computed before its update, so the effect of the last update is visible only in
    the validation loss and the weights.
    """
    advice = "; lower the learning rate or change the activation"
    for metrics in history:
        if not np.isfinite(metrics["loss"]):
            return f"the training loss is not finite in epoch {metrics['epoch']:.0f}{advice}"
    last = history[-1]
    if not np.isfinite(last.get("validation_loss", 0.0)):
        return f"the validation loss is not finite in epoch {last['epoch']:.0f}{advice}"
    if not all(np.isfinite(weights).all() for weights in model.get_weights()):
        return f"a weight is not finite after epoch {last['epoch']:.0f}{advice}"
    return None
