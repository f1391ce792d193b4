"""What a run costs beside its training, from what `rnnbench repro` and training wrote down.

    python benchmarks/overhead.py [REPOSITORY]

Writes `results/overhead.csv`: for each experiment that `rnnbench repro` trained last, its stage's
seconds, those of its epochs and validations, the rest for each run, and the peak memory.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pandas as pd

from results import write_csv
from rnnbench.files import read_json
from rnnbench.layout import RESULTS_FOLDER, TIMING_FILE
from rnnbench.params import load_params
from rnnbench.repro.reproduce import SECONDS_FILE


def measure_overhead(repository: Path) -> pd.DataFrame:
    """Return a row for each experiment that `rnnbench repro` trained last in a repository."""
    seconds = read_json(repository / SECONDS_FILE)
    rows = []
    for name, experiment in load_params(repository / "params.yaml").experiments.items():
        path = repository / RESULTS_FOLDER / experiment.suite / name / TIMING_FILE
        if f"train@{name}" not in seconds or not path.exists():
            continue
        runs = list(read_json(path).values())
        stage, training = seconds[f"train@{name}"], sum(map(_training_seconds, runs))
        rows.append(
            {
                "experiment": name,
                "runs": len(runs),
                "stage": stage,
                "training": training,
                "overhead": (stage - training) / len(runs),
                "memory": max(run["peak_memory_bytes"] for run in runs) / 1e6,
            }
        )
    return pd.DataFrame(rows)


def _training_seconds(run: Mapping[str, Any]) -> float:
    """Return what a run's epochs and validations took, less what it compiled."""
    return float(run["training_seconds"]) - float(run.get("compile_seconds", 0.0))


@click.command()
@click.argument("repository", default=".", type=click.Path(exists=True, path_type=Path))
def main(repository: Path) -> None:
    """Measure the REPOSITORY's last runs, by default those of the working directory."""
    table = measure_overhead(repository)
    write_csv("overhead", table)
    worst = table.sort_values("overhead").iloc[-1]
    print(
        f"{len(table)} experiments: beside training a run costs {table['overhead'].median():.1f} s"
        f" (median), {worst['overhead']:.1f} s at most ({worst['experiment']}); peak memory"
        f" {table['memory'].max():.0f} MB"
    )


if __name__ == "__main__":
    main()
