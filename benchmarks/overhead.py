"""The overhead of a run besides its training, and the overhead of DVC.

    python benchmarks/overhead.py [REPOSITORY]

Writes `results/overhead.csv`: for each experiment that `rnnbench repro` trained last, the seconds
of its stage and of its epochs and validations, the remaining seconds per run, and the peak memory.
Writes `results/dvc.csv`: the seconds of `dvc status` and of `dvc repro` if every stage is up to
date, and how much longer a stage takes with DVC than its command alone.
"""

import statistics
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pandas as pd
from scratch_clone import run_python

from results import write_csv
from rnnbench.files import read_json
from rnnbench.layout import EVALUATION_FOLDER, RESULTS_FOLDER, TIMING_FILE
from rnnbench.params import load_params
from rnnbench.repro.reproduce import SECONDS_FILE

ROUNDS = 3
CHEAP_STAGES = ("members", "layers")  # each is `python stages/STAGE.py`


def measure_overhead(repository: Path) -> pd.DataFrame:
    """Return one row per experiment that `rnnbench repro` trained last in a repository."""
    seconds = read_json(repository / SECONDS_FILE)
    rows = []
    for name, experiment in load_params(repository / "params.yaml").experiments.items():
        results = repository / RESULTS_FOLDER / experiment.suite / name
        path = results / EVALUATION_FOLDER / TIMING_FILE
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
    """Return the seconds of a run's epochs and validations, minus those of compiling."""
    return float(run["training_seconds"]) - float(run.get("compile_seconds", 0.0))


def measure_dvc(repository: Path) -> pd.DataFrame:
    """Return the seconds that DVC takes in a repository, as medians over rounds.

    Raises
    ------
    ClickException
        If a stage is out of date.
    """

    def dvc(*arguments: str) -> float:
        return run_python(repository, "-m", "dvc", *arguments, quiet=True)

    def share_of(stage: str) -> float:
        alone = run_python(repository, f"stages/{stage}.py", quiet=True)
        return dvc("repro", "--force", "--single-item", stage) - alone

    try:
        status = [dvc("status", "--quiet") for _ in range(ROUNDS)]
    except subprocess.CalledProcessError as error:
        raise click.ClickException("a stage is out of date: run `dvc repro` first") from error
    measured = {
        "dvc status": status,
        "dvc repro, nothing to do": [dvc("repro") for _ in range(ROUNDS)],
        **{
            f"DVC's share of the stage {stage}": [share_of(stage) for _ in range(ROUNDS)]
            for stage in CHEAP_STAGES
        },
    }
    return pd.DataFrame(
        [{"what": what, "seconds": statistics.median(each)} for what, each in measured.items()]
    )


@click.command()
@click.argument(
    "repository",
    default=".",
    type=click.Path(exists=True, resolve_path=True, path_type=Path),
)
def main(repository: Path) -> None:
    """Measure DVC and the last runs in REPOSITORY, by default the working directory."""
    dvc = measure_dvc(repository)
    write_csv("dvc", dvc)
    print(dvc.to_string(index=False))
    table = measure_overhead(repository)
    if table.empty:
        raise click.ClickException(
            f"results/dvc.csv is written; {repository} has no run that `rnnbench repro` trained"
            " here last, so that the overhead of a run is not measured"
        )
    write_csv("overhead", table)
    worst = table.sort_values("overhead").iloc[-1]
    print(
        f"{len(table)} experiments: the overhead of a run is {table['overhead'].median():.1f} s"
        f" (median), at most {worst['overhead']:.1f} s ({worst['experiment']}); peak memory"
        f" {table['memory'].max():.0f} MB"
    )


if __name__ == "__main__":
    main()
