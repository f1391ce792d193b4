"""The cost of measuring, determined in two ways.

    python benchmarks/measuring.py [--pairs 60]

Clocks of their own count the seconds that `TimingCallback` and the threads of `DeviceUsage` and
`MachineLoad` take; other processes hardly disturb them. The second number compares trainings with
and without measuring, in turn, and so includes every other effect on training. Steps are short on
purpose, because the cost per step weighs most then. Writes `results/measuring.csv`.
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

import keras  # noqa: E402 - after `import_keras`, which silences it
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
    """Measures training from its begin to its end, without the work of `fit` around it."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the clock."""
        self._start = time.perf_counter()

    def on_train_end(self, logs: Any = None) -> None:
        """Stop the clock."""
        self.seconds = time.perf_counter() - self._start


class CountedTiming(TimingCallback):
    """The timing callback, which also counts the seconds that it takes itself."""

    own_seconds = 0.0

    @staticmethod
    def _counted(hook: Callable[..., None]) -> Callable[..., None]:
        def count(self: "CountedTiming", *arguments: Any, **named: Any) -> None:
            start = time.perf_counter()
            hook(self, *arguments, **named)
            self.own_seconds += time.perf_counter() - start

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
    """Train with everything that measures; return the seconds, and those spent on measuring."""
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
    """Measure a case in pairs, which alternate in which way is first.

    The confidence interval of the pairs' median assumes no distribution.
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
            f"{found['case']}: measuring takes {found['own']:.2f} % of the time; trainings are"
            f" {found['percent']:.2f} % longer ({CONFIDENCE:.0%} interval: {found['lower']:.2f} to"
            f" {found['upper']:.2f} %)"
        )
    write_csv("measuring", pd.DataFrame(rows))


if __name__ == "__main__":
    main()
