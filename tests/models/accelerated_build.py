"""A pytest plug-in that accelerates each recurrent layer of Keras as it is built.

With it, Keras's own tests of its layers test the compiled loops:
`pytest -p tests.models.accelerated_build --pyargs keras.src.layers.rnn.lstm_test`.
"""

from collections import Counter
from functools import wraps
from typing import Any

import keras
import pytest

from rnnbench.models.fast import accelerate, reasons_against

COMPILED = "layers ran a compiled loop"
LAYERS: list[keras.layers.RNN] = []


def pytest_configure(config: pytest.Config) -> None:
    """Let each loop, and each layer that is applied to every step, be accelerated once built."""
    for kind in (keras.layers.RNN, keras.layers.TimeDistributed):
        _accelerate_after_build(kind)


def _accelerate_after_build(kind: Any) -> None:
    stock = kind.build

    @wraps(stock)  # Keras reads the names of its arguments
    def build(self: Any, *args: Any, **kwargs: Any) -> None:
        stock(self, *args, **kwargs)
        LAYERS.append(accelerate(self))

    kind.build = build


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report how many layers ran a compiled loop, and why others did not."""
    loops = [layer for layer in LAYERS if isinstance(layer, keras.layers.RNN)]
    found = Counter(reasons_against(loop).get(loop.name, COMPILED) for loop in loops)
    for reason, count in found.most_common():
        terminalreporter.write_line(f"{count} {reason}")
