"""The total examples per second of one to four trainings at the same time.

Each training is a process of its own and works as in the pipeline. Writes `results/jobs.csv`.

    python benchmarks/side_by_side.py [--rounds 7]
"""

import time
from typing import Any

import click
import numpy as np
import pandas as pd
from cases import ACCELERATED, Case
from measure import Worker, workers

from results import write_csv

MOST_JOBS = 4


def side_by_side(rounds: int) -> pd.DataFrame:
    """Measure the total examples per second of one to four trainings at the same time."""
    case = Case("words", "lstm")
    rows: list[dict[str, Any]] = []
    for jobs in range(1, MOST_JOBS + 1):
        with workers([ACCELERATED] * jobs) as running:
            for worker in running:
                worker.prepare(case)
            seconds = [_together(running) for _ in range(rounds)]
        examples = jobs * case.batches * case.batch_size
        rows.append({"jobs": jobs, "examples_per_second": examples / float(np.median(seconds))})
        print(f"{jobs} at a time: {rows[-1]['examples_per_second']:.0f} examples/s", flush=True)
    return pd.DataFrame(rows)


def _together(running: list[Worker]) -> float:
    start = time.perf_counter()
    for worker in running:
        worker.tell({})
    for worker in running:
        worker.answer()
    return time.perf_counter() - start


@click.command()
@click.option("--rounds", default=7, show_default=True, help="How often each number is timed.")
def main(rounds: int) -> None:
    """Measure and write the file."""
    write_csv("jobs", side_by_side(rounds))


if __name__ == "__main__":
    main()
