"""The number of operations in products with the kernels of a model's recurrent layers."""

import keras

from rnnbench.models.cudnn import loops_of
from rnnbench.timing.multiply_adds import layer_multiply_adds


def operations(model: keras.Model, trained: int, validated: int = 0) -> float:
    """Return the operations for numbers of training and of validation examples.

    A multiplication and an addition count as two operations. Training takes three times as many as
    the forward pass: the gradients of inputs and of kernels take as many each.
    """
    recurrent = [layer for layer in model.layers if loops_of(layer)]
    forward = sum(layer_multiply_adds(layer, layer.input.shape) for layer in recurrent)
    return float(2 * (3 * trained + validated) * forward)
