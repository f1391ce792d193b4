"""The growth of a training step's time with the steps of a sequence, the units and the batch size.

Stock Keras and the compiled loop train in turn, as in `recurrent_layers.py`. Writes
`results/growth.csv`.

    python benchmarks/growth.py [--rounds 3]
"""

from dataclasses import replace
from typing import Any

import click
import pandas as pd
from cases import ACCELERATED, STOCK, Case
from measure import Worker, measure, workers

from results import write_csv
from rnnbench.timing.quartiles import quartiles

LAYERS = ("simple_rnn", "lstm", "gru")
BASE = Case("rows", "lstm", units=64, steps=100, batch_size=64)
AXES: dict[str, tuple[int, ...]] = {
    "steps": (50, 100, 200, 500, 1000, 2000),
    "units": (16, 64, 256, 1024),
    "batch_size": (8, 64, 256, 1024),
}


def growth(running: list[Worker], rounds: int) -> pd.DataFrame:
    """Measure along each axis, with everything else as in `BASE`."""
    rows = []
    for axis, values in AXES.items():
        for layer in LAYERS:
            for value in values:
                changes: dict[str, Any] = {"layer": layer, axis: value}
                case = replace(BASE, **changes)
                milliseconds = measure(case, running, rounds)
                rows += [
                    {"axis": axis, "value": value, "layer": layer, "way": way, **quartiles(times)}
                    for way, times in milliseconds.items()
                ]
                medians = "  ".join(f"{row['way']} {row['median']:.1f}" for row in rows[-2:])
                print(f"{layer}, {axis} {value}: {medians} ms", flush=True)
    return pd.DataFrame(rows)


@click.command()
@click.option("--rounds", default=3, show_default=True, help="How often each point is timed.")
def main(rounds: int) -> None:
    """Measure and write the file."""
    with workers((STOCK, ACCELERATED)) as running:
        write_csv("growth", growth(running, rounds))


if __name__ == "__main__":
    main()
