"""One class per step, as in the copying problem (Arjovsky, Shah & Bengio 2016).

Targets before the last `copied_symbols` steps are blank, which is easy: accuracies are of the last
steps, the loss is of every step. A model without memory can only guess the symbols: its
cross-entropy is copied_symbols * log(alphabet_size) / steps.
"""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rnnbench.data.prepared import Array, Manifest, Split
from rnnbench.models import heads
from rnnbench.tables import Column
from rnnbench.tasks import classification, task

METRICS = task.Metrics()

Probabilities = npt.NDArray[np.float64]  # of shape (examples, steps, classes)


@METRICS.add
def accuracy(probabilities: Probabilities, labels: task.Integers, asked: int) -> float:
    """Return the share of right symbols among the last `asked` steps."""
    return float(_right(probabilities, labels, asked).mean())


@METRICS.add
def sequence_accuracy(probabilities: Probabilities, labels: task.Integers, asked: int) -> float:
    """Return the share of sequences whose last `asked` symbols are all right."""
    return float(_right(probabilities, labels, asked).all(axis=1).mean())


@METRICS.add
def loss(probabilities: Probabilities, labels: task.Integers, asked: int) -> float:
    """Return the mean cross-entropy in nats over all steps."""
    return classification.loss(_flat(probabilities), labels.ravel())


def score_without_memory(manifest: Manifest) -> dict[str, float]:
    """Return the best scores that a model without memory can reach."""
    alphabet, copied = manifest.facts["alphabet_size"], manifest.facts["copied_symbols"]
    loss_without_memory = copied * math.log(alphabet) / manifest.target_shape[0]
    return {"accuracy": 1.0 / alphabet, "loss": loss_without_memory}


class SequenceLabelling(heads.SequenceLabelling, task.Task):
    """One class per step."""

    test_metrics = METRICS
    score = task.Score("accuracy", "share of symbols right", higher_is_better=True)
    headline = ("accuracy", "sequence_accuracy", "loss")
    baseline_name = "memoryless"
    columns = summary = (
        Column("length", "delay", ".0f"),
        Column("accuracy", "symbols right [95 % interval]", ".4f", task.SCORE_ENDS),
        Column("sequence_accuracy", "sequences right", ".4f"),
        Column("loss", "test loss", ".4f"),
    )
    length = "delay"

    def evaluate(self, model: task.TrainedModel, test: Split) -> task.Evaluation:
        """Score the model beside the best model without memory."""
        names, asked = model.manifest.class_names, model.manifest.facts["copied_symbols"]
        labels = np.asarray(test.targets, dtype=np.int64)
        outputs = np.asarray(model.predict_all(test.inputs), dtype=np.float64)
        if model.from_logits:
            probabilities = classification.probabilities_from_outputs(_flat(outputs), True)
            outputs = probabilities.reshape(outputs.shape)
        answered, answers = _flat(outputs[:, -asked:]), labels[:, -asked:].ravel()
        return task.Evaluation(
            metrics=METRICS.measure(outputs, labels, asked),
            baseline=score_without_memory(model.manifest),
            details=classification.score_each_class(answered, answers, names),
            confusions=task.count_pairs(answers, answered.argmax(axis=1), names),
            predictions={
                task.SCORE_ARRAY: _right(outputs, labels, asked).mean(axis=1),
                "probabilities": answered.astype(np.float32),
                "labels": answers,
            },
        )

    def answer(self, outputs: Array, model: task.TrainedModel, given: str, target: Path) -> str:
        """Return the likeliest class of each step."""
        return " ".join(model.manifest.class_names[index] for index in outputs.argmax(axis=-1))

    def answers(self, outputs: Array, model: task.TrainedModel) -> Array:
        """Return the likeliest class of each step, shape (examples, steps)."""
        names: Array = np.array(model.manifest.class_names)[outputs.argmax(axis=-1)]
        return names


def _right(
    probabilities: Probabilities, labels: task.Integers, asked: int
) -> npt.NDArray[np.bool_]:
    """Return whether each of the last symbols is right, shape (examples, asked)."""
    right: npt.NDArray[np.bool_] = probabilities.argmax(axis=-1) == labels
    return right[:, -asked:]


def _flat(steps: Array) -> Array:
    return steps.reshape(-1, steps.shape[-1])


task.TASKS.add(SequenceLabelling.name, SequenceLabelling())
