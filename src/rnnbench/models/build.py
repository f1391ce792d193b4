"""From an experiment's parameters to a compiled `keras.Model`."""

import keras
import numpy as np

from rnnbench.errors import RnnbenchError
from rnnbench.models.registry import build_layer
from rnnbench.params import AnyView, Experiment, TextView, Training


def build_model(
    experiment: Experiment, view: AnyView, input_shape: tuple[int, ...], class_count: int
) -> keras.Model:
    """Build and compile an experiment's model.

    Parameters
    ----------
    experiment : Experiment
        Layers and training recipe.
    view : AnyView
        Its view; a text view gives the embedding its vocabulary size.
    input_shape : tuple of int
        Shape of one example.
    class_count : int
        Classes of the targets, 0 where they are frames.

    Returns
    -------
    keras.Model
        Inputs are integers for text and numbers from 0 to 1 for pixels.

    Raises
    ------
    RnnbenchError
        If the layers do not fit each other, the loss or the classes.
    """
    vocabulary_size = view.vocabulary_size if isinstance(view, TextView) else None
    dtype = "int32" if isinstance(view, TextView) else "float32"
    layers = [
        build_layer(layer, f"{name}_{layer.type}", vocabulary_size)
        for name, layer in experiment.model.items()
    ]
    try:
        model = keras.Sequential([keras.Input(input_shape, dtype=dtype), *layers])
    except ValueError as error:
        raise RnnbenchError(f"the layers do not fit each other: {error}") from error
    _require_output_fits(model, experiment.training, class_count)
    model.compile(
        optimizer=build_optimizer(experiment.training),
        loss=build_loss(experiment.training),
        metrics=["accuracy"] if class_count else [],
    )
    return model


def build_loss(training: Training) -> keras.losses.Loss:
    """Make the loss that training minimises and evaluation reports."""
    if training.loss == "binary_crossentropy":
        return keras.losses.BinaryCrossentropy(from_logits=training.from_logits)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=training.from_logits)


def build_optimizer(training: Training) -> keras.optimizers.Optimizer:
    """Make the optimizer.

    The learning rate of step t is `learning_rate / (1 + learning_rate_decay * t)`, which is what
    the `decay` argument of Keras's older optimizers did.
    """
    rate: float | keras.optimizers.schedules.LearningRateSchedule = training.learning_rate
    if training.learning_rate_decay:
        rate = keras.optimizers.schedules.InverseTimeDecay(
            training.learning_rate, decay_steps=1, decay_rate=training.learning_rate_decay
        )
    return keras.optimizers.Adam(rate)


def count_parameters(model: keras.Model) -> dict[str, int]:
    """Count each layer's parameters, those that are not trained included."""
    return {layer.name: int(layer.count_params()) for layer in model.layers}


def _require_output_fits(model: keras.Model, training: Training, class_count: int) -> None:
    wanted = 1 if training.loss == "binary_crossentropy" else class_count
    outputs = model.output_shape[-1]
    if outputs != wanted:
        raise RnnbenchError(
            f"the last layer has {outputs} outputs; {training.loss} over {class_count} classes"
            f" needs {wanted}"
        )
    activation = keras.activations.serialize(model.layers[-1].activation)
    if training.from_logits != (activation == "linear"):
        raise RnnbenchError(
            f"from_logits is {str(training.from_logits).lower()} and the last layer's activation"
            f" is {activation}: logits come from a linear layer, probabilities from sigmoid or"
            " softmax"
        )
    if class_count and not np.prod(model.output_shape[1:]) == wanted:
        raise RnnbenchError(
            f"the model puts out {model.output_shape[1:]} an example and one class is wanted:"
            " leave return_sequences out of the last recurrent layer"
        )
