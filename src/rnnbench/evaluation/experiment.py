"""Evaluating an experiment: every run on the test split, then the mean over seeds."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rnnbench.data.prepared import read_manifest, read_split
from rnnbench.evaluation import figures
from rnnbench.evaluation.scoring import Evaluation, score_model
from rnnbench.files import atomic_file, atomic_folder, read_json, write_json
from rnnbench.layout import (
    CONFUSION_FILE,
    DETAILS_FILE,
    FIGURES_FOLDER,
    FIT_FOLDER,
    HISTORY_FILE,
    METRICS_FILE,
    MODEL_FILE,
    PREDICTIONS_FOLDER,
    PREPARED_FOLDER,
    RECORD_FILE,
    RESULTS_FOLDER,
    RUNS_FOLDER,
    SCORES_FILE,
    TEST_FOLDER,
    seed_folder,
)
from rnnbench.models.saved import load_model
from rnnbench.params import Params
from rnnbench.tracking.runs import Tracker


def evaluate_experiment(
    name: str,
    params: Params,
    prepared: Path = PREPARED_FOLDER,
    runs: Path = RUNS_FOLDER,
    results: Path = RESULTS_FOLDER,
) -> dict[str, float]:
    """Evaluate an experiment's runs on the test split.

    Parameters
    ----------
    name : str
        An experiment of `params.yaml`.
    params : Params
        The parameters.
    prepared, runs, results : Path
        Where views and models are, and where results go.

    Returns
    -------
    dict
        The metrics written to `metrics.json`: means over seeds.
    """
    experiment = params.experiments[name]
    view = params.views[experiment.view]
    folder = results / experiment.suite / name
    test = read_split(prepared / experiment.view / TEST_FOLDER, "test")
    fit_manifest = read_manifest(prepared / experiment.view / FIT_FOLDER)
    evaluations: dict[int, Evaluation] = {}
    trackers: list[Tracker] = []
    for seed in experiment.seeds:
        run = runs / experiment.suite / name / seed_folder(seed)
        model = load_model(run / MODEL_FILE)
        evaluation = score_model(experiment, view, model, test, fit_manifest)
        evaluations[seed] = evaluation
        trackers.append(_track(run, seed, evaluation, folder))
        print(f"{name}: seed {seed}, test {_shown(evaluation.metrics)}", flush=True)
    run = runs / experiment.suite / name / seed_folder(experiment.seeds[0])
    about = _about(prepared / experiment.view, fit_manifest, run)
    metrics = _write_results(folder, evaluations, {"experiment": name, **about})
    trackers[-1].log_experiment_metrics(metrics)
    return metrics


def _track(run: Path, seed: int, evaluation: Evaluation, folder: Path) -> Tracker:
    """Draw a run's figures and show them, with its metrics, in MLflow."""
    history = pd.read_csv(run / HISTORY_FILE).assign(seed=seed)
    drawings: dict[str, Callable[[str], Figure]] = {
        "learning_curves": partial(figures.draw_learning_curves, history),
        **evaluation.drawings,
    }
    record = read_json(run / RECORD_FILE)
    title = f"{record['experiment']}, seed {seed}"
    with atomic_folder(folder / FIGURES_FOLDER / seed_folder(seed)) as target:
        for name, draw in drawings.items():
            figures.save_figure(draw(title), target / f"{name}.png")
    tracker = Tracker(record)
    drawn = sorted((folder / FIGURES_FOLDER / seed_folder(seed)).glob("*.png"))
    tracker.log_evaluation(_all_metrics(evaluation), drawn)
    return tracker


def _all_metrics(evaluation: Evaluation) -> dict[str, float]:
    named = {
        f"{evaluation.baseline_name}_{name}": value for name, value in evaluation.baseline.items()
    }
    return {**evaluation.metrics, **named}


def _about(view: Path, fit_manifest: dict[str, Any], run: Path) -> dict[str, Any]:
    """Return what a reader of the scores must know: the model's size and the data's origin."""
    test_manifest = read_manifest(view / TEST_FOLDER)
    splits = {**fit_manifest["splits"], **test_manifest["splits"]}
    facts = ("view", "dataset", "route", "sources", "licence", "citation")
    record = read_json(run / RECORD_FILE)
    return {
        "layer_parameters": record["layer_parameters"],
        "kernels": record["kernels"],
        "environment": record["environment"],
        "data": {
            **{name: test_manifest[name] for name in facts},
            "examples": {name: split["examples"] for name, split in splits.items()},
            "test_examples_also_in_training": test_manifest["test_examples_also_in_training"],
            "texts_without_words": {
                name: lengths["without_words"]
                for name, lengths in test_manifest.get("lengths", {}).items()
            },
        },
    }


def _write_results(
    folder: Path, evaluations: dict[int, Evaluation], about: dict[str, Any]
) -> dict[str, float]:
    each = {seed_folder(seed): _all_metrics(evaluation) for seed, evaluation in evaluations.items()}
    metrics = {str(key): float(value) for key, value in pd.DataFrame(each).T.mean().items()}
    write_json(folder / SCORES_FILE, {**about, "runs": each})
    _write_table(
        folder / DETAILS_FILE,
        pd.concat([run.details.assign(seed=seed) for seed, run in evaluations.items()]),
    )
    pairs = ["actual", "predicted"]
    confusions = pd.concat([run.confusions for run in evaluations.values()])
    _write_table(
        folder / CONFUSION_FILE, confusions.groupby(pairs, sort=False, as_index=False).sum()
    )
    with atomic_folder(folder / PREDICTIONS_FOLDER) as predictions:
        for seed, run in evaluations.items():
            np.savez_compressed(
                predictions / f"{seed_folder(seed)}.npz", allow_pickle=False, **run.predictions
            )
    write_json(folder / METRICS_FILE, metrics)
    return metrics


def _write_table(path: Path, table: pd.DataFrame) -> None:
    with atomic_file(path) as temporary:
        table.to_csv(temporary, index=False)


def _shown(metrics: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
