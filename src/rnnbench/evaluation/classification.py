"""Scores of a classifier from its predicted probabilities."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import confusion_matrix, f1_score, log_loss, precision_recall_fscore_support

from rnnbench.models.outputs import Probabilities

# Keras's own bound (`keras.config.epsilon`): a probability of 0 would make the loss infinite.
EPSILON = 1e-7

Labels = npt.NDArray[np.integer[Any]]


def score_classifier(probabilities: Probabilities, labels: Labels) -> dict[str, float]:
    """Score predicted probabilities.

    Parameters
    ----------
    probabilities : ndarray, shape (examples, classes)
        Rows add up to 1.
    labels : ndarray of int, shape (examples,)
        The true classes.

    Returns
    -------
    dict
        `accuracy`, `loss` (mean cross-entropy in nats) and `macro_f1` (over classes that occur
        in `labels` or in the predictions; 0 for a class that is never predicted rightly).
    """
    predicted = probabilities.argmax(axis=1)
    return {
        "accuracy": float(np.mean(predicted == labels)),
        "loss": cross_entropy(probabilities, labels),
        "macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0.0)),
    }


def cross_entropy(probabilities: Probabilities, labels: Labels) -> float:
    """Return the mean cross-entropy in nats; a probability of 0 counts as Keras counts it."""
    clipped = np.clip(probabilities, EPSILON, 1.0 - EPSILON)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return float(log_loss(labels, clipped, labels=np.arange(probabilities.shape[1])))


def score_majority_class(
    training_counts: npt.NDArray[np.integer[Any]], labels: Labels
) -> dict[str, float]:
    """Score the baseline that always says the training split's largest class.

    Its probabilities are the classes' shares of the training split.
    """
    shares = training_counts / training_counts.sum()
    return score_classifier(np.tile(shares, (len(labels), 1)), labels)


def score_each_class(
    probabilities: Probabilities, labels: Labels, class_names: list[str]
) -> pd.DataFrame:
    """Return precision, recall, F1 and test examples of each class, a row a class."""
    precision, recall, f1, support = precision_recall_fscore_support(
        labels,
        probabilities.argmax(axis=1),
        labels=np.arange(len(class_names)),
        zero_division=0.0,
    )
    return pd.DataFrame(
        {
            "class": class_names,
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "test_examples": support,
        }
    )


def count_confusions(
    probabilities: Probabilities, labels: Labels, class_names: list[str]
) -> pd.DataFrame:
    """Return how often each class was taken for each, a row a pair: actual, predicted, count."""
    matrix = confusion_matrix(
        labels, probabilities.argmax(axis=1), labels=np.arange(len(class_names))
    )
    return confusion_table(matrix, class_names)


def confusion_table(matrix: npt.NDArray[np.integer[Any]], class_names: list[str]) -> pd.DataFrame:
    """Turn a confusion matrix (actual x predicted) into a row a pair."""
    return pd.DataFrame(
        {
            "actual": np.repeat(class_names, len(class_names)),
            "predicted": np.tile(class_names, len(class_names)),
            "count": matrix.ravel(),
        }
    )
