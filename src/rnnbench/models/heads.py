"""The head of a model for each kind of task: its output layers, its loss and its metrics.

How a task's predictions are scored and shown is in `rnnbench.tasks`, a separate package, so that a
new metric makes no training out of date. Keras is imported only when a model is built.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from rnnbench.data.prepared import Manifest
from rnnbench.errors import RnnbenchError
from rnnbench.registry import Registry


@dataclass(frozen=True)
class Output:
    """A `Dense` output layer: its units and Keras's name of its activation."""

    units: int
    activation: str


class Head(ABC):
    """The parts of a model that depend on the kind of task.

    Attributes
    ----------
    name : str
        The task's name in manifests.
    targets_each_step : bool
        Whether recurrent layers must return every step up to the output.
    takes_logits : bool, default True
        Whether the loss can take logits instead of probabilities.
    last_activation : str or None, default None
        The activation that the model's own last layer must have, unless the loss takes logits;
        None if the task adds the last layer.
    """

    name: str
    targets_each_step: bool
    takes_logits: bool = True
    last_activation: str | None = None

    @abstractmethod
    def output_layers(self, manifest: Manifest, from_logits: bool) -> list[Output]:
        """Return the output layers for a view; none if the model's own last layer is the output."""

    @abstractmethod
    def loss(self, manifest: Manifest, from_logits: bool) -> Any:
        """Make the `keras.losses.Loss` that training minimises."""

    def metrics(self, manifest: Manifest, from_logits: bool) -> list[Any]:
        """Return the metrics of training beside the loss; none by default."""
        return []

    def require_fits(
        self,
        output_shape: tuple[int | None, ...],
        last_activation: str,
        manifest: Manifest,
        from_logits: bool,
    ) -> None:
        """Check a model's output: its shape per example and Keras's name of its activation.

        Raises
        ------
        RnnbenchError
            If the output does not fit the view's targets or the loss.
        """
        needed = manifest.target_shape
        if manifest.class_names:
            needed = (*needed, self.output_layers(manifest, from_logits)[-1].units)
        if output_shape != needed:
            advice = (
                "every layer must keep the steps, and the last one have the targets' size"
                if self.targets_each_step
                else "the last recurrent layer must come after all layers that work on single steps"
            )
            raise RnnbenchError(
                f"the model's output shape per example is {output_shape}, the targets of view"
                f" {manifest.view!r} need {needed}: {advice}"
            )
        activation = "linear" if from_logits else self.last_activation
        if self.last_activation and last_activation != activation:
            raise RnnbenchError(
                f"the last layer's activation is {last_activation}, the loss of view"
                f" {manifest.view!r} with from_logits: {str(from_logits).lower()} needs"
                f" {activation}"
            )


class Classification(Head):
    """One class per example; for two classes the output is the probability of the second."""

    name = "classification"
    targets_each_step = False

    def output_layers(self, manifest: Manifest, from_logits: bool) -> list[Output]:
        """Return a sigmoid for two classes, else a softmax; linear if the loss takes logits."""
        binary, classes = _is_binary(manifest), len(manifest.class_names)
        units, activation = (1, "sigmoid") if binary else (classes, "softmax")
        return [Output(units, "linear" if from_logits else activation)]

    def loss(self, manifest: Manifest, from_logits: bool) -> Any:
        """Make the cross-entropy, binary for two classes."""
        import keras

        if _is_binary(manifest):
            return keras.losses.BinaryCrossentropy(from_logits=from_logits)
        return keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)

    def metrics(self, manifest: Manifest, from_logits: bool) -> list[Any]:
        """Return the accuracy; the threshold of a logit is 0, that of a probability 0.5."""
        if not (_is_binary(manifest) and from_logits):
            return ["accuracy"]
        import keras

        return [keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")]


class SequenceLabelling(Head):
    """One class per step."""

    name = "sequence_labelling"
    targets_each_step = True

    def output_layers(self, manifest: Manifest, from_logits: bool) -> list[Output]:
        """Return a softmax at each step; linear if the loss takes logits."""
        return [Output(len(manifest.class_names), "linear" if from_logits else "softmax")]

    def loss(self, manifest: Manifest, from_logits: bool) -> Any:
        """Make the cross-entropy of every step."""
        import keras

        return keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)

    def metrics(self, manifest: Manifest, from_logits: bool) -> list[Any]:
        """Return the accuracy over the last steps, where symbols must be predicted."""
        import keras

        count = manifest.facts["copied_symbols"]

        def symbol_accuracy(actual: Any, predicted: Any) -> Any:
            return keras.metrics.sparse_categorical_accuracy(
                actual[:, -count:], predicted[:, -count:]
            )

        return [keras.metrics.MeanMetricWrapper(symbol_accuracy, name="accuracy")]


class Regression(Head):
    """One number per example."""

    name = "regression"
    targets_each_step = False
    takes_logits = False

    def output_layers(self, manifest: Manifest, from_logits: bool) -> list[Output]:
        """Return a linear layer."""
        return [Output(manifest.target_shape[-1], "linear")]

    def loss(self, manifest: Manifest, from_logits: bool) -> Any:
        """Make the mean squared error."""
        import keras

        return keras.losses.MeanSquaredError()


class Forecasting(Regression):
    """The next steps of a series, standardised."""

    name = "forecasting"


class Video(Head):
    """Frames; the model's own last layer returns their pixels."""

    name = "video"
    targets_each_step = True
    last_activation = "sigmoid"

    def output_layers(self, manifest: Manifest, from_logits: bool) -> list[Output]:
        """Return none: the model's own last layer returns frames."""
        return []

    def loss(self, manifest: Manifest, from_logits: bool) -> Any:
        """Make the binary cross-entropy of pixels."""
        import keras

        return keras.losses.BinaryCrossentropy(from_logits=from_logits)


def _is_binary(manifest: Manifest) -> bool:
    return len(manifest.class_names) == 2  # noqa: PLR2004


HEADS: Registry[Head] = Registry("task")
for _head in (Classification(), SequenceLabelling(), Regression(), Forecasting(), Video()):
    HEADS.add(_head.name, _head)
