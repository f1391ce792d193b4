"""From an experiment's parameters to a compiled `keras.Model`."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from rnnbench.errors import RnnbenchError
from rnnbench.models.registry import build_layer
from rnnbench.params import AnyView, Experiment, TextView, Training

OPTIMIZERS = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}


def build_model(
    experiment: Experiment,
    view: AnyView,
    input_shape: tuple[int, ...],
    target_shape: tuple[int, ...],
    class_count: int,
) -> keras.Model:
    """Build and compile an experiment's model.

    Parameters
    ----------
    experiment : Experiment
        Layers and training recipe.
    view : AnyView
        Its view; a text view gives the embedding its vocabulary size.
    input_shape, target_shape : tuple of int
        Shapes of one example's inputs and targets; the target shape of one class is empty.
    class_count : int
        Classes of the targets, 0 where they are numbers.

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
    layers = _build_layers(experiment, vocabulary_size)
    try:
        model = keras.Sequential([keras.Input(input_shape, dtype=dtype), *layers])
    except ValueError as error:
        raise RnnbenchError(f"the layers do not fit each other: {error}") from error
    _require_output_fits(model, experiment.training, target_shape, class_count)
    model.compile(
        optimizer=build_optimizer(experiment.training),
        loss=build_loss(experiment.training),
        metrics=["accuracy"] if class_count else [],
    )
    return model


def _build_layers(experiment: Experiment, vocabulary_size: int | None) -> list[keras.Layer]:
    """Make the layers in the precision that training asks for, the last one in float32.

    A loss of numbers with eight bits would hardly tell one model from the next.
    """
    last = list(experiment.model)[-1]
    layers = []
    for name, layer in experiment.model.items():
        with computing_in("float32" if name == last else experiment.training.precision):
            layers.append(build_layer(layer, f"{name}_{layer.type}", vocabulary_size))
    return layers


@contextmanager
def computing_in(policy: str) -> Iterator[None]:
    """Let layers made in the block, those that a wrapper holds included, compute by a policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def build_loss(training: Training) -> keras.losses.Loss:
    """Make the loss that training minimises and evaluation reports."""
    if training.loss == "binary_crossentropy":
        return keras.losses.BinaryCrossentropy(from_logits=training.from_logits)
    if training.loss == "mean_squared_error":
        return keras.losses.MeanSquaredError()
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
    return OPTIMIZERS[training.optimizer](rate)


def reset(model: keras.Model, new: keras.Model) -> None:
    """Give a trained model the state of one that was just built from the same parameters.

    Weights, what draws dropout, and the optimizer begin as those of `new`; what was traced and
    compiled for `model` stays.
    """
    new.optimizer.build(new.trainable_variables)
    _assign(model.variables, new.variables)
    _assign(model.optimizer.variables, new.optimizer.variables)


def _assign(variables: list[keras.Variable], values: list[keras.Variable]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def count_parameters(model: keras.Model) -> dict[str, int]:
    """Count each layer's parameters, those that are not trained included."""
    return {layer.name: int(layer.count_params()) for layer in model.layers}


def _require_output_fits(
    model: keras.Model, training: Training, target_shape: tuple[int, ...], class_count: int
) -> None:
    if class_count:
        _require_an_output_for_each_class(model, training, class_count)
        target_shape = (*target_shape, model.output_shape[-1])
    if training.loss != "mean_squared_error":
        _require_activation_fits(model, training)
    if model.output_shape[1:] != target_shape:
        raise RnnbenchError(
            f"the model puts out {model.output_shape[1:]} an example and {target_shape} is wanted:"
            " return_sequences of the last recurrent layer decides whether every step puts out"
            " something, the last layer how much; for one class an example, leave return_sequences"
            " out"
        )


def _require_an_output_for_each_class(
    model: keras.Model, training: Training, class_count: int
) -> None:
    wanted = 1 if training.loss == "binary_crossentropy" else class_count
    outputs = model.output_shape[-1]
    if outputs != wanted:
        raise RnnbenchError(
            f"the last layer has {outputs} outputs; {training.loss} over {class_count} classes"
            f" needs {wanted}"
        )


def _require_activation_fits(model: keras.Model, training: Training) -> None:
    activation = keras.activations.serialize(model.layers[-1].activation)
    if training.from_logits != (activation == "linear"):
        raise RnnbenchError(
            f"from_logits is {str(training.from_logits).lower()} and the last layer's activation"
            f" is {activation}: logits come from a linear layer, probabilities from sigmoid or"
            " softmax"
        )
