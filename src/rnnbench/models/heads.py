"""What ends a model: its output layers, its loss and its accuracy, by the kind of task.

How a task's answers are scored and shown stands in `rnnbench.tasks`, apart from here: a new metric
makes no training out of date. Nothing here imports Keras before a model is built.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from rnnbench.data.prepared import Manifest
from rnnbench.errors import RnnbenchError
from rnnbench.registry import Registry


@dataclass(frozen=True)
class Output:
    """A `Dense` layer that ends a model: its units and Keras's name of its activation."""

    units: int
    activation: str


class Head(ABC):
    """What a model needs for a kind of task.

    Attributes
    ----------
    name : str
        Of the task, in manifests.
    targets_each_step : bool
        Whether recurrent layers must return every step up to the output.
    takes_logits : bool, default True
        Whether the loss can take logits instead of probabilities.
    last_activation : str or None, default None
        What the model's own last layer needs, unless the loss takes logits; None where the task
        adds the last layer.
    """

    name: str
    targets_each_step: bool
    takes_logits: bool = True
    last_activation: str | None = None

    @abstractmethod
    def output_layers(self, manifest: Manifest, from_logits: bool) -> list[Output]:
        """Return the layers that end a model of the view; none if its own last layer does."""

    @abstractmethod
    def loss(self, manifest: Manifest, from_logits: bool) -> Any:
        """Make the `keras.losses.Loss` that training minimises."""

    def metrics(self, manifest: Manifest, from_logits: bool) -> list[Any]:
        """Return what Keras measures during training beside the loss, nothing by default."""
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
            If it does not fit the view's targets or the loss.
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
    """One class per example; of two classes a model gives the probability of the second."""

    name = "classification"
    targets_each_step = False

    def output_layers(self, manifest: Manifest, from_logits: bool) -> list[Output]:
        """Return a sigmoid for two classes, else a softmax; linear where the loss takes logits."""
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
        """Return the accuracy; a logit means the second class from 0 on, not from 0.5."""
        if not (_is_binary(manifest) and from_logits):
            return ["accuracy"]
        import keras

        return [keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")]


class SequenceLabelling(Head):
    """One class per step."""

    name = "sequence_labelling"
    targets_each_step = True

    def output_layers(self, manifest: Manifest, from_logits: bool) -> list[Output]:
        """Return a softmax at each step; linear where the loss takes logits."""
        return [Output(len(manifest.class_names), "linear" if from_logits else "softmax")]

    def loss(self, manifest: Manifest, from_logits: bool) -> Any:
        """Make the cross-entropy of every step."""
        import keras

        return keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)

    def metrics(self, manifest: Manifest, from_logits: bool) -> list[Any]:
        """Return the accuracy over the steps that ask for a symbol, the last ones."""
        import keras

        asked = manifest.facts["copied_symbols"]

        def of_symbols(actual: Any, predicted: Any) -> Any:
            return keras.metrics.sparse_categorical_accuracy(
                actual[:, -asked:], predicted[:, -asked:]
            )

        return [keras.metrics.MeanMetricWrapper(of_symbols, name="accuracy")]


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
    """The next steps of series, as numbers without a unit."""

    name = "forecasting"


class Video(Head):
    """Frames; the model's own last layer returns their pixels."""

    name = "video"
    targets_each_step = True
    last_activation = "sigmoid"

    def output_layers(self, manifest: Manifest, from_logits: bool) -> list[Output]:
        """Return none: the model ends in a layer of frames."""
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
