"""Scoring one model on the test split, by the kind of its targets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from rnnbench.data import copying
from rnnbench.data.adding import ERROR_OF_THE_MEAN
from rnnbench.data.batches import Batches
from rnnbench.data.encoding import START_ID
from rnnbench.data.prepared import Split
from rnnbench.evaluation import figures
from rnnbench.evaluation.classification import (
    confusion_table,
    count_confusions,
    cross_entropy,
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
from rnnbench.evaluation.sums import SUM_CLASSES, bin_sums, score_each_bin, score_sums
from rnnbench.models.outputs import Probabilities, probabilities_from_outputs
from rnnbench.params import AddingView, AnyView, CopyingView, Experiment, FramesView, TextView

SEQUENCE_SHOWN = 0
EVALUATION_BATCH = 512  # outputs are those of smaller batches, sooner


@dataclass
class Evaluation:
    """What the test split says of one run.

    Attributes
    ----------
    metrics, baseline : dict of float
        Of the model, and of the baseline that stands beside it.
    baseline_name : str
        What it is called before its metrics' names, "majority_class" for example.
    details : DataFrame
        A row a class, a range of sums or a frame ahead.
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


def score_model(
    experiment: Experiment,
    view: AnyView,
    model: keras.Model,
    test: Split,
    fit_manifest: dict[str, Any],
) -> Evaluation:
    """Score one model on the test split.

    Parameters
    ----------
    experiment : Experiment
        Its recipe says what the outputs are.
    view : AnyView
        Says what the targets are.
    model : keras.Model
        The trained model.
    test : Split
        The test split.
    fit_manifest : dict
        Of the training splits: class names and counts.
    """
    if isinstance(view, FramesView):
        return _score_frames(model, test, experiment.training.batch_size)
    if isinstance(view, AddingView):
        return _score_sums(model, test)
    if isinstance(view, CopyingView):
        return _score_copies(model, test, view)
    counts = np.asarray(fit_manifest["splits"]["train"]["class_counts"])
    names = fit_manifest["class_names"]
    return _score_classifier(experiment, view, model, test, names, counts)


def _score_classifier(
    experiment: Experiment,
    view: AnyView,
    model: keras.Model,
    test: Split,
    class_names: list[str],
    training_counts: npt.NDArray[np.int64],
) -> Evaluation:
    labels = np.asarray(test.targets, dtype=np.int64)
    outputs = _all_outputs(model, test)
    probabilities = probabilities_from_outputs(outputs, experiment.training.from_logits)
    confusions = count_confusions(probabilities, labels, class_names)
    metrics = score_classifier(probabilities, labels)
    if isinstance(view, TextView):
        metrics |= _score_texts_with_words(probabilities, labels, test)
    return Evaluation(
        metrics=metrics,
        baseline=score_majority_class(training_counts, labels),
        baseline_name="majority_class",
        details=score_each_class(probabilities, labels, class_names),
        confusions=confusions,
        predictions={"probabilities": probabilities.astype(np.float32), "labels": labels},
        drawings={"confusion_matrix": partial(figures.draw_confusion_matrix, confusions)},
    )


def _score_texts_with_words(
    probabilities: Probabilities, labels: npt.NDArray[np.int64], test: Split
) -> dict[str, float]:
    """Score what has a word at all, if not every text has: of the others a label is a guess."""
    with_words = (np.asarray(test.inputs) > START_ID).any(axis=1)
    if with_words.all() or not with_words.any():
        return {}
    right = probabilities.argmax(axis=1) == labels
    return {"accuracy_with_words": float(right[with_words].mean())}


def _score_copies(model: keras.Model, test: Split, view: CopyingView) -> Evaluation:
    """Score the steps where symbols are to be put out; the loss is that of every step."""
    targets = np.asarray(test.targets, dtype=np.int64)
    outputs = np.asarray(_all_outputs(model, test), dtype=np.float64)
    names = list(copying.tokens(view))
    asked = outputs[:, -view.copied_symbols :].reshape(-1, len(names))
    labels = targets[:, -view.copied_symbols :].ravel()
    right = asked.argmax(axis=-1).reshape(len(targets), -1) == labels.reshape(len(targets), -1)
    confusions = count_confusions(asked, labels, names)
    return Evaluation(
        metrics={
            "accuracy": float(right.mean()),
            "sequence_accuracy": float(right.all(axis=1).mean()),
            "loss": cross_entropy(outputs.reshape(-1, len(names)), targets.ravel()),
        },
        baseline={
            "accuracy": 1.0 / view.alphabet_size,
            "loss": copying.memoryless_loss(view),
        },
        baseline_name="memoryless",
        details=score_each_class(asked, labels, names),
        confusions=confusions,
        predictions={"probabilities": asked.astype(np.float32), "labels": labels},
        drawings={"confusion_matrix": partial(figures.draw_confusion_matrix, confusions)},
    )


def _score_sums(model: keras.Model, test: Split) -> Evaluation:
    actual = np.asarray(test.targets, dtype=np.float64)[:, 0]
    predicted = np.asarray(_all_outputs(model, test), dtype=np.float64)[:, 0]
    matrix = np.zeros((len(SUM_CLASSES), len(SUM_CLASSES)), dtype=np.int64)
    np.add.at(matrix, (bin_sums(actual), bin_sums(predicted)), 1)
    confusions = confusion_table(matrix, SUM_CLASSES)
    return Evaluation(
        metrics=score_sums(predicted, actual),
        baseline={"loss": ERROR_OF_THE_MEAN},
        baseline_name="always_one",
        details=score_each_bin(predicted, actual),
        confusions=confusions,
        predictions={"predicted": predicted.astype(np.float32), "actual": actual},
        drawings={
            "confusion_matrix": partial(figures.draw_confusion_matrix, confusions),
            "sums": partial(figures.draw_sums, predicted, actual),
        },
    )


def _score_frames(model: keras.Model, test: Split, batch_size: int) -> Evaluation:
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


def _all_outputs(model: keras.Model, test: Split) -> npt.NDArray[Any]:
    return np.concatenate([batch for batch, _, _ in _predicted(model, test, EVALUATION_BATCH)])


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
