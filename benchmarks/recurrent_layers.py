"""Milliseconds of a training step: stock Keras against the compiled loop, JAX and PyTorch.

All ways of training a case take turns, one round each, and ratios are taken within a round. Writes
`results/recurrent_layers.csv`.

    python benchmarks/recurrent_layers.py [--rounds 7] [CASE ...]
"""

from typing import Any

import click
import numpy as np
import pandas as pd
from cases import ACCELERATED, CASES, JAX, JIT_COMPILE, STOCK, STOCK_IN_FLOAT32, TORCH
from keras_steps import build
from measure import Worker, matrix_rate, measure, summary, workers
from operations import operations

from results import update_csv, write_csv

WAYS = (STOCK, STOCK_IN_FLOAT32, JIT_COMPILE, ACCELERATED, JAX, TORCH)


def row(name: str, running: list[Worker], rounds: int, rate: float) -> dict[str, Any]:
    """Measure a case and summarise it."""
    case = CASES[name]
    left_out = {
        STOCK_IN_FLOAT32: case.precision == "float32",
        JIT_COMPILE: not case.in_xla,
        JAX: not case.in_xla,
        TORCH: not case.in_torch,
    }
    inputs, _ = case.data()
    counted = operations(build(case, inputs.shape[1:]), trained=case.batch_size)
    able = [worker for worker in running if not left_out.get(worker.way)]
    milliseconds = measure(case, able, rounds)
    float32 = np.array(milliseconds.get(STOCK_IN_FLOAT32, np.nan))
    return {
        "case": name,
        **summary(milliseconds),
        "ratio_to_float32": float(np.median(float32 / np.array(milliseconds[ACCELERATED]))),
        "bound": 1000 * counted / rate,
    }


@click.command()
@click.argument("cases", nargs=-1, type=click.Choice(list(CASES)))
@click.option("--rounds", default=7, show_default=True, help="How often each way is timed.")
def main(cases: tuple[str, ...], rounds: int) -> None:
    """Measure CASES, by default all, and write their rows of the file."""
    rate = matrix_rate()
    print(f"matrix products: {rate / 1e9:.0f} billion operations per second", flush=True)
    rows = []
    with workers(WAYS) as running:
        for name in cases or CASES:
            rows.append(row(name, running, rounds, rate))
            shown = "  ".join(f"{way} {rows[-1][way]:.1f}" for way in WAYS if way in rows[-1])
            print(f"{name}: {shown} ms, {rows[-1]['ratio']:.2f} times as fast", flush=True)
    table = pd.DataFrame(rows).assign(matrix_rate=rate)
    if cases:
        update_csv("recurrent_layers", table, key="case")
    else:
        write_csv("recurrent_layers", table)


if __name__ == "__main__":
    main()
