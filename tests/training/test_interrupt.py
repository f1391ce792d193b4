"""Ctrl-C ends training between two steps, wherever it arrives."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest

from rnnbench.training.interrupt import EndBetweenSteps


class Interrupting(keras.callbacks.Callback):  # type: ignore[misc]
    """Press Ctrl-C in the second step, where the exception would be lost, and count steps."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.steps += 1
        if batch == 1:
            try:
                os.kill(os.getpid(), signal.SIGINT)
                signal.sigpending()
            except KeyboardInterrupt:
                pass


@pytest.fixture(autouse=True)
def ctrl_c_is_pythons() -> Iterator[None]:
    """A shell that runs the tests in the background would have it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def fit(*callbacks: keras.callbacks.Callback) -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    values = np.zeros((10, 1), np.float32)
    model.fit(values, values, batch_size=1, verbose=0, callbacks=list(callbacks))


def test_an_interrupt_that_would_be_lost_ends_training_after_the_step() -> None:
    interrupting = Interrupting()
    with pytest.raises(KeyboardInterrupt), EndBetweenSteps() as ending:
        fit(interrupting, ending)
    assert interrupting.steps == 2


def test_an_interrupt_after_the_last_step_is_not_lost() -> None:
    with pytest.raises(KeyboardInterrupt), EndBetweenSteps():
        os.kill(os.getpid(), signal.SIGINT)


def test_a_second_interrupt_is_not_held_back() -> None:
    reached_the_end = False
    with pytest.raises(KeyboardInterrupt), EndBetweenSteps():
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        reached_the_end = True
    assert not reached_the_end


def test_afterwards_ctrl_c_is_what_it_was() -> None:
    before = signal.getsignal(signal.SIGINT)
    with EndBetweenSteps():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_where_ctrl_c_is_ignored_it_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with EndBetweenSteps():
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
