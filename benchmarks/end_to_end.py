"""The five notebooks as plain Keras scripts, one after the other, against `rnnbench repro`.

Both train and evaluate the same models on the same arrays for the same epochs, one seed each; both
find the data prepared. `rnnbench repro` does more within its time: it repeats exactly, saves and
logs models, draws figures and writes the report. It runs twice: all in float32, and with the
experiments that 16 bits are for in `mixed_bfloat16`. Writes `results/end_to_end.csv`, with what the
products of each experiment's training would take alone, and `results/overhead.csv` of the runs in
float32.

    python benchmarks/end_to_end.py [--share 4] [--jobs 2]
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pandas as pd
from cases import MIXED
from measure import matrix_rate
from operations import operations
from overhead import measure_overhead
from scratch_clone import FOR_16_BITS, in_precision, run_pipeline, scratch_clone, smaller

from results import write_csv
from rnnbench.data.prepared import read_training_data
from rnnbench.demo import write_params
from rnnbench.files import read_json
from rnnbench.layout import (
    EVALUATION_FOLDER,
    FIT_FOLDER,
    METRICS_FILE,
    MODEL_FILE,
    PREPARED_FOLDER,
    RESULTS_FOLDER,
    RUNS_FOLDER,
    TIMING_FILE,
    seed_folder,
)
from rnnbench.models.saved import load_model
from rnnbench.params import Experiment, load_params

SCRIPTS = Path(__file__).with_name("notebooks")
NOTEBOOKS = ("first_look", "digit_rows", "sentiment", "long_reviews", "random_labels")
# Experiments of the notebooks' suites that no notebook trains: RNN(cell), and one of long reviews.
NOT_IN_NOTEBOOKS = ("-rnn-", "long-stacked")
SUITES = (
    *("imdb", "reuters", "moving-mnist"),
    *("digit-rows", "sentiment", "long-reviews", "random-labels"),
)
Said = dict[str, dict[str, float]]  # an experiment's test metrics, and the seconds of its training


def of_the_notebooks(content: Mapping[str, Any]) -> list[str]:
    """Return the names of the experiments in a params.yaml that the notebooks train."""
    return [
        name
        for name, line in content["experiments"].items()
        if line["suite"] in SUITES and not any(word in name for word in NOT_IN_NOTEBOOKS)
    ]


def run_scripts(folder: Path) -> tuple[dict[str, float], Said]:
    """Run the scripts; return the seconds of each and their results for each experiment."""
    seconds, said = {}, {}
    for name in NOTEBOOKS:
        begun = time.perf_counter()
        command = [sys.executable, str(SCRIPTS / f"{name}.py"), str(folder / PREPARED_FOLDER)]
        process = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        seconds[name] = time.perf_counter() - begun
        print(f"{name}: {seconds[name]:.0f} s", flush=True)
        for line in filter(lambda line: line.startswith("{"), process.stdout.splitlines()):
            numbers = json.loads(line)
            said[numbers.pop("experiment")] = numbers
    return seconds, said


def run_ours(folder: Path, content: Mapping[str, Any], jobs: int) -> tuple[float, Said]:
    """Run the experiments of a params.yaml in a clone; return the seconds and their results."""
    write_params(content, folder / "params.yaml")
    run_pipeline(folder, jobs, "prepare")
    seconds = run_pipeline(folder, jobs)
    print(f"rnnbench repro --jobs {jobs}: {seconds:.0f} s", flush=True)
    return seconds, {
        name: _said(folder / RESULTS_FOLDER / line["suite"] / name)
        for name, line in content["experiments"].items()
    }


def _said(results: Path) -> dict[str, float]:
    runs = read_json(results / EVALUATION_FOLDER / TIMING_FILE)
    training = sum(run["training_seconds"] for run in runs.values())
    return {**read_json(results / METRICS_FILE), "training": training}


def operations_of_trainings(folder: Path) -> dict[str, float]:
    """Count the operations of each experiment's epochs in products with recurrent kernels."""
    experiments = load_params(folder / "params.yaml").experiments
    return {name: _operations(folder, name, one) for name, one in experiments.items()}


def _operations(folder: Path, name: str, experiment: Experiment) -> float:
    data = read_training_data(folder / PREPARED_FOLDER / experiment.view / FIT_FOLDER)
    run = folder / RUNS_FOLDER / experiment.suite / name / seed_folder(experiment.seeds[0])
    validated = len(data.validation) if data.validation else 0
    of_epoch = operations(load_model(run / MODEL_FILE), len(data.train), validated)
    return experiment.training.epochs * of_epoch


def compared(counted: Mapping[str, float], rate: float, ways: Mapping[str, Said]) -> pd.DataFrame:
    """Return one row per experiment: the results of each way, and the seconds of its products."""
    rows = []
    for name, number in counted.items():
        measure = "accuracy" if "accuracy" in ways["rnnbench"][name] else "loss"
        row = {"experiment": name, "measure": measure, "products": number / rate}
        for way, said in ways.items():
            row |= {way: said[name][measure], f"{way}_training": said[name]["training"]}
        rows.append(row)
    return pd.DataFrame(rows)


@click.command()
@click.option("--share", default=4, show_default=True, help="One part in how many of the data.")
@click.option("--jobs", default=2, show_default=True, help="Stages side by side.")
def main(share: int, jobs: int) -> None:
    """Measure everything and write the files."""
    rate = matrix_rate()
    with scratch_clone() as (folder, content):
        chosen = smaller(content, of_the_notebooks(content), 1, share)
        ours, of_ours = run_ours(folder, chosen, jobs)
        write_csv("overhead", measure_overhead(folder))
        counted = operations_of_trainings(folder)
        seconds, of_scripts = run_scripts(folder)
    with scratch_clone() as (folder, _):
        mixed, of_mixed = run_ours(folder, in_precision(chosen, FOR_16_BITS, MIXED), jobs)
    ways = {"notebook": of_scripts, "rnnbench": of_ours, "mixed": of_mixed}
    total = sum(seconds.values())
    write_csv(
        "end_to_end",
        compared(counted, rate, ways).assign(
            share=share,
            jobs=jobs,
            notebooks_seconds=total,
            rnnbench_seconds=ours,
            mixed_seconds=mixed,
            matrix_rate=rate,
        ),
    )
    print(
        f"notebooks {total:.0f} s; rnnbench {ours:.0f} s, {total / ours:.2f} times as fast;"
        f" with {MIXED} {mixed:.0f} s, {total / mixed:.2f} times"
    )


if __name__ == "__main__":
    main()
