"""Building a compiled `keras.Model` from layers and a training recipe."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras

from rnnbench.data.prepared import Manifest
from rnnbench.errors import RnnbenchError
from rnnbench.models.architecture import complete, require_layers_fit_inputs, returning_sequences
from rnnbench.models.heads import HEADS
from rnnbench.models.optimizers import build_optimizer
from rnnbench.models.variant import VARIANTS, build_layer
from rnnbench.params import Layer, Training


def build_model(layers: Mapping[str, Layer], training: Training, manifest: Manifest) -> keras.Model:
    """Build and compile a model for a view.

    Parameters
    ----------
    layers : mapping of Layer
        From input to output, as in `params.yaml`; the view's task adds the output layers.
    training : Training
        Optimizer, precision, and whether the outputs are logits.
    manifest : Manifest
        The view's manifest, with its task, shapes and vocabulary size.

    Returns
    -------
    keras.Model
        A compiled model. Inputs are integers for text and numbers from 0 to 1 for pixels.

    Raises
    ------
    RnnbenchError
        If the layers do not fit each other, the inputs or the task.
    """
    require_layers_fit_inputs(layers, manifest.view, manifest.vocabulary_size is not None)
    dtype = "float32" if manifest.vocabulary_size is None else "int32"
    built = _build_layers(layers, training, manifest)
    try:
        model = keras.Sequential([keras.Input(manifest.input_shape, dtype=dtype), *built])
    except ValueError as error:
        raise RnnbenchError(f"the layers do not fit each other: {error}") from error
    head = HEADS[manifest.task]
    head.require_fits(
        model.output_shape[1:],
        keras.activations.serialize(_activation(built[-1])),
        manifest,
        training.from_logits,
    )
    model.compile(
        optimizer=build_optimizer(training, _steps_of_training(training, manifest)),
        loss=head.loss(manifest, training.from_logits),
        metrics=head.metrics(manifest, training.from_logits),
    )
    return model


def _steps_of_training(training: Training, manifest: Manifest) -> int:
    """Return the number of batches in all epochs."""
    examples: int = manifest.splits["train"]["inputs"]["shape"][0]
    return training.epochs * math.ceil(examples / training.batch_size)


def _build_layers(
    layers: Mapping[str, Layer], training: Training, manifest: Manifest
) -> list[keras.Layer]:
    """Make the layers in the precision of the recipe, the last one in float32.

    With outputs in bfloat16, whose significand has eight bits, the loss would be too coarse.
    """
    layers = complete(layers, manifest, training.from_logits)
    sequences = returning_sequences(layers, manifest)
    last = list(layers)[-1]
    built = []
    for name, layer in layers.items():
        keywords: dict[str, Any] = {}
        if name in sequences:
            keywords["return_sequences"] = True
        if VARIANTS[layer.type].takes_ids:
            keywords["vocabulary_size"] = manifest.vocabulary_size
        with computing_in("float32" if name == last else training.precision):
            built.append(build_layer(layer, name=f"{name}_{layer.type}", **keywords))
    return built


def _activation(layer: keras.Layer) -> Any:
    """Return the activation of a layer, or of the layer that it wraps; linear by default."""
    for wrapped in ("layer", "forward_layer"):
        if hasattr(layer, wrapped):
            return _activation(getattr(layer, wrapped))
    return getattr(layer, "activation", keras.activations.linear)


@contextmanager
def computing_in(policy: str) -> Iterator[None]:
    """Give layers made in the block, wrapped ones included, a dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def reset(model: keras.Model, new: keras.Model) -> None:
    """Give a trained model the state of a model just built from the same parameters.

    Weights, the random state of dropout and the optimizer's variables are copied from `new`; the
    functions traced and compiled for `model` stay.
    """
    new.optimizer.build(new.trainable_variables)
    _assign(model.variables, new.variables)
    _assign(model.optimizer.variables, new.optimizer.variables)


def _assign(variables: list[keras.Variable], values: list[keras.Variable]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def count_parameters(model: keras.Model) -> dict[str, int]:
    """Return the number of parameters by layer name, non-trainable ones included."""
    return {layer.name: int(layer.count_params()) for layer in model.layers}
