"""The five notebooks as plain Keras scripts, one after another, compared with `rnnbench repro`.

Both train and evaluate the same models on the same prepared arrays for the same epochs, with one
seed. `rnnbench repro` does more in its time: it is deterministic, saves and logs models, draws
figures and writes the report. It runs twice: entirely in float32, and with the experiments that
profit from 16 bits in `mixed_bfloat16`. Writes `results/end_to_end.csv`, which includes the time
of the products alone of each experiment's training, and `results/overhead.csv` of the float32 runs.

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
# Parts of the names of experiments that are in the notebooks' suites but in no notebook.
NOT_IN_NOTEBOOKS = ("-rnn-", "long-stacked")
SUITES = (
    *("imdb", "reuters", "moving-mnist"),
    *("digit-rows", "sentiment", "long-reviews", "random-labels"),
)
Scores = dict[str, dict[str, float]]  # by experiment: test metrics, and the seconds of training


def notebook_experiments(content: Mapping[str, Any]) -> list[str]:
    """Return the names of the experiments in a params.yaml that the notebooks train."""
    return [
        name
        for name, line in content["experiments"].items()
        if line["suite"] in SUITES and not any(word in name for word in NOT_IN_NOTEBOOKS)
    ]


def run_scripts(folder: Path) -> tuple[dict[str, float], Scores]:
    """Run the scripts; return the seconds of each script and the scores of each experiment."""
    seconds, scores = {}, {}
    for name in NOTEBOOKS:
        start = time.perf_counter()
        command = [sys.executable, str(SCRIPTS / f"{name}.py"), str(folder / PREPARED_FOLDER)]
        process = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        seconds[name] = time.perf_counter() - start
        print(f"{name}: {seconds[name]:.0f} s", flush=True)
        for line in filter(lambda line: line.startswith("{"), process.stdout.splitlines()):
            numbers = json.loads(line)
            scores[numbers.pop("experiment")] = numbers
    return seconds, scores


def run_rnnbench(folder: Path, content: Mapping[str, Any], jobs: int) -> tuple[float, Scores]:
    """Run the experiments of a params.yaml in a clone; return the seconds and their scores."""
    write_params(content, folder / "params.yaml")
    run_pipeline(folder, jobs, "prepare")
    seconds = run_pipeline(folder, jobs)
    print(f"rnnbench repro --jobs {jobs}: {seconds:.0f} s", flush=True)
    return seconds, {
        name: _scores(folder / RESULTS_FOLDER / line["suite"] / name)
        for name, line in content["experiments"].items()
    }


def _scores(results: Path) -> dict[str, float]:
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
    per_epoch = operations(load_model(run / MODEL_FILE), len(data.train), validated)
    return experiment.training.epochs * per_epoch


def compared(counted: Mapping[str, float], rate: float, ways: Mapping[str, Scores]) -> pd.DataFrame:
    """Return one row per experiment: the scores of each way, and the seconds of its products."""
    rows = []
    for name, number in counted.items():
        measure = "accuracy" if "accuracy" in ways["rnnbench"][name] else "loss"
        row = {"experiment": name, "measure": measure, "products": number / rate}
        for way, scores in ways.items():
            row |= {way: scores[name][measure], f"{way}_training": scores[name]["training"]}
        rows.append(row)
    return pd.DataFrame(rows)


@click.command()
@click.option("--share", default=4, show_default=True, help="Train on one part in this many.")
@click.option("--jobs", default=2, show_default=True, help="Stages at a time.")
def main(share: int, jobs: int) -> None:
    """Measure everything and write the files."""
    rate = matrix_rate()
    with scratch_clone() as (folder, content):
        chosen = smaller(content, notebook_experiments(content), 1, share)
        float32, float32_scores = run_rnnbench(folder, chosen, jobs)
        write_csv("overhead", measure_overhead(folder))
        counted = operations_of_trainings(folder)
        seconds, script_scores = run_scripts(folder)
    with scratch_clone() as (folder, _):
        in_16_bits = in_precision(chosen, FOR_16_BITS, MIXED)
        mixed, mixed_scores = run_rnnbench(folder, in_16_bits, jobs)
    ways = {"notebook": script_scores, "rnnbench": float32_scores, "mixed": mixed_scores}
    total = sum(seconds.values())
    write_csv(
        "end_to_end",
        compared(counted, rate, ways).assign(
            share=share,
            jobs=jobs,
            notebooks_seconds=total,
            rnnbench_seconds=float32,
            mixed_seconds=mixed,
            matrix_rate=rate,
        ),
    )
    print(
        f"notebooks {total:.0f} s; rnnbench {float32:.0f} s, {total / float32:.2f} times as fast;"
        f" with {MIXED} {mixed:.0f} s, {total / mixed:.2f} times"
    )


if __name__ == "__main__":
    main()
