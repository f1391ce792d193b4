"""The cost of measuring, determined in two ways.

    python benchmarks/measuring.py [--pairs 60]

The seconds that `TimingCallback` and the threads of `DeviceUsage` and `MachineLoad` work are
counted by clocks of their own, which what else runs on the machine hardly disturbs. What they do to
the training beyond that would show in the other number: trainings with and without them, in turn.
Writes `results/measuring.csv`. Steps are short on purpose: what is done for each of them weighs
most there.
"""

import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import click
import numpy as np
import pandas as pd
from cases import Case
from scipy import stats

from results import write_csv
from rnnbench.models.backend import import_keras

import_keras()

import keras  # noqa: E402 - after its chatter was held back
from keras_steps import build, loss  # noqa: E402

from rnnbench.data.prepared import Split  # noqa: E402
from rnnbench.models.fast import accelerate  # noqa: E402
from rnnbench.training.batches import Batches, keras_input  # noqa: E402
from rnnbench.training.devices import DeviceUsage  # noqa: E402
from rnnbench.training.load import MachineLoad  # noqa: E402
from rnnbench.training.timing import TimingCallback  # noqa: E402

CONFIDENCE = 0.95
CASES = {
    "rows, LSTM(32), 10 steps": Case("rows", "lstm", steps=10, batch_size=32, batches=200),
    "IMDB, LSTM(32)": Case("words", "lstm", batches=20),
}


class Clock(keras.callbacks.Callback):  # type: ignore[misc]
    """Seconds from the beginning of training to its end, without the work of `fit` around it."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Start."""
        self._begun = time.perf_counter()

    def on_train_end(self, logs: Any = None) -> None:
        """Stop."""
        self.seconds = time.perf_counter() - self._begun


class CountedTiming(TimingCallback):
    """The timing callback, with the seconds that it takes itself."""

    own_seconds = 0.0

    @staticmethod
    def _counted(hook: Callable[..., None]) -> Callable[..., None]:
        def count(self: "CountedTiming", *arguments: Any, **named: Any) -> None:
            begun = time.perf_counter()
            hook(self, *arguments, **named)
            self.own_seconds += time.perf_counter() - begun

        return count

    on_epoch_begin = _counted(TimingCallback.on_epoch_begin)
    on_train_batch_begin = _counted(TimingCallback.on_train_batch_begin)
    on_train_batch_end = _counted(TimingCallback.on_train_batch_end)
    on_test_begin = _counted(TimingCallback.on_test_begin)
    on_epoch_end = _counted(TimingCallback.on_epoch_end)


def fit(model: Any, batches: Batches) -> float:
    """Train once over the data and return the seconds it took."""
    gc.collect()
    clock = Clock()
    model.fit(batches, verbose=0, callbacks=[clock])
    return clock.seconds


def measured_fit(model: Any, batches: Batches) -> tuple[float, float]:
    """Do the same with everything that measures; return also the seconds that measuring takes."""
    gc.collect()
    clock = Clock()
    before = set(threading.enumerate())
    with MachineLoad(), DeviceUsage() as usage:
        samplers = set(threading.enumerate()) - before
        timing = CountedTiming(usage.joules)
        model.fit(batches, verbose=0, callbacks=[timing, clock])
        return clock.seconds, timing.own_seconds + sum(map(_processor_seconds, samplers))


def _processor_seconds(thread: threading.Thread) -> float:
    assert thread.ident
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


def row(name: str, case: Case, pairs: int) -> dict[str, Any]:
    """Measure a case in pairs, each way first in every other pair.

    The confidence interval of the pairs' median assumes nothing of how they are distributed.
    """
    data = Split(*case.data())
    batches = keras_input(Batches(data, case.batch_size))
    model = build(case, data.inputs.shape[1:])
    model.compile("adam", loss(case))
    accelerate(model, case.batch_size)
    measured_fit(model, batches)  # compiles
    without: list[float] = []
    measured: list[tuple[float, float]] = []
    for number in range(pairs):
        for way in (True, False) if number % 2 else (False, True):
            if way:
                measured.append(measured_fit(model, batches))
            else:
                without.append(fit(model, batches))
    seconds, own = np.array(measured).T
    percents = 100 * (seconds / np.array(without) - 1)
    interval = stats.quantile_test(percents, p=0.5).confidence_interval(CONFIDENCE)
    return {
        "case": name,
        "milliseconds": 1000 * float(np.median(without)) / case.batches,
        "own": 100 * float(own.sum() / seconds.sum()),
        "pairs": pairs,
        "percent": float(np.median(percents)),
        "lower": float(interval.low),
        "upper": float(interval.high),
    }


@click.command()
@click.option("--pairs", default=60, show_default=True, help="How often each way is timed.")
def main(pairs: int) -> None:
    """Measure and write the file."""
    rows = [row(name, case, pairs) for name, case in CASES.items()]
    for found in rows:
        print(
            f"{found['case']}: measuring works {found['own']:.2f} % of the time; it adds"
            f" {found['percent']:.2f} %, with a confidence of {CONFIDENCE:.0%} between"
            f" {found['lower']:.2f} and {found['upper']:.2f} %"
        )
    write_csv("measuring", pd.DataFrame(rows))


if __name__ == "__main__":
    main()
