"""Operations in products with the kernels of recurrent layers, counted from a model."""

import math

import keras


def operations(model: keras.Model, trained: int, validated: int = 0) -> float:
    """Return those of as many examples trained on, and of others that only validate.

    A multiplication and an addition are two. Training takes three times as many as the way forward:
    backward, the gradients of inputs and of kernels are as many each.
    """
    return float((3 * trained + validated) * sum(map(_forward, model.layers)))


def _forward(layer: keras.Layer) -> int:
    """Return a layer's for one example's way forward."""
    cells = [part.cell for part in layer._flatten_layers() if isinstance(part, keras.layers.RNN)]
    kernels = [kernel for cell in cells for kernel in (cell.kernel, cell.recurrent_kernel)]
    entries = sum(math.prod(kernel.shape) for kernel in kernels)
    if not entries:
        return 0
    _, steps, *places, _ = layer.input.shape  # places of a frame, each multiplied by the kernel
    return int(2 * steps * math.prod(places) * entries)
