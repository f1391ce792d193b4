"""A case trained by Keras's `fit`, on the back end and in the way that a worker was started for."""

import gc
from typing import Any

from cases import (
    ACCELERATED,
    DIGITS,
    JIT_COMPILE,
    STOCK_IN_FLOAT32,
    VOCABULARY,
    WORD_FEATURES,
    Case,
)

from rnnbench.models.backend import import_keras

import_keras()

import keras  # noqa: E402 - after its chatter was held back

from rnnbench.data.batches import Batches, keras_input  # noqa: E402
from rnnbench.data.prepared import Split  # noqa: E402
from rnnbench.models.fast import accelerate  # noqa: E402
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


class Training:
    """A case's model, ready to be timed."""

    def __init__(self, case: Case, way: str) -> None:
        inputs, targets = case.data()
        keras.config.set_dtype_policy("float32" if way == STOCK_IN_FLOAT32 else case.precision)
        self.model = build(case, inputs.shape[1:])
        self.model.compile("adam", loss(case), **COMPILE.get(way, {}))
        self.data: dict[str, Any] = {"x": inputs, "y": targets, "batch_size": case.batch_size}
        if way == ACCELERATED:  # as the pipeline trains
            accelerate(self.model, case.batch_size)
            self.data = {"x": keras_input(Batches(Split(inputs, targets), case.batch_size))}

    def round(self) -> dict[str, Any]:
        """Train once over the data; return its loss and the milliseconds of each step."""
        gc.collect()  # not while a step is timed
        timing = TimingCallback()
        history = self.model.fit(**self.data, shuffle=False, verbose=0, callbacks=[timing])
        return {
            "loss": history.history["loss"][0],
            "milliseconds": [1000 * seconds for seconds in timing.step_seconds],
            "loop_milliseconds": 1000 * sum(timing.loop_seconds),
        }


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
