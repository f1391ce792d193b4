"""The `train` stage of an experiment with one seed and with three, which share what is compiled.

    python benchmarks/seeds.py [--rounds 5]

Writes `results/seeds.csv`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from scratch_clone import run_pipeline, scratch_clone, smaller

from results import write_csv
from rnnbench.demo import write_params

# Of small ones most of the time is what the first seed alone needs; of the last it is training.
EXPERIMENTS = ("adding-20-gru", "copying-15-lstm", "adding-100-lstm", "sentiment-gru")
ONE, THREE = (42,), (42, 43, 44)


def train(folder: Path, content: Mapping[str, Any], name: str, seeds: tuple[int, ...]) -> float:
    """Run an experiment's train stage with some seeds; return its seconds."""
    write_params(smaller(content, [name], seeds, share=1), folder / "params.yaml")
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    command = [sys.executable, "stages/train.py", name]
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)  # noqa: S603
    return time.perf_counter() - begun


def compared(folder: Path, content: Mapping[str, Any], name: str, rounds: int) -> dict[str, Any]:
    """Return the median seconds with one seed and with three, and their ratio within a round."""
    seconds = np.array(
        [[train(folder, content, name, seeds) for seeds in (ONE, THREE)] for _ in range(rounds)]
    )
    one, three = np.median(seconds, axis=0)
    lower, ratio, upper = np.quantile(seconds[:, 1] / seconds[:, 0], (0.25, 0.5, 0.75))
    print(f"{name}: {one:.1f} s with one seed, {three:.1f} s with three: {ratio:.2f}", flush=True)
    return {
        "experiment": name,
        "one": one,
        "three": three,
        "ratio": ratio,
        "lower_quartile": lower,
        "upper_quartile": upper,
    }


@click.command()
@click.option("--rounds", default=5, show_default=True, help="How often each stage is run.")
def main(rounds: int) -> None:
    """Measure and write the file."""
    with scratch_clone() as (folder, content):
        write_params(smaller(content, EXPERIMENTS, ONE, share=1), folder / "params.yaml")
        run_pipeline(folder, 1, "prepare")
        rows = [compared(folder, content, name, rounds) for name in EXPERIMENTS]
    write_csv("seeds", pd.DataFrame(rows))


if __name__ == "__main__":
    main()
