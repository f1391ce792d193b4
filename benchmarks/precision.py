"""Test scores with `precision: mixed_bfloat16` and with float32, over the same seeds.

`rnnbench repro` trains on part of the data for all epochs. Writes `results/precision.csv`.

    python benchmarks/precision.py [--share 4] [--jobs 2] [EXPERIMENT ...]
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from cases import MIXED
from scratch_clone import FOR_16_BITS, in_precision, run_pipeline, scratch_clone, smaller

from results import update_csv, write_csv
from rnnbench.demo import write_params
from rnnbench.files import read_json
from rnnbench.layout import EVALUATION_FOLDER, RESULTS_FOLDER, SCORES_FILE

PRECISIONS = ("float32", MIXED)
SEEDS = 3


def scores(folder: Path, content: Mapping[str, Any], precision: str) -> list[dict[str, Any]]:
    """Return one row per experiment that was run in a folder, with its scores over the seeds."""
    rows = []
    for name in content["experiments"]:
        measure = FOR_16_BITS[name]
        results = folder / RESULTS_FOLDER / content["experiments"][name]["suite"] / name
        runs = read_json(results / EVALUATION_FOLDER / SCORES_FILE)["runs"]
        values = [run[measure] for run in runs.values()]
        summary = {"lowest": min(values), "mean": np.mean(values), "highest": max(values)}
        rows.append({"experiment": name, "measure": measure, "precision": precision, **summary})
    return rows


@click.command()
@click.argument("experiments", nargs=-1, type=click.Choice(list(FOR_16_BITS)))
@click.option("--share", default=4, show_default=True, help="Train on one part in this many.")
@click.option("--jobs", default=2, show_default=True, help="Stages at a time.")
def main(experiments: tuple[str, ...], share: int, jobs: int) -> None:
    """Train EXPERIMENTS, by default all, in both precisions, and write the file.

    The rows of other experiments stay.
    """
    rows = []
    with scratch_clone() as (folder, content):
        chosen = smaller(content, experiments or FOR_16_BITS, SEEDS, share)
        for precision in PRECISIONS:
            write_params(in_precision(chosen, FOR_16_BITS, precision), folder / "params.yaml")
            run_pipeline(folder, jobs)
            rows += scores(folder, chosen, precision)
    table = pd.DataFrame(rows).sort_values(["experiment", "precision"])
    table = table.assign(share=share, seeds=SEEDS)
    if experiments:
        update_csv("precision", table, key="experiment")
    else:
        write_csv("precision", table)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
