"""A ConvLSTM's loop and a convolution with one filter, in forms that are faster on a CPU."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from rnnbench.models.fast.rules import has_one_simple_filter
from rnnbench.models.fast.steps import Activation, in_32_bits


def recur_over_frames(
    cell: keras.Layer,
    activations: Sequence[Activation],
    frames: Any,
    states: Sequence[Any],
    every_step: bool,
) -> tuple[Any, Any, list[Any]]:
    """Run the cell of a ConvLSTM (Shi et al. 2015, without peepholes) over a sequence.

    Frame, state and a channel of ones for the bias go into the same convolution: libraries pad
    channels to a multiple of 16, so the few additional ones cost nothing. XLA compiles the gates
    into one pass over memory. In bfloat16, convolutions read and write 16 bits and accumulate in
    32, and the cell state, to which every step adds, stays in 32 bits.

    Parameters
    ----------
    cell : keras.Layer
        The cell of a ConvLSTM layer with strides and dilation 1, padding "same", channels last.
    activations : sequence of two functions
        The activation and the recurrent activation.
    frames : tensor, (batch, steps, ..., channels)
        The sequence.
    states : sequence of two tensors, (batch, ..., filters)
        The initial h and c.
    every_step : bool
        Whether to return the state after every step.

    Returns
    -------
    tuple
        The last h; h after every step, (batch, steps, ..., filters), or the last h; and the last
        states.
    """
    h, c = states
    count = frames.shape[1] or tf.shape(frames)[1]
    ones = tf.ones_like(h[..., :1])
    # In two halves, which TensorFlow computes concurrently.
    kernels = tf.split(_kernel(cell), 2, axis=-1)
    by_step = tf.TensorArray(frames.dtype, count).unstack(_swap_batch_and_steps(frames))
    after = tf.TensorArray(h.dtype, count if every_step else 0, element_shape=h.shape)

    def body(step: Any, h: Any, c: Any, after: Any) -> Any:
        channels = tf.concat([by_step.read(step), h, ones], axis=-1)
        sums = [cell.recurrent_conv(channels, kernel) for kernel in kernels]
        h, c = _gates(activations, sums, c)
        return step + 1, h, c, after.write(step, h) if every_step else after

    start = (0, h, in_32_bits(c), after)
    _, h, c, after = tf.while_loop(
        lambda step, *_: step < count, body, start, maximum_iterations=count
    )
    return h, _swap_batch_and_steps(after.stack()) if every_step else h, [h, c]


class OneFilter:
    """A replacement for the convolution of a `Conv3D` with one filter."""

    def __init__(self, layer: keras.layers.Conv3D) -> None:
        self._layer = layer

    def __call__(self, inputs: Any, kernel: Any) -> Any:
        """Return the same as `Conv3D.convolution_op`."""
        layer = self._layer
        kernel = tf.convert_to_tensor(kernel)
        known = None not in inputs.shape[1:]  # XLA would compile for each size anew
        if known and inputs.dtype == kernel.dtype and has_one_simple_filter(layer):
            return convolve_with_one_filter(inputs, kernel)
        return type(layer).convolution_op(layer, inputs, kernel)


def convolve_with_one_filter(images: Any, kernel: Any) -> Any:
    """Compute a convolution with one filter, stride 1 and padding "same".

    One matrix product covers all positions of the kernel; then the terms of each pixel are summed.
    The convolutions of libraries compute 16 filters at a time, of which one would be used.

    Parameters
    ----------
    images : tensor, (batch, ..., channels)
        The images, with as many spatial axes as the kernel.
    kernel : tensor, (..., channels, 1)
        The filter.

    Returns
    -------
    tensor, (batch, ..., 1)
    """
    *sides, channels, _ = kernel.shape
    places = tf.reshape(kernel, (-1, channels))
    products = tf.matmul(places, tf.reshape(images, (-1, channels)), transpose_b=True)
    by_place = tf.reshape(products, tf.concat([sides, tf.shape(images)[:-1]], axis=0))
    summed = _sum_where_they_meet(sides, by_place)[..., None]
    summed.set_shape([*images.shape[:-1], 1])
    return summed


def _sum_where_they_meet(sides: list[int], by_place: Any) -> Any:
    """Return, for each pixel, the sum of the products of the kernel's positions that overlap it.

    The kernel's positions are the first axes; after the batch's axis follow those of the pixels.
    The gradient is written out because TensorFlow's would keep every shifted array in memory.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def summed(by_place: Any) -> tuple[Any, Any]:
        return _gather(sides, by_place), lambda pixels: _spread(sides, pixels)

    return summed(by_place)


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _gather(sides: list[int], pixels: Any) -> Any:
    for side in sides:
        parts = zip(tf.unstack(pixels, num=side), _offsets(side), strict=True)
        pixels = sum(_shifted(part, len(sides), offset) for part, offset in parts)
    return pixels


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _spread(sides: list[int], pixels: Any) -> Any:
    for side in reversed(sides):
        pixels = tf.stack([_shifted(pixels, len(sides), -offset) for offset in _offsets(side)])
    return pixels


def _offsets(side: int) -> range:
    """Return the offset of each position along a kernel's side from its middle."""
    return range(-((side - 1) // 2), side // 2 + 1)


def _shifted(pixels: Any, axis: int, offset: int) -> Any:
    """Return the pixels shifted by an offset along an axis, with zeros beyond the edge."""
    margins = [[0, 0]] * pixels.shape.rank
    margins[axis] = [max(-offset, 0), max(offset, 0)]
    inside = slice(offset, None) if offset > 0 else slice(offset or None)
    return tf.pad(pixels, margins)[(*[slice(None)] * axis, inside)]


def _gates(activations: Sequence[Activation], sums: list[Any], c: Any) -> Any:
    """Return the next h and c; the backward pass computes the gates again, to save memory."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def gates(sums: list[Any], c: Any) -> tuple[Any, Any]:
        def gradient(grad_h: Any, grad_c: Any) -> Any:
            return _gradient_of_gates(*activations, sums, c, grad_h, grad_c)

        return _compiled_gates(*activations, sums, c), gradient

    return gates(sums, c)


def _next(activation: Activation, recurrent: Activation, sums: list[Any], c: Any) -> Any:
    """Return h and c after a step; each entry of `sums` holds one or more of i, f, g and o."""
    gates = 4 // len(sums)
    i, f, g, o = (in_32_bits(part) for some in sums for part in tf.split(some, gates, axis=-1))
    c = recurrent(f) * c + recurrent(i) * activation(g)
    return tf.cast(recurrent(o) * activation(c), sums[0].dtype), c


_compiled_gates = tf.function(_next, jit_compile=True, autograph=False)


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _gradient_of_gates(
    activation: Activation, recurrent: Activation, sums: list[Any], c: Any, grad_h: Any, grad_c: Any
) -> Any:
    with tf.GradientTape() as tape:
        tape.watch((sums, c))
        after = _next(activation, recurrent, sums, c)
    return tape.gradient(after, (sums, c), (grad_h, grad_c))


def _kernel(cell: keras.Layer) -> Any:
    """Return one kernel for the channels of the frame, the state and the ones."""
    kernels = [tf.convert_to_tensor(cell.kernel), tf.convert_to_tensor(cell.recurrent_kernel)]
    *sides, _, sums = kernels[0].shape
    bias = tf.convert_to_tensor(cell.bias) if cell.use_bias else tf.zeros(sums, kernels[0].dtype)
    margins = [[(side - 1) // 2, side // 2] for side in sides]
    # The bias is at the kernel's middle position, so that padding does not change it at the edges.
    bias_kernel = tf.pad(
        tf.reshape(bias, (*(1 for _ in sides), 1, sums)), [*margins, [0, 0], [0, 0]]
    )
    return tf.concat([*kernels, bias_kernel], axis=-2)


def _swap_batch_and_steps(array: Any) -> Any:
    return tf.transpose(array, [1, 0, *range(2, array.shape.rank)])
