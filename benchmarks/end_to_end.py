"""The five notebooks as plain Keras scripts, one after the other, against `rnnbench repro`.

Both train and evaluate the same models on the same arrays for the same epochs, one seed each; both
find the data prepared. `rnnbench repro` does more within its time: it repeats exactly, saves and
logs models, draws figures and writes the report. Writes `results/end_to_end.csv`, and
`results/overhead.csv` of its runs.

    python benchmarks/end_to_end.py [--share 10] [--jobs 2]
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pandas as pd
from overhead import measure_overhead
from ruamel.yaml import YAML

from results import write_csv
from rnnbench.demo import lay_out, only, write_params
from rnnbench.files import read_json
from rnnbench.layout import METRICS_FILE, PREPARED_FOLDER, RESULTS_FOLDER

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "benchmarks" / "notebooks"
NOTEBOOKS = ("first_look", "digit_rows", "sentiment", "long_reviews", "layers")
# Experiments of the notebooks' suites that no notebook trains: RNN(cell), and one of long reviews.
NOT_IN_NOTEBOOKS = ("-rnn-", "long-stacked")
SUITES = ("first-look", "digit-rows", "sentiment", "long-reviews", "random-labels")
SEEDS = (42,)
# What the data sets offer for training; views of frames and synthetic ones say it themselves.
TRAINING_EXAMPLES = {"imdb": 25_000, "reuters": 8_982, "mnist": 60_000}


@contextmanager
def scratch_clone() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Give a clone of the repository for a while, and what its params.yaml says."""
    with tempfile.TemporaryDirectory(prefix="rnnbench-") as temporary:
        folder = Path(temporary) / "clone"
        lay_out(ROOT, folder)
        yield folder, YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def of_the_notebooks(content: Mapping[str, Any]) -> list[str]:
    """Return the names of the experiments in a params.yaml that the notebooks train."""
    return [
        name
        for name, placement in content["experiments"].items()
        if placement["suite"] in SUITES and not any(word in name for word in NOT_IN_NOTEBOOKS)
    ]


def smaller(
    content: Mapping[str, Any], names: Collection[str], seeds: Collection[int], share: int
) -> dict[str, Any]:
    """Leave of a params.yaml some experiments, with some seeds and 1/share of the data."""
    kept = only(content, names)
    return {
        **kept,
        "templates": {},
        "experiments": {
            name: {**placement, "seeds": list(seeds)}
            for name, placement in kept["experiments"].items()
        },
        "views": {
            name: {**view, "train_examples": _examples(view) // share}
            for name, view in kept["views"].items()
        },
    }


def _examples(view: Mapping[str, Any]) -> int:
    return int(view["train_examples"] or TRAINING_EXAMPLES[view["dataset"]])


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


def run_pipeline(folder: Path, jobs: int, *stages: str) -> float:
    """Run `rnnbench repro`; return its seconds."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", "rnnbench.cli", "repro", "--jobs", str(jobs), *stages]
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True)  # noqa: S603
    return time.perf_counter() - begun


@click.command()
@click.option("--share", default=10, show_default=True, help="One part in how many of the data.")
@click.option("--jobs", default=2, show_default=True, help="Stages side by side.")
def main(share: int, jobs: int) -> None:
    """Measure both and write the file."""
    with scratch_clone() as (folder, content):
        chosen = smaller(content, of_the_notebooks(content), SEEDS, share)
        write_params(chosen, folder / "params.yaml")
        run_pipeline(folder, jobs, "prepare")
        ours = run_pipeline(folder, jobs)
        print(f"rnnbench repro --jobs {jobs}: {ours:.0f} s", flush=True)
        write_csv("overhead", measure_overhead(folder))
        seconds, metrics = run_scripts(folder)
        rows = []
        for name, placement in chosen["experiments"].items():
            kept = read_json(folder / RESULTS_FOLDER / placement["suite"] / name / METRICS_FILE)
            measure = "accuracy" if "accuracy" in metrics[name] else "loss"
            scores = {"notebook": metrics[name][measure], "rnnbench": kept[measure]}
            rows.append({"experiment": name, "measure": measure, **scores})
    total = sum(seconds.values())
    write_csv(
        "end_to_end",
        pd.DataFrame(rows).assign(
            share=share, jobs=jobs, notebooks_seconds=total, rnnbench_seconds=ours
        ),
    )
    print(f"notebooks {total:.0f} s, rnnbench {ours:.0f} s: {total / ours:.2f} times as fast")


if __name__ == "__main__":
    main()
