"""The five notebooks as plain Keras scripts, one after the other, against `rnnbench repro`.

Both train and evaluate the same models on the same arrays for the same epochs, one seed each; both
find the data prepared. `rnnbench repro` does more within its time: it repeats exactly, saves and
logs models, draws figures and writes the report. It runs twice: all in float32, and with the
experiments that 16 bits are for in `mixed_bfloat16`. Writes `results/end_to_end.csv`, and
`results/overhead.csv` of the runs in float32.

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
from overhead import measure_overhead
from scratch_clone import FOR_16_BITS, in_precision, run_pipeline, scratch_clone, smaller

from results import write_csv
from rnnbench.demo import write_params
from rnnbench.files import read_json
from rnnbench.layout import METRICS_FILE, PREPARED_FOLDER, RESULTS_FOLDER

SCRIPTS = Path(__file__).with_name("notebooks")
NOTEBOOKS = ("first_look", "digit_rows", "sentiment", "long_reviews", "random_labels")
# Experiments of the notebooks' suites that no notebook trains: RNN(cell), and one of long reviews.
NOT_IN_NOTEBOOKS = ("-rnn-", "long-stacked")
SUITES = ("first-look", "digit-rows", "sentiment", "long-reviews", "random-labels")
SEEDS = (42,)


def of_the_notebooks(content: Mapping[str, Any]) -> list[str]:
    """Return the names of the experiments in a params.yaml that the notebooks train."""
    return [
        name
        for name, placement in content["experiments"].items()
        if placement["suite"] in SUITES and not any(word in name for word in NOT_IN_NOTEBOOKS)
    ]


def run_scripts(folder: Path) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Run the scripts; return the seconds of each and the metrics of each model."""
    seconds, metrics = {}, {}
    for name in NOTEBOOKS:
        begun = time.perf_counter()
        command = [sys.executable, str(SCRIPTS / f"{name}.py"), str(folder / PREPARED_FOLDER)]
        said = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        seconds[name] = time.perf_counter() - begun
        print(f"{name}: {seconds[name]:.0f} s", flush=True)
        for line in filter(lambda line: line.startswith("{"), said.stdout.splitlines()):
            scores = json.loads(line)
            metrics[scores.pop("experiment")] = scores
    return seconds, metrics


def run_ours(
    folder: Path, content: Mapping[str, Any], jobs: int
) -> tuple[float, dict[str, dict[str, float]]]:
    """Run what a params.yaml says in a clone; return the seconds and each experiment's metrics."""
    write_params(content, folder / "params.yaml")
    run_pipeline(folder, jobs, "prepare")
    seconds = run_pipeline(folder, jobs)
    print(f"rnnbench repro --jobs {jobs}: {seconds:.0f} s", flush=True)
    suites = {name: placement["suite"] for name, placement in content["experiments"].items()}
    return seconds, {
        name: read_json(folder / RESULTS_FOLDER / suite / name / METRICS_FILE)
        for name, suite in suites.items()
    }


@click.command()
@click.option("--share", default=4, show_default=True, help="One part in how many of the data.")
@click.option("--jobs", default=2, show_default=True, help="Stages side by side.")
def main(share: int, jobs: int) -> None:
    """Measure all and write the files."""
    with scratch_clone() as (folder, content):
        chosen = smaller(content, of_the_notebooks(content), SEEDS, share)
        ours, metrics = run_ours(folder, chosen, jobs)
        write_csv("overhead", measure_overhead(folder))
        seconds, of_scripts = run_scripts(folder)
    with scratch_clone() as (folder, _):
        mixed, of_mixed = run_ours(folder, in_precision(chosen, FOR_16_BITS, MIXED), jobs)
    rows = []
    for name in chosen["experiments"]:
        measure = "accuracy" if "accuracy" in metrics[name] else "loss"
        ways = {"notebook": of_scripts, "rnnbench": metrics, "mixed": of_mixed}
        scores = {way: found[name][measure] for way, found in ways.items()}
        rows.append({"experiment": name, "measure": measure, **scores})
    total = sum(seconds.values())
    write_csv(
        "end_to_end",
        pd.DataFrame(rows).assign(
            share=share,
            jobs=jobs,
            notebooks_seconds=total,
            rnnbench_seconds=ours,
            mixed_seconds=mixed,
        ),
    )
    print(
        f"notebooks {total:.0f} s; rnnbench {ours:.0f} s, {total / ours:.2f} times as fast;"
        f" with {MIXED} {mixed:.0f} s, {total / mixed:.2f} times"
    )


if __name__ == "__main__":
    main()
