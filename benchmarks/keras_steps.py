"""A case trained by Keras's `fit`, on the back end and in the way that a worker was started for."""

import gc
import math
from pathlib import Path
from typing import Any

import numpy as np
from cases import (
    ACCELERATED,
    COMPARED_STEPS,
    DIGITS,
    JIT_COMPILE,
    STOCK_IN_FLOAT32,
    VOCABULARY,
    WORD_FEATURES,
    Case,
    OfMatrix,
)

from rnnbench.models.backend import import_keras

import_keras()

import keras  # noqa: E402 - after its chatter was held back

from rnnbench.data.prepared import Split, read_training_data  # noqa: E402
from rnnbench.layout import FIT_FOLDER, PREPARED_FOLDER  # noqa: E402
from rnnbench.models.build import build_model  # noqa: E402
from rnnbench.models.fast import accelerate, share_cores  # noqa: E402
from rnnbench.models.inputs import as_targets, scaled  # noqa: E402
from rnnbench.params import PARAMS_FILE, load_params  # noqa: E402
from rnnbench.training.batches import Batches, keras_input  # noqa: E402
from rnnbench.training.timing import TimingCallback  # noqa: E402

L = keras.layers
LAYERS = {
    "simple_rnn": L.SimpleRNN,
    "lstm": L.LSTM,
    "gru": L.GRU,
    "conv_lstm_2d": L.ConvLSTM2D,
}
# What `compile` is told; nothing, as a user writes it, leaves the choice to Keras.
COMPILE: dict[str, dict[str, bool]] = {JIT_COMPILE: {"jit_compile": True}}


class EarlyLoss(keras.callbacks.Callback):  # type: ignore[misc]
    """Keep the mean loss of the first steps."""

    mean = math.nan

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Read it; Keras says the mean of all steps so far."""
        if batch < COMPARED_STEPS:
            self.mean = float((logs or {})["loss"])


class Training:
    """A case's model, ready to be timed."""

    def __init__(self, case: Case | OfMatrix, way: str) -> None:
        if way == ACCELERATED:
            share_cores()  # before anything is computed
        keras.config.set_dtype_policy("float32" if way == STOCK_IN_FLOAT32 else case.precision)
        self.model, split, batch_size = (
            of_case(case, way) if isinstance(case, Case) else of_matrix(case)
        )
        if way == ACCELERATED:  # as the pipeline trains
            accelerate(self.model, batch_size)
            self.data = {"x": keras_input(Batches(split, batch_size))}
        else:
            arrays = {"x": scaled(split.inputs), "y": as_targets(split.targets)}
            self.data = {**arrays, "batch_size": batch_size}

    def round(self) -> dict[str, Any]:
        """Train once over the data; return its loss and the milliseconds of each step."""
        gc.collect()  # not while a step is timed
        timing, early = TimingCallback(), EarlyLoss()
        history = self.model.fit(**self.data, shuffle=False, verbose=0, callbacks=[timing, early])
        return {
            "loss": history.history["loss"][0],
            "early_loss": early.mean,
            "milliseconds": [1000 * seconds for seconds in timing.step_seconds],
            "loop_milliseconds": 1000 * sum(timing.loop_seconds),
        }


def of_case(case: Case, way: str) -> tuple[Any, Split, int]:
    """Return a case's compiled model, its data, and the examples of a batch."""
    split = Split(*case.data())
    model = build(case, split.inputs.shape[1:])
    model.compile("adam", loss(case), **COMPILE.get(way, {}))
    return model, split, case.batch_size


def of_matrix(case: OfMatrix) -> tuple[Any, Split, int]:
    """Return an experiment's compiled model, some of its data, and the examples of a batch."""
    experiment = load_params(Path(case.folder) / PARAMS_FILE).experiments[case.experiment]
    data = read_training_data(Path(case.folder) / PREPARED_FOLDER / experiment.view / FIT_FOLDER)
    batch_size = experiment.training.batch_size
    missing = -len(data.train) % batch_size  # in the last batch
    chosen = np.arange(case.batches * batch_size - missing) % len(data.train)
    split = Split(data.train.inputs[chosen], data.train.targets[chosen])
    keras.utils.set_random_seed(1)
    model = build_model(experiment.layers, experiment.training, data.manifest)
    return model, split, batch_size


def loss(case: Case) -> str:
    """Return the loss of a case's targets."""
    return f"{'sparse_categorical' if case.inputs == 'rows' else 'binary'}_crossentropy"


def build(case: Case, input_shape: tuple[int, ...]) -> Any:
    """Build a case's model; its weights follow from the seed."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential()
    if case.inputs == "words":
        model.add(keras.Input(input_shape, dtype="int32"))
        model.add(L.Embedding(VOCABULARY, WORD_FEATURES))
    else:
        model.add(keras.Input(input_shape))
    for number in range(case.layers):
        model.add(recurrent(case, last=number + 1 == case.layers))
    ends = {
        "words": lambda: L.Dense(1, activation="sigmoid", dtype="float32"),
        "rows": lambda: L.Dense(DIGITS, activation="softmax", dtype="float32"),
        "frames": lambda: L.Conv3D(1, 3, activation="sigmoid", padding="same", dtype="float32"),
    }
    model.add(ends[case.inputs]())
    return model


def recurrent(case: Case, last: bool) -> Any:
    """Make one of a case's recurrent layers."""
    options: dict[str, Any] = {"return_sequences": not last or case.inputs == "frames"}
    if case.activation:
        options["activation"] = case.activation
    if case.layer == "gru":
        options["reset_after"] = case.reset_after
    if case.layer == "conv_lstm_2d":
        options |= {"kernel_size": 3, "padding": "same"}
    layer = LAYERS[case.layer](case.units, **options)
    return L.Bidirectional(layer) if case.bidirectional else layer
