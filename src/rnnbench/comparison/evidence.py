"""The evidence behind a suite's scores: the mistakes of its models, and their confidence."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from rnnbench.comparison.evidence_figures import (
    draw_confusion_matrices,
    draw_frames,
    draw_gradients,
    draw_horizons,
    draw_lengths,
    draw_reliability,
    draw_steps,
    write_animation,
)
from rnnbench.comparison.figures import draw_learning_curves
from rnnbench.comparison.results import Result
from rnnbench.figures import save_figure
from rnnbench.layout import CALIBRATION_FILE, CONFUSIONS_FILE, MISTAKES_FILE, STEPS_FILE
from rnnbench.statistics import Array

CURVES_FIGURE = "learning_curves.svg"
CONFUSIONS_FIGURE = "confusion_matrices.svg"
RELIABILITY_FIGURE = "reliability.svg"
GRADIENTS_FIGURE = "gradients.svg"
LENGTHS_FIGURE = "accuracy_by_length.svg"
HORIZONS_FIGURE = "horizons.svg"
STEPS_FIGURE = "steps_ahead.svg"
FRAMES_FIGURE = "frames.png"  # after the experiment's name
ANIMATION_FIGURE = "frames.gif"  # after the experiment's name

BINS = 15
MOST_CLASSES = 12  # in a small confusion matrix
CONFUSIONS_LISTED = 5  # per experiment, if there are more classes
MISTAKES_LISTED = 3  # per experiment
MISTAKE_COLUMNS = ["experiment", "run", "example", "actual", "predicted", "probability", "text"]
DIGITS = "%.4g"


def write_evidence(results: Iterable[Result], curves: pd.DataFrame, folder: Path) -> None:
    """Write tables and figures on the predictions of a suite's models.

    Each kind is written if the evaluations have its data: learning curves, confusions, calibration,
    gradients by lag, accuracy by the length of a text, the worst mistakes, error by steps or frames
    ahead and the frames.

    Parameters
    ----------
    results : iterable of Result
        The results of the experiments that have been evaluated.
    curves : DataFrame
        See `rnnbench.comparison.table.tabulate_curves`.
    folder : Path
        The folder for the files.
    """
    evaluated = [result for result in results if result.runs]
    if not evaluated:
        return
    save_figure(draw_learning_curves(curves, evaluated), folder / CURVES_FIGURE)
    _write_confusions(evaluated, folder)
    _write_calibration(evaluated, folder)
    gradients = _joined(evaluated, "gradients")
    if not gradients.empty:
        save_figure(draw_gradients(gradients), folder / GRADIENTS_FIGURE)
    lengths = _joined(evaluated, "lengths")
    if not lengths.empty:
        save_figure(draw_lengths(lengths), folder / LENGTHS_FIGURE)
    mistakes = list_mistakes(_joined(evaluated, "mistakes"))
    if not mistakes.empty:
        mistakes.to_csv(folder / MISTAKES_FILE, index=False, float_format=DIGITS)
    horizons = {one.name: one.details for one in evaluated if "frames_ahead" in one.details}
    if horizons:
        save_figure(draw_horizons(horizons), folder / HORIZONS_FIGURE)
    steps = {one.name: one.details for one in evaluated if "steps_ahead" in one.details}
    if steps:
        save_figure(draw_steps(steps), folder / STEPS_FIGURE)
        table = tabulate_steps(steps)
        table.to_csv(folder / STEPS_FILE, index=False, float_format=DIGITS)
    for result in evaluated:
        shown = result.shown
        if shown:
            save_figure(draw_frames(shown), folder / f"{result.name}-{FRAMES_FIGURE}")
            write_animation(shown, folder / f"{result.name}-{ANIMATION_FIGURE}")


def tabulate_steps(details: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the mean errors over seeds by steps ahead, one row per experiment, step and series.

    Parameters
    ----------
    details : mapping of DataFrame
        By experiment: see `rnnbench.tasks.forecasting.score_each_step`.
    """
    tables = [
        table.drop(columns="seed")
        .groupby(["steps_ahead", "series"], sort=False, as_index=False)
        .mean()
        .assign(experiment=name)
        for name, table in details.items()
    ]
    joined = pd.concat(tables)
    return joined[["experiment", *joined.columns.drop("experiment")]]


def _joined(results: list[Result], kind: str) -> pd.DataFrame:
    """Return one kind of table of all experiments, with a column `experiment`."""
    tables: list[pd.DataFrame] = [getattr(one, kind).assign(experiment=one.name) for one in results]
    return pd.concat(tables)


def list_mistakes(mistakes: pd.DataFrame) -> pd.DataFrame:
    """Return the wrong predictions with the highest probabilities, one row per test example.

    Parameters
    ----------
    mistakes : DataFrame
        `experiment`, `run`, and the columns of `rnnbench.evaluation.texts.find_worst_mistakes`.
    """
    if mistakes.empty:
        return mistakes
    surest = mistakes.sort_values("probability", ascending=False, kind="stable")
    once = surest.drop_duplicates(["experiment", "example"])
    worst = once.groupby("experiment", sort=False).head(MISTAKES_LISTED)
    place = {name: number for number, name in enumerate(mistakes["experiment"].unique())}
    in_order = worst.sort_values("experiment", key=lambda names: names.map(place), kind="stable")
    return in_order.reindex(columns=MISTAKE_COLUMNS)


def _write_confusions(results: list[Result], folder: Path) -> None:
    """Draw the confusions of few classes; list the most frequent confusions of many classes."""
    confusions = {one.name: one.confusions for one in results}
    confusions = {name: table for name, table in confusions.items() if len(table)}
    if not confusions:
        return
    if max(table["actual"].nunique() for table in confusions.values()) <= MOST_CLASSES:
        save_figure(draw_confusion_matrices(confusions), folder / CONFUSIONS_FIGURE)
        return
    listed = [list_confusions(table).assign(experiment=name) for name, table in confusions.items()]
    pd.concat(listed).to_csv(folder / CONFUSIONS_FILE, index=False, float_format=DIGITS)


def list_confusions(confusions: pd.DataFrame) -> pd.DataFrame:
    """Return the most frequent confusions of two classes.

    Returns
    -------
    DataFrame
        `actual`, `predicted`, `count` over all seeds, and the `share` of the actual class.
    """
    class_counts = confusions.groupby("actual")["count"].transform("sum")
    shares = confusions.assign(share=confusions["count"] / class_counts)
    wrong = shares[(shares["actual"] != shares["predicted"]) & (shares["count"] > 0)]
    return wrong.nlargest(CONFUSIONS_LISTED, "count")


def _write_calibration(results: list[Result], folder: Path) -> None:
    """Draw accuracy by confidence, and write the expected calibration error of each run."""
    runs = [
        (result.name, seed, measure_reliability(arrays["probabilities"], arrays["labels"]))
        for result in results
        for seed, arrays in _classified(result)
    ]
    if not runs:
        return
    errors = pd.DataFrame(
        [(name, seed, expected_calibration_error(table)) for name, seed, table in runs],
        columns=["experiment", "run", "expected_calibration_error"],
    )
    errors.to_csv(folder / CALIBRATION_FILE, index=False, float_format=DIGITS)
    tables = pd.concat([table.assign(experiment=name) for name, _, table in runs])
    means = errors.groupby("experiment", sort=False)["expected_calibration_error"].mean()
    save_figure(draw_reliability(tables, means), folder / RELIABILITY_FIGURE)


def _classified(result: Result) -> Iterator[tuple[str, dict[str, Array]]]:
    """Yield the predictions of each run that has probabilities and labels."""
    for seed, arrays in result.predictions():
        if {"probabilities", "labels"} <= set(arrays):
            yield seed, arrays


def measure_reliability(probabilities: Array, labels: Array) -> pd.DataFrame:
    """Return the accuracy of a run's predictions by their confidence, one row per bin.

    Parameters
    ----------
    probabilities : ndarray, shape (answers, classes)
        The predicted probabilities; the confidence is the largest of them.
    labels : ndarray of int, shape (answers,)
        The true classes.

    Returns
    -------
    DataFrame
        `bin`, the number of `answers` in it, their mean `confidence` and their `accuracy`; 15 bins
        of equal width, as in Guo et al. 2017, without empty ones.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    answers = pd.DataFrame(
        {
            "bin": np.minimum((confidence * BINS).astype(np.int64), BINS - 1),
            "confidence": confidence,
            "accuracy": (probabilities.argmax(axis=1) == labels).astype(np.float64),
        }
    )
    grouped = answers.groupby("bin")
    return grouped.mean().assign(answers=grouped.size()).reset_index()


def expected_calibration_error(reliability: pd.DataFrame) -> float:
    """Return the mean distance of confidence and accuracy over bins, weighted by their answers.

    Source: Naeini, Cooper & Hauskrecht 2015; Guo et al. 2017, equation 3.
    """
    gaps = (reliability["confidence"] - reliability["accuracy"]).abs()
    return float(np.average(gaps, weights=reliability["answers"]))
