"""Evaluating an experiment: the scores of every run on the test split, and means over seeds."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rnnbench.data.prepared import Array, Split, read_manifest, read_split
from rnnbench.evaluation.figures import draw_confusion_matrix, draw_learning_curves
from rnnbench.evaluation.gradients import share_gradient_by_lag
from rnnbench.evaluation.texts import find_worst_mistakes, score_each_length
from rnnbench.evaluation.trained import as_trained, load_network
from rnnbench.figures import save_figure
from rnnbench.files import atomic_folder, read_json, write_json, write_table
from rnnbench.layout import (
    CONFUSION_FILE,
    DETAILS_FILE,
    EVALUATION_FOLDER,
    FIGURES_FOLDER,
    GRADIENTS_FILE,
    HISTORY_FILE,
    LENGTHS_FILE,
    METRICS_FILE,
    MISTAKES_FILE,
    ORIGIN_FILE,
    PREDICTIONS_FOLDER,
    PREPARED_FOLDER,
    RESULTS_FOLDER,
    RUNS_FOLDER,
    SCORES_FILE,
    SHOWN_FOLDER,
    TEST_FOLDER,
    TIMING_FILE,
    VOCABULARY_FILE,
)
from rnnbench.runs import Records, read_records
from rnnbench.statistics import estimate_score
from rnnbench.tasks.task import SCORE_ARRAY, TASKS, Evaluation, NotFiniteError, Task, sum_pairs
from rnnbench.tracking.runs import Tracker

# Keys are the names of the runs' folders, in the order of the seeds.
Evaluations = dict[str, Evaluation]


def evaluate_experiment(
    experiment: str,
    view: str,
    prepared: Path = PREPARED_FOLDER,
    runs: Path = RUNS_FOLDER,
    results: Path = RESULTS_FOLDER,
) -> dict[str, float]:
    """Evaluate an experiment's runs on the test split.

    A run that diverged, in training or because its outputs for the test split are not finite, is
    recorded and not scored.

    Parameters
    ----------
    experiment : str
        Suite and name, `SUITE/EXPERIMENT`: a folder of runs.
    view : str
        The view that the experiment was trained on.
    prepared, runs, results : Path
        The folders of views, of runs and of results.

    Returns
    -------
    dict
        The metrics written to `metrics.json`: means over the seeds that were scored, and the ends
        of the 95 % interval of the task's score; empty if all runs diverged.

    Raises
    ------
    RnnbenchError
        If there are no runs.
    """
    records = read_records(runs / experiment)
    test = read_split(prepared / view / TEST_FOLDER, "test")
    task = TASKS[read_manifest(prepared / view / TEST_FOLDER).task]
    evaluations, diverged = _evaluate_runs(task, runs / experiment, records, test)
    scores = _scores(task, prepared / view, runs / experiment, records, evaluations, diverged)
    metrics = {}
    if evaluations:
        means = pd.DataFrame(scores["runs"]).T.mean()
        metrics = {name: float(means[name]) for name in task.headline} | _interval(
            task, list(evaluations.values())
        )
    folder = results / experiment
    with atomic_folder(folder / EVALUATION_FOLDER) as target:
        write_json(target / SCORES_FILE, scores)
        _write_evaluations(target, runs / experiment, records, evaluations)
        predictions = {name: each.predictions for name, each in evaluations.items()}
        write_texts(target, runs / experiment, predictions, test)
    confusions = sum_pairs([evaluation.confusions for evaluation in evaluations.values()])
    write_table(folder / CONFUSION_FILE, confusions)
    write_json(folder / METRICS_FILE, metrics)
    _track(folder / EVALUATION_FOLDER, records, scores, metrics)
    return metrics


def _evaluate_runs(
    task: Task, runs: Path, records: Records, test: Split
) -> tuple[Evaluations, dict[str, str]]:
    """Return the evaluations of the runs, and for diverged runs the reason."""
    evaluations, diverged = {}, {}
    for name, record in records.items():
        if "diverged" in record:
            diverged[name] = record["diverged"]
            continue
        try:
            evaluations[name] = _evaluate(task, runs / name, test)
        except NotFiniteError as error:
            diverged[name] = f"{error} on the test split"
            print(f"{runs.name}: {name} diverged: {diverged[name]}", flush=True)
    return evaluations, diverged


def _evaluate(task: Task, run: Path, test: Split) -> Evaluation:
    network = load_network(run)
    model = as_trained(network, run)
    evaluation = task.evaluate(model, test)
    evaluation.gradients = share_gradient_by_lag(network, test, model.manifest, model.from_logits)
    shown = "  ".join(f"{name} {value:.4f}" for name, value in evaluation.metrics.items())
    print(f"{run.parent.name}: {run.name}, test {shown}", flush=True)
    return evaluation


def _scores(
    task: Task,
    view: Path,
    runs: Path,
    records: Records,
    evaluations: Evaluations,
    diverged: Mapping[str, str],
) -> dict[str, Any]:
    """Return all metrics of each run, and facts about the experiment and its data."""
    name, first = next(iter(records.items()))
    fit, test = read_manifest(runs / name), read_manifest(view / TEST_FOLDER)
    return {
        "experiment": first["experiment"],
        "task": task.name,
        **{key: first[key] for key in ("model", "layer_parameters", "kernels", "environment")},
        "data": {
            "view": test.view,
            "dataset": test.dataset,
            "parameters": test.parameters,
            **read_json(view / TEST_FOLDER / ORIGIN_FILE),
            "examples": {
                split: facts["examples"] for split, facts in (fit.splits | test.splits).items()
            },
            "test_examples_also_in_training": test.facts["test_examples_also_in_training"],
        },
        "runs": {
            name: evaluation.metrics
            | {f"{task.baseline_name}_{key}": value for key, value in evaluation.baseline.items()}
            for name, evaluation in evaluations.items()
        },
        "diverged": dict(diverged),
    }


def _interval(task: Task, evaluations: list[Evaluation]) -> dict[str, float]:
    """Return the ends of the score's 95 % interval; empty if it has none."""
    name = task.score.name
    arrays = [each.predictions for each in evaluations]
    scores = [array[SCORE_ARRAY] for array in arrays if SCORE_ARRAY in array]
    estimate = estimate_score(scores or None, [each.metrics[name] for each in evaluations])
    ends = {f"{name}_lower": estimate.lower, f"{name}_upper": estimate.upper}
    return {end: value for end, value in ends.items() if np.isfinite(value)}


def _write_evaluations(
    folder: Path, runs: Path, records: Records, evaluations: Evaluations
) -> None:
    """Write all results except the scores: timing, details, gradients, predictions and figures."""
    write_json(
        folder / TIMING_FILE, {name: read_json(runs / name / TIMING_FILE) for name in records}
    )
    details = [run.details.assign(seed=records[name]["seed"]) for name, run in evaluations.items()]
    write_table(
        folder / DETAILS_FILE, pd.concat(details) if details else pd.DataFrame(columns=["seed"])
    )
    gradients = [run.gradients.assign(run=name) for name, run in evaluations.items()]
    if gradients:
        write_table(folder / GRADIENTS_FILE, pd.concat(gradients))
    (folder / PREDICTIONS_FOLDER).mkdir()
    for name, evaluation in evaluations.items():
        np.savez_compressed(
            folder / PREDICTIONS_FOLDER / f"{name}.npz",
            allow_pickle=False,
            **evaluation.predictions,
        )
        _draw(folder / FIGURES_FOLDER / name, runs / name, records[name], evaluation)
        if evaluation.shown:
            (folder / SHOWN_FOLDER).mkdir(exist_ok=True)
            np.savez_compressed(
                folder / SHOWN_FOLDER / f"{name}.npz", allow_pickle=False, **evaluation.shown
            )


def write_texts(
    folder: Path, runs: Path, predictions: Mapping[str, Mapping[str, Array]], test: Split
) -> None:
    """Write the worst mistakes and the scores by length if the examples are texts with labels.

    Parameters
    ----------
    folder : Path
        The folder of the two tables.
    runs : Path
        The folder of the runs; runs on texts have a vocabulary.
    predictions : mapping
        For each run, by the name of its folder, the arrays of its predictions.
    test : Split
        The test split.
    """
    mistakes, lengths = [], []
    for name, arrays in predictions.items():
        if not ((runs / name / VOCABULARY_FILE).exists() and "labels" in arrays):
            return
        words, texts = read_json(runs / name / VOCABULARY_FILE), np.asarray(test.inputs)
        names = read_manifest(runs / name).class_names
        found = find_worst_mistakes(arrays["probabilities"], arrays["labels"], texts, words, names)
        mistakes.append(found.assign(run=name))
        lengths.append(score_each_length(arrays[SCORE_ARRAY], texts).assign(run=name))
    for file, tables in ((MISTAKES_FILE, mistakes), (LENGTHS_FILE, lengths)):
        if tables:
            write_table(folder / file, pd.concat(tables))


def _draw(folder: Path, run: Path, record: dict[str, Any], evaluation: Evaluation) -> None:
    drawings: dict[str, Callable[[str], Figure]] = {
        "learning_curves": partial(draw_learning_curves, pd.read_csv(run / HISTORY_FILE)),
        **evaluation.drawings,
    }
    if len(evaluation.confusions):
        drawings["confusion_matrix"] = partial(draw_confusion_matrix, evaluation.confusions)
    for name, draw in drawings.items():
        title = f"{record['experiment']}, seed {record['seed']}"
        save_figure(draw(title), folder / f"{name}.png")


def _track(
    folder: Path, records: Records, scores: dict[str, Any], metrics: dict[str, float]
) -> None:
    """Log the scores and figures of each run, and the means to their parent."""
    for name, run_metrics in scores["runs"].items():
        tracker = Tracker(records[name])
        figures = sorted((folder / FIGURES_FOLDER / name).glob("*.png"))
        tracker.log_evaluation(run_metrics, figures, scores["data"]["route"])
    if metrics:
        tracker.log_experiment_metrics(metrics)
