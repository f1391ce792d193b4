"""Milliseconds of a training step of every experiment: stock Keras against the pipeline's way.

Each on the first of its own examples, prepared in a clone that is thrown away; stock Keras is given
arrays and nothing else, as a notebook does. Writes `results/matrix.csv`.

    python benchmarks/matrix.py [--rounds 7] [EXPERIMENT ...]
"""

from pathlib import Path
from typing import Any

import click
import pandas as pd
from cases import ACCELERATED, STOCK, OfMatrix
from measure import Worker, measure, summary, workers
from scratch_clone import run_pipeline, scratch_clone

from results import update_csv, write_csv
from rnnbench.demo import only, write_params

BATCHES_OF_FRAMES = 3  # a step takes a second


def row(name: str, suite: str, folder: Path, running: list[Worker], rounds: int) -> dict[str, Any]:
    """Measure an experiment and summarise it."""
    batches = BATCHES_OF_FRAMES if "conv-lstm" in name else OfMatrix.batches
    milliseconds = measure(OfMatrix(name, str(folder), batches), running, rounds)
    return {"experiment": name, "suite": suite, **summary(milliseconds)}


@click.command()
@click.argument("experiments", nargs=-1)
@click.option("--rounds", default=7, show_default=True, help="How often each way is timed.")
def main(experiments: tuple[str, ...], rounds: int) -> None:
    """Measure EXPERIMENTS, by default all, and write the file; what it says of others stays."""
    rows = []
    with scratch_clone() as (folder, content), workers((STOCK, ACCELERATED)) as running:
        suites = {name: one["suite"] for name, one in content["experiments"].items()}
        if unknown := set(experiments) - set(suites):
            raise click.BadParameter(f"{', '.join(sorted(unknown))}: not in params.yaml")
        chosen = experiments or tuple(suites)
        write_params(only(content, chosen), folder / "params.yaml")
        run_pipeline(folder, 1, "prepare")
        for name in chosen:
            rows.append(row(name, suites[name], folder, running, rounds))
            shown = "  ".join(f"{way} {rows[-1][way]:.1f}" for way in (STOCK, ACCELERATED))
            print(f"{name}: {shown} ms, {rows[-1]['ratio']:.2f} times as fast", flush=True)
    if experiments:
        update_csv("matrix", pd.DataFrame(rows), key="experiment")
    else:
        write_csv("matrix", pd.DataFrame(rows))


if __name__ == "__main__":
    main()
