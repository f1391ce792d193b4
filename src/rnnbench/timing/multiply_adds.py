"""Multiply-adds of a model's forward pass, counted from its layers' kernels."""

import math
from typing import Any, TypeAlias

import keras

Shape: TypeAlias = tuple[Any, ...]


def multiply_adds(model: keras.Model) -> int:
    """Return the number of multiply-adds of the forward pass of one example.

    Every entry of a kernel takes one multiply-add at each step of a sequence and each position of
    an image. Operations without a kernel (activations, normalisation, the look-up of an embedding,
    the products of gates and states) are not counted.

    Parameters
    ----------
    model : keras.Model
        A built `keras.Sequential` for sequences of one length, with images' channels last.
    """
    # The mask of a bidirectional layer is a second input.
    inputs = [keras.tree.flatten(layer.input)[0] for layer in model.layers]
    return sum(
        layer_multiply_adds(layer, array.shape)
        for layer, array in zip(model.layers, inputs, strict=True)
    )


def layer_multiply_adds(layer: keras.Layer, input_shape: Shape) -> int:
    """Return the multiply-adds of one layer; the first entry of `input_shape` is the batch."""
    if isinstance(layer, keras.layers.Bidirectional):
        both = (layer.forward_layer, layer.backward_layer)
        return sum(layer_multiply_adds(direction, input_shape) for direction in both)
    if isinstance(layer, keras.layers.TimeDistributed):
        batch, steps, *step_shape = input_shape
        return int(steps * layer_multiply_adds(layer.layer, (batch, *step_shape)))
    entries = sum(math.prod(weight.shape) for weight in layer.weights if _is_kernel(weight))
    if not entries or isinstance(layer, keras.layers.Embedding):
        return 0
    transposed = isinstance(layer, keras.layers.Conv2DTranspose)
    positions = (input_shape if transposed else layer.compute_output_shape(input_shape))[1:-1]
    if isinstance(layer, keras.layers.RNN):
        steps = input_shape[1]
        positions = (steps, *positions[layer.return_sequences :])
    return int(entries * math.prod(positions))


def _is_kernel(weight: keras.Variable) -> bool:
    return len(weight.shape) > 1 and "bias" not in weight.name  # a GRU's bias has two rows
