"""One class per example; for two classes, a model returns the probability of the second."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rnnbench.data.prepared import Array, Split
from rnnbench.models import heads
from rnnbench.models.reference import sigmoid
from rnnbench.tables import Column
from rnnbench.tasks import task

# Keras's bound on probabilities (`keras.config.epsilon`); 0 would make the loss infinite.
EPSILON = 1e-7
METRICS = task.Metrics()

Probabilities = npt.NDArray[np.float64]  # of shape (examples, classes); rows add up to 1


@METRICS.add
def accuracy(probabilities: Probabilities, labels: task.Integers) -> float:
    """Return the share of examples whose likeliest class is the true one."""
    return float(np.mean(probabilities.argmax(axis=1) == labels))


@METRICS.add
def loss(probabilities: Probabilities, labels: task.Integers) -> float:
    """Return the mean cross-entropy in nats; probabilities are clipped as in Keras."""
    from sklearn.metrics import log_loss

    clipped = np.clip(probabilities, EPSILON, 1.0 - EPSILON)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return float(log_loss(labels, clipped, labels=np.arange(probabilities.shape[1])))


@METRICS.add
def macro_f1(probabilities: Probabilities, labels: task.Integers) -> float:
    """Return the mean F1 over all classes, even absent ones; F1 is 0 without a true positive."""
    from sklearn.metrics import f1_score

    classes = np.arange(probabilities.shape[1])
    predicted = probabilities.argmax(axis=1)
    return float(f1_score(labels, predicted, labels=classes, average="macro", zero_division=0.0))


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
        positive = sigmoid(values) if from_logits else values
        return np.concatenate([1.0 - positive, positive], axis=1)
    if from_logits:
        values = np.exp(values - values.max(axis=1, keepdims=True))
    normalised: Probabilities = values / values.sum(axis=1, keepdims=True)
    return normalised


def predict_majority_class(training_counts: task.Integers, examples: int) -> Probabilities:
    """Return the baseline's probabilities: the classes' shares of the training split."""
    return np.tile(training_counts / training_counts.sum(), (examples, 1))


def score_each_class(
    probabilities: Probabilities, labels: task.Integers, class_names: list[str]
) -> pd.DataFrame:
    """Return precision, recall, F1 and the number of test examples, one row per class."""
    from sklearn.metrics import precision_recall_fscore_support

    scores = precision_recall_fscore_support(
        labels,
        probabilities.argmax(axis=1),
        labels=np.arange(len(class_names)),
        zero_division=0.0,
    )
    columns = ("class", "precision", "recall", "f1", "test_examples")
    return pd.DataFrame(dict(zip(columns, (class_names, *scores), strict=True)))


class Classification(heads.Classification, task.Task):
    """One class per example."""

    test_metrics = METRICS
    score = task.Score("accuracy", "test accuracy", higher_is_better=True)
    headline = ("accuracy", "loss", "macro_f1")
    baseline_name = "majority_class"
    summary = (
        Column("accuracy", "test accuracy [95 % interval]", ".4f", task.SCORE_ENDS),
        Column("reported_accuracy", "reported accuracy", ".4f"),
        Column("difference", "difference", "+.4f"),
    )
    columns = (
        *summary,
        Column("macro_f1", "macro F1", ".4f"),
        Column("loss", "test loss", ".4f"),
        Column("reported_loss", "reported loss", ".4f"),
    )

    def evaluate(self, model: task.TrainedModel, test: Split) -> task.Evaluation:
        """Score the model beside the majority class of the training split."""
        names = model.manifest.class_names
        labels = np.asarray(test.targets, dtype=np.int64)
        probabilities = probabilities_from_outputs(
            model.predict_all(test.inputs), model.from_logits
        )
        predicted = probabilities.argmax(axis=1)
        counts = np.asarray(model.manifest.splits["train"]["class_counts"])
        return task.Evaluation(
            metrics=METRICS.measure(probabilities, labels),
            baseline=METRICS.measure(predict_majority_class(counts, len(labels)), labels),
            details=score_each_class(probabilities, labels, names),
            confusions=task.count_pairs(labels, predicted, names),
            predictions={
                task.SCORE_ARRAY: predicted == labels,
                "probabilities": probabilities.astype(np.float32),
                "labels": labels,
            },
        )

    def answer(self, outputs: Array, model: task.TrainedModel, given: str, target: Path) -> str:
        """Return the likeliest class, its probability and the name of the example."""
        (probabilities,) = probabilities_from_outputs(outputs[np.newaxis], model.from_logits)
        likeliest = int(probabilities.argmax())
        return f"{model.manifest.class_names[likeliest]}  {probabilities[likeliest]:.4f}  {given}"

    def answers(self, outputs: Array, model: task.TrainedModel) -> pd.DataFrame:
        """Return one row per example: its likeliest `label` and `probability`."""
        probabilities = probabilities_from_outputs(outputs, model.from_logits)
        names = model.manifest.class_names
        labels = [names[index] for index in probabilities.argmax(axis=1)]
        return pd.DataFrame({"label": labels, "probability": probabilities.max(axis=1)})


task.TASKS.add(Classification.name, Classification())
