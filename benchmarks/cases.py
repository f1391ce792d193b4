"""The models to measure, which are those of the notebooks, described for any framework."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

# The ways in which a case is trained.
STOCK, JIT_COMPILE, ACCELERATED, JAX, TORCH = "stock", "jit_compile", "accelerated", "jax", "torch"
STOCK_IN_FLOAT32 = "stock_in_float32"  # only for cases in 16 bits
MIXED = "mixed_bfloat16"
VOCABULARY = 20_000
WORD_FEATURES = 128
ROW_FEATURES = 28
DIGITS = 10
FRAME = 64


@dataclass(frozen=True)
class Case:
    """A model and the shape of its training data.

    Attributes
    ----------
    inputs : str
        "words" (embedded ids, two classes), "rows" (28 numbers per step, ten classes) or "frames"
        (64 x 64 pixels per step, in the inputs and in the targets).
    layer : str
        "simple_rnn", "lstm", "gru" or "conv_lstm_2d".
    """

    inputs: str
    layer: str
    units: int = 32
    layers: int = 1
    steps: int = 200
    batch_size: int = 64
    batches: int = 12  # per round: few, so that a disturbance affects all ways of training
    bidirectional: bool = False
    activation: str | None = None
    reset_after: bool = True
    precision: str = "float32"

    @property
    def features(self) -> int:
        """The numbers per step that the first layer reads."""
        return {"words": WORD_FEATURES, "rows": ROW_FEATURES, "frames": 1}[self.inputs]

    @property
    def in_xla(self) -> bool:
        """Whether XLA trains it in reasonable time, which excludes convolutions on a CPU."""
        return self.layer != "conv_lstm_2d"

    @property
    def in_torch(self) -> bool:
        """Whether PyTorch has the layer; its GRU has `reset_after=True`."""
        stock = self.activation is None and self.reset_after and self.precision == "float32"
        return stock and self.in_xla

    def data(self) -> tuple[Any, Any]:
        """Make random inputs and targets, the same in each call.

        The last batch of words or rows is half as large, similar to the notebooks, because 20,000
        reviews and 60,000 images are not multiples of 64. TensorFlow then has no static batch size.
        """
        generator = np.random.default_rng(1)
        count = self.batch_size * self.batches
        if self.inputs != "frames":
            count -= self.batch_size // 2
        if self.inputs == "words":
            words = generator.integers(0, VOCABULARY, (count, self.steps), dtype=np.int32)
            return words, generator.integers(0, 2, (count, 1)).astype(np.float32)
        if self.inputs == "rows":
            rows = generator.random((count, self.steps, ROW_FEATURES), dtype=np.float32)
            return rows, generator.integers(0, DIGITS, count)
        frames = generator.random((count, self.steps, FRAME, FRAME, 1)) < 0.1  # noqa: PLR2004
        return frames.astype(np.float32), frames[:, ::-1].astype(np.float32)


_ROWS = Case("rows", "lstm", units=256, layers=2, steps=28)
_FRAMES = Case("frames", "conv_lstm_2d", units=40, steps=10, batch_size=8, batches=3)
CASES: dict[str, Case] = {
    "IMDB, SimpleRNN(32)": Case("words", "simple_rnn"),
    "IMDB, LSTM(32)": Case("words", "lstm"),
    "IMDB, GRU(32)": Case("words", "gru"),
    "IMDB, GRU(32, reset_after=False)": Case("words", "gru", reset_after=False),
    "IMDB, Bidirectional(LSTM(32))": Case("words", "lstm", bidirectional=True),
    "IMDB, 2 x LSTM(32)": Case("words", "lstm", layers=2),
    "rows, 2 x SimpleRNN(256)": replace(_ROWS, layer="simple_rnn"),
    "rows, 2 x LSTM(256)": _ROWS,
    "rows, 2 x LSTM(256, relu)": replace(_ROWS, activation="relu"),
    "rows, 2 x GRU(256)": replace(_ROWS, layer="gru"),
    "rows, 2 x GRU(256, reset_after=False)": replace(_ROWS, layer="gru", reset_after=False),
    f"IMDB, LSTM(32), {MIXED}": Case("words", "lstm", precision=MIXED),
    f"IMDB, GRU(32), {MIXED}": Case("words", "gru", precision=MIXED),
    f"rows, 2 x LSTM(256), {MIXED}": replace(_ROWS, precision=MIXED),
    f"rows, 2 x GRU(256), {MIXED}": replace(_ROWS, layer="gru", precision=MIXED),
    "frames, ConvLSTM2D(40)": _FRAMES,
    f"frames, ConvLSTM2D(40), {MIXED}": replace(_FRAMES, precision=MIXED),
}
