"""Scores of a classifier from its predicted probabilities."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import confusion_matrix, f1_score, log_loss, precision_recall_fscore_support

# Keras's own bound (`keras.config.epsilon`): a probability of 0 would make the loss infinite.
EPSILON = 1e-7

Probabilities = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]


def probabilities_from_outputs(
    outputs: npt.NDArray[np.floating[Any]], from_logits: bool
) -> Probabilities:
    """Turn a model's outputs into class probabilities.

    Parameters
    ----------
    outputs : ndarray, shape (examples, classes) or (examples, 1)
        One column stands for the probability (or logit) of class 1 of two.
    from_logits : bool
        Whether outputs are before the sigmoid or softmax.

    Returns
    -------
    ndarray of float64, shape (examples, classes)
        Rows add up to 1.
    """
    values = np.asarray(outputs, dtype=np.float64)
    if values.shape[1] == 1:
        positive = 1.0 / (1.0 + np.exp(-values)) if from_logits else values
        return np.concatenate([1.0 - positive, positive], axis=1)
    if from_logits:
        values = np.exp(values - values.max(axis=1, keepdims=True))
    normalised: Probabilities = values / values.sum(axis=1, keepdims=True)
    return normalised


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
    clipped = np.clip(probabilities, EPSILON, 1.0 - EPSILON)
    clipped /= clipped.sum(axis=1, keepdims=True)
    classes = np.arange(probabilities.shape[1])
    return {
        "accuracy": float(np.mean(predicted == labels)),
        "loss": float(log_loss(labels, clipped, labels=classes)),
        "macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0.0)),
    }


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
