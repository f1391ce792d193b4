"""Training a case with Keras's `fit`, on the back end and in the way of its worker."""

from dataclasses import asdict
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

import keras  # noqa: E402 - after `import_keras`, which silences it

from rnnbench.data.prepared import Split  # noqa: E402
from rnnbench.models.fast import accelerate, share_cores  # noqa: E402
from rnnbench.timing.training import fit_arguments, train_round  # noqa: E402

L = keras.layers
LAYERS = {
    "simple_rnn": L.SimpleRNN,
    "lstm": L.LSTM,
    "gru": L.GRU,
    "conv_lstm_2d": L.ConvLSTM2D,
}
# Arguments of `compile`; by default none, which leaves the choice to Keras.
COMPILE: dict[str, dict[str, bool]] = {JIT_COMPILE: {"jit_compile": True}}


class Training:
    """A case's model, ready to be timed."""

    def __init__(self, case: Case, way: str) -> None:
        accelerated = way == ACCELERATED  # as the pipeline trains
        if accelerated:
            share_cores()  # before anything is computed
        keras.config.set_dtype_policy("float32" if way == STOCK_IN_FLOAT32 else case.precision)
        split = Split(*case.data())
        self.model = build(case, split.inputs.shape[1:])
        self.model.compile("adam", loss(case), **COMPILE.get(way, {}))
        if accelerated:
            accelerate(self.model, case.batch_size)
        self.arguments = fit_arguments(split, case.batch_size, compiled=accelerated)

    def round(self) -> dict[str, Any]:
        """Train once over the data; return the fields of a `Round`."""
        return asdict(train_round(self.model, self.arguments))


def loss(case: Case) -> str:
    """Return the name of the loss for a case's targets."""
    return f"{'sparse_categorical' if case.inputs == 'rows' else 'binary'}_crossentropy"


def build(case: Case, input_shape: tuple[int, ...]) -> Any:
    """Build a case's model, always with the same seed."""
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
