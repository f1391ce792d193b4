"""What measuring costs: the same training with and without everything that measures it, in turn.

    python benchmarks/measuring.py [--rounds 15]

Writes `results/measuring.csv`. Measured with: `TimingCallback`, `DeviceUsage`, `MachineLoad`.
Steps are short on purpose: what is done for each of them weighs most there.
"""

import gc
import time
from contextlib import ExitStack
from typing import Any

import click
import numpy as np
import pandas as pd
from cases import Case

from results import write_csv
from rnnbench.models.backend import import_keras

import_keras()

from keras_steps import build, loss  # noqa: E402

from rnnbench.models.fast import accelerate  # noqa: E402
from rnnbench.training.devices import DeviceUsage  # noqa: E402
from rnnbench.training.load import MachineLoad  # noqa: E402
from rnnbench.training.timing import TimingCallback  # noqa: E402

CASES = {
    "rows, LSTM(32), 10 steps": Case("rows", "lstm", steps=10, batch_size=32, batches=600),
    "IMDB, LSTM(32)": Case("words", "lstm", batches=60),
}


def fit_seconds(model: Any, data: tuple[Any, Any], batch_size: int, measured: bool) -> float:
    """Train once over the data and return what it took."""
    gc.collect()
    with ExitStack() as stack:
        callbacks = []
        if measured:
            stack.enter_context(MachineLoad())
            usage = stack.enter_context(DeviceUsage())
            callbacks = [TimingCallback(usage.joules)]
        begun = time.perf_counter()
        model.fit(*data, batch_size=batch_size, shuffle=False, verbose=0, callbacks=callbacks)
        return time.perf_counter() - begun


def row(name: str, case: Case, rounds: int) -> dict[str, Any]:
    """Measure a case, its two ways in turn and each first in every other round.

    The fastest rounds are compared: what disturbs a round only adds to it, and on a shared machine
    it adds more than what is looked for.
    """
    data = case.data()
    model = build(case, data[0].shape[1:])
    model.compile("adam", loss(case))
    accelerate(model, case.batch_size)
    fit_seconds(model, data, case.batch_size, measured=True)  # compiles
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for number in range(rounds):
        for measured in (True, False) if number % 2 else (False, True):
            seconds[measured].append(fit_seconds(model, data, case.batch_size, measured))
    fastest, second = (np.sort(list(seconds.values()), axis=1)[:, place] for place in (0, 1))
    return {
        "case": name,
        "milliseconds": 1000 * min(seconds[False]) / case.batches,
        "percent": 100 * (min(seconds[True]) / min(seconds[False]) - 1),
        "resolution": 100 * float(np.max(second / fastest - 1)),
    }


@click.command()
@click.option("--rounds", default=15, show_default=True, help="How often each way is timed.")
def main(rounds: int) -> None:
    """Measure and write the file."""
    rows = [row(name, case, rounds) for name, case in CASES.items()]
    for found in rows:
        print(f"{found['case']}: measuring costs {found['percent']:.2f} %", flush=True)
    write_csv("measuring", pd.DataFrame(rows))


if __name__ == "__main__":
    main()
