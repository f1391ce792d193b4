"""Evaluating an experiment: every run on the test split, then the mean over seeds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from rnnbench.data.batches import Batches
from rnnbench.data.prepared import (
    Split,
    read_manifest,
    read_split,
)
from rnnbench.evaluation import figures
from rnnbench.evaluation.classification import (
    confusion_table,
    count_confusions,
    probabilities_from_outputs,
    score_classifier,
    score_each_class,
    score_majority_class,
)
from rnnbench.evaluation.frames import (
    PIXEL_CLASSES,
    Scores,
    copy_last_frame,
    count_pixels,
    score_each_horizon,
    score_frames,
)
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
from rnnbench.params import Experiment, Params
from rnnbench.tracking.runs import Tracker
from rnnbench.training.loop import load_model

SEQUENCE_SHOWN = 0
EVALUATION_BATCH = 64


@dataclass
class Evaluation:
    """What the test split says of one run.

    Attributes
    ----------
    metrics, baseline : dict of float
        Of the model, and of the baseline that stands beside it.
    baseline_name : str
        "majority_class" or "copy_last_frame".
    details : DataFrame
        A row a class, or a row a frame ahead.
    confusions : DataFrame
        A row a pair of classes: actual, predicted, count.
    predictions : dict of ndarray
        Kept a test example, for statistics.
    drawings : dict
        Figures by name, each to be drawn with a title.
    """

    metrics: dict[str, float]
    baseline: dict[str, float]
    baseline_name: str
    details: pd.DataFrame
    confusions: pd.DataFrame
    predictions: dict[str, npt.NDArray[Any]]
    drawings: dict[str, Callable[[str], Figure]]


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
    folder = results / experiment.suite / name
    test = read_split(prepared / experiment.view / TEST_FOLDER, "test")
    fit_manifest = read_manifest(prepared / experiment.view / FIT_FOLDER)
    evaluations: dict[int, Evaluation] = {}
    trackers: list[Tracker] = []
    for seed in params.seeds:
        run = runs / experiment.suite / name / seed_folder(seed)
        evaluation = evaluate_run(experiment, load_model(run / MODEL_FILE), test, fit_manifest)
        evaluations[seed] = evaluation
        trackers.append(_track(run, seed, evaluation, folder))
        print(f"{name}: seed {seed}, test {_shown(evaluation.metrics)}", flush=True)
    run = runs / experiment.suite / name / seed_folder(params.seeds[0])
    about = _about(prepared / experiment.view, fit_manifest, run)
    metrics = _write_results(folder, evaluations, {"experiment": name, **about})
    trackers[-1].log_experiment_metrics(metrics)
    return metrics


def evaluate_run(
    experiment: Experiment, model: keras.Model, test: Split, fit_manifest: dict[str, Any]
) -> Evaluation:
    """Evaluate one model on the test split.

    Parameters
    ----------
    experiment : Experiment
        Its recipe says what the outputs are.
    model : keras.Model
        The trained model.
    test : Split
        The test split.
    fit_manifest : dict
        Of the training splits: class names and counts.
    """
    class_names = fit_manifest["class_names"]
    if class_names:
        counts = np.asarray(fit_manifest["splits"]["train"]["class_counts"])
        return _evaluate_classifier(experiment, model, test, class_names, counts)
    return _evaluate_frames(model, test, experiment.training.batch_size)


def _evaluate_classifier(
    experiment: Experiment,
    model: keras.Model,
    test: Split,
    class_names: list[str],
    training_counts: npt.NDArray[np.int64],
) -> Evaluation:
    labels = np.asarray(test.targets, dtype=np.int64)
    outputs = np.concatenate([batch for batch, _, _ in _predicted(model, test, EVALUATION_BATCH)])
    probabilities = probabilities_from_outputs(outputs, experiment.training.from_logits)
    confusions = count_confusions(probabilities, labels, class_names)
    return Evaluation(
        metrics=score_classifier(probabilities, labels),
        baseline=score_majority_class(training_counts, labels),
        baseline_name="majority_class",
        details=score_each_class(probabilities, labels, class_names),
        confusions=confusions,
        predictions={"probabilities": probabilities.astype(np.float32), "labels": labels},
        drawings={"confusion_matrix": partial(figures.draw_confusion_matrix, confusions)},
    )


def _evaluate_frames(model: keras.Model, test: Split, batch_size: int) -> Evaluation:
    target_frames = test.targets.shape[1]
    scores: list[Scores] = []
    baseline: list[Scores] = []
    pixels = np.zeros((2, 2), dtype=np.int64)
    shown: tuple[Any, ...] = ()
    for predicted, inputs, actual in _predicted(model, test, batch_size):
        scores.append(score_frames(predicted, actual))
        baseline.append(score_frames(copy_last_frame(inputs, target_frames), actual))
        pixels += count_pixels(predicted, actual)
        shown = shown or (inputs[SEQUENCE_SHOWN], predicted[SEQUENCE_SHOWN], actual[SEQUENCE_SHOWN])
    of_model, of_baseline = _joined(scores), _joined(baseline)
    horizons = score_each_horizon(of_model, of_baseline)
    means = {name: float(values.mean()) for name, values in of_model.items()}
    confusions = confusion_table(pixels, PIXEL_CLASSES)
    return Evaluation(
        metrics={"loss": means["bce_per_pixel"], **means},
        baseline={name: float(values.mean()) for name, values in of_baseline.items()},
        baseline_name="copy_last_frame",
        details=horizons,
        confusions=confusions,
        predictions={
            **of_model,
            **{f"copy_last_frame_{name}": values for name, values in of_baseline.items()},
        },
        drawings={
            "confusion_matrix": partial(figures.draw_confusion_matrix, confusions),
            "horizons": partial(figures.draw_horizons, horizons),
            "frames": partial(figures.draw_frames, *shown),
        },
    )


def _predicted(
    model: keras.Model, test: Split, batch_size: int
) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]]:
    """Yield predictions, inputs and targets batch by batch, so that memory stays small."""
    batches = Batches(test, batch_size)
    for index in range(len(batches)):
        inputs, targets = batches[index]
        yield model.predict_on_batch(inputs), inputs, targets


def _joined(parts: list[Scores]) -> Scores:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


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
        "environment": record["environment"],
        "data": {
            **{name: test_manifest[name] for name in facts},
            "examples": {name: split["examples"] for name, split in splits.items()},
            "test_examples_also_in_training": test_manifest["test_examples_also_in_training"],
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
