"""Operations in products with the kernels of recurrent layers, counted from a model."""

import keras

from rnnbench.models.cudnn import loops_of
from rnnbench.timing.multiply_adds import layer_multiply_adds


def operations(model: keras.Model, trained: int, validated: int = 0) -> float:
    """Return the operations of some training examples and of others that only validate.

    A multiplication and an addition are two. Training takes three times as many as the way forward:
    backward, the gradients of inputs and of kernels are as many each.
    """
    recurrent = [layer for layer in model.layers if loops_of(layer)]
    forward = sum(layer_multiply_adds(layer, layer.input.shape) for layer in recurrent)
    return float(2 * (3 * trained + validated) * forward)
