"""The time of a `train` stage with one seed and with three, which share the compiled functions.

    python benchmarks/seeds.py [--rounds 5]

Writes `results/seeds.csv`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pandas as pd
from measure import summary
from scratch_clone import run_pipeline, run_python, scratch_clone, smaller

from results import write_csv
from rnnbench.demo import write_params

# For the small ones, most of the time is spent once, on the first seed; for the last, on training.
EXPERIMENTS = ("adding-20-gru", "copying-15-lstm", "adding-100-lstm", "sentiment-gru")
SEEDS = {"one": 1, "three": 3}


def train(folder: Path, content: Mapping[str, Any], name: str, seeds: int) -> float:
    """Run an experiment's `train` stage with a number of seeds; return its seconds."""
    write_params(smaller(content, [name], seeds, share=1), folder / "params.yaml")
    return run_python(folder, "stages/train.py", name, quiet=True)


def row(folder: Path, content: Mapping[str, Any], name: str, rounds: int) -> dict[str, Any]:
    """Measure an experiment and summarise it."""
    seconds: dict[str, list[float]] = {count: [] for count in SEEDS}
    for _ in range(rounds):
        for count, seeds in SEEDS.items():
            seconds[count].append(train(folder, content, name, seeds))
    found = summary(seconds, "three", "one")
    shown = "  ".join(f"{count} {found[count]:.1f}" for count in SEEDS)
    print(f"{name}: {shown} s, {found['ratio']:.2f} times the time", flush=True)
    return {"experiment": name, **found}


@click.command()
@click.option("--rounds", default=5, show_default=True, help="How often each stage is run.")
def main(rounds: int) -> None:
    """Measure and write the file."""
    with scratch_clone() as (folder, content):
        write_params(smaller(content, EXPERIMENTS, SEEDS["one"], share=1), folder / "params.yaml")
        run_pipeline(folder, 1, "prepare")
        rows = [row(folder, content, name, rounds) for name in EXPERIMENTS]
    write_csv("seeds", pd.DataFrame(rows))


if __name__ == "__main__":
    main()
