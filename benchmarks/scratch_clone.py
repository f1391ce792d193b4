"""The pipeline in a temporary clone, with fewer experiments, seeds and examples."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from rnnbench.demo import lay_out, only

ROOT = Path(__file__).parent.parent
# Training examples of the data sets whose views need not name a number.
TRAINING_EXAMPLES = {"imdb": 25_000, "reuters": 8_982, "mnist": 60_000}

# Experiments that profit from 16 bits because their products are large, with their scores.
FOR_16_BITS = {"mnist-lstm": "accuracy", "mnist-gru": "accuracy", "moving-mnist-conv-lstm": "loss"}


@contextmanager
def scratch_clone() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Make a temporary clone of the repository; yield it with the content of its params.yaml."""
    with tempfile.TemporaryDirectory(prefix="rnnbench-") as temporary:
        folder = Path(temporary) / "clone"
        lay_out(ROOT, folder)
        yield folder, YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def smaller(
    content: Mapping[str, Any], names: Collection[str], seeds: int, share: int
) -> dict[str, Any]:
    """Return a params.yaml with some experiments, a number of seeds and 1/share of the data."""
    reduced = only(content, names)
    return {
        **reduced,
        "experiments": {
            name: {**line, "seeds": seeds} for name, line in reduced["experiments"].items()
        },
        "views": {
            name: {**view, "train_examples": _examples(view) // share}
            for name, view in reduced["views"].items()
        },
    }


def _examples(view: Mapping[str, Any]) -> int:
    return int(view.get("train_examples") or TRAINING_EXAMPLES[view["dataset"]])


def in_precision(
    content: Mapping[str, Any], names: Collection[str], precision: str
) -> dict[str, Any]:
    """Return the content of a params.yaml with some experiments trained in a precision."""
    experiments = {
        name: {**line, "precision": precision} if name in names else line
        for name, line in content["experiments"].items()
    }
    return {**content, "experiments": experiments}


def run_pipeline(folder: Path, jobs: int, *stages: str) -> float:
    """Run `rnnbench repro` in a clone; return its seconds."""
    return run_python(folder, "-m", "rnnbench.cli", "repro", "--jobs", str(jobs), *stages)


def run_python(folder: Path, *arguments: str, quiet: bool = False) -> float:
    """Run Python in a clone, with its source and its own tracking store; return the seconds."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    output = subprocess.DEVNULL if quiet else None
    command = [sys.executable, *arguments]
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, stdout=output, check=True)  # noqa: S603
    return time.perf_counter() - start
