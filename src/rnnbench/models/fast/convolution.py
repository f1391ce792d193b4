"""ConvLSTM2D's loop with one convolution a step where Keras has eight.

Input, state and a plane of ones, which carries the bias, are stacked as channels, so that one
convolution gives all that goes into the four gates; XLA fuses what follows. Convolutions themselves
stay TensorFlow's: those of XLA are slower on a CPU.

Source: Shi et al. 2015, Convolutional LSTM Network.
"""

from typing import Any

import keras
import tensorflow as tf

from rnnbench.models.fast.steps import as_steps

Activations = tuple[Any, Any]


def recur_over_frames(cell: keras.Layer, frames: Any, states: Any) -> tuple[Any, list[Any]]:
    """Run a ConvLSTM cell over sequences of frames; differentiable in all it is given.

    Parameters
    ----------
    cell : keras.layers.Layer
        Stride and dilation 1, padding "same", channels last.
    frames : tensor, (batch, steps, rows, columns, channels)
        The sequences.
    states : sequence of two tensors, (batch, rows, columns, filters)
        The initial h and c.

    Returns
    -------
    tuple
        h after every step, (batch, steps, rows, columns, filters), and the last h and c.
    """
    activations = as_steps(cell.activation), as_steps(cell.recurrent_activation)
    by_step = tf.transpose(frames, (1, 0, 2, 3, 4))
    with_ones = tf.concat([by_step, tf.ones_like(by_step[..., :1])], axis=-1)

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def run(inputs: Any, kernel: Any, h: Any, c: Any) -> tuple[list[Any], Any]:
        inputs, kernel, h, c = map(tf.stop_gradient, (inputs, kernel, h, c))
        after, last, saved = _forward(activations, inputs, kernel, h, c)

        def gradient(every: Any, last_h: Any, last_c: Any) -> list[Any]:
            return _backward(activations, kernel, saved, every, last_h, last_c)

        return [after, *last], gradient

    after, last_h, last_c = run(with_ones, _stacked_kernel(cell), *states)
    return tf.transpose(after, (1, 0, 2, 3, 4)), [last_h, last_c]


def _stacked_kernel(cell: keras.Layer) -> Any:
    """Return the kernels of input, bias and state as one, (rows, columns, channels, 4 · filters).

    The bias is the kernel of the plane of ones: nothing but at the pixel itself, which with padding
    "same" is left of the middle where there are two.
    """
    kernel, recurrent = map(tf.convert_to_tensor, (cell.kernel, cell.recurrent_kernel))
    bias = tf.zeros(kernel.shape[-1], kernel.dtype) if cell.bias is None else cell.bias
    around = [((size - 1) // 2, size // 2) for size in cell.kernel_size]
    plane = tf.pad(tf.reshape(bias, (1, 1, 1, -1)), [*around, (0, 0), (0, 0)])
    return tf.concat([kernel, plane, recurrent], axis=2)


def _forward(
    activations: Activations, inputs: Any, kernel: Any, h: Any, c: Any
) -> tuple[Any, list[Any], list[Any]]:
    """Return h after every step, the last h and c, and what the backward loop needs."""
    count = tf.shape(inputs)[0]
    arrays = [tf.TensorArray(inputs.dtype, count) for _ in range(4)]

    def body(step: Any, h: Any, c: Any, arrays: list[Any]) -> Any:
        stacked = tf.concat([inputs[step], h], axis=-1)
        total = tf.nn.conv2d(stacked, kernel, 1, "SAME")
        new_h, new_c = _on_both_cores(_gates, activations, total, c)
        values = (new_h, stacked, total, c)
        written = [array.write(step, value) for array, value in zip(arrays, values, strict=True)]
        return step + 1, new_h, new_c, written

    _, h, c, arrays = tf.while_loop(lambda step, *_: step < count, body, (0, h, c, arrays))
    after, *saved = (array.stack() for array in arrays)
    return after, [h, c], saved


def _backward(
    activations: Activations, kernel: Any, saved: list[Any], every: Any, h: Any, c: Any
) -> list[Any]:
    """Return the gradients of the inputs, the kernel and the initial h and c."""
    stacked, totals, cells = saved
    count = tf.shape(stacked)[0]
    channels = stacked.shape[-1] - h.shape[-1]
    inputs = tf.TensorArray(h.dtype, count)

    def body(step: Any, h: Any, c: Any, of_kernel: Any, inputs: Any) -> Any:
        of_total, c = _on_both_cores(
            _gates_backward, activations, totals[step], cells[step], h + every[step], c
        )
        of_stacked = tf.nn.conv2d_transpose(of_total, kernel, tf.shape(stacked[step]), 1, "SAME")
        of_kernel += tf.raw_ops.Conv2DBackpropFilter(
            input=stacked[step],
            filter_sizes=tf.shape(kernel),
            out_backprop=of_total,
            strides=[1, 1, 1, 1],
            padding="SAME",
        )
        inputs = inputs.write(step, of_stacked[..., :channels])
        return step - 1, of_stacked[..., channels:], c, of_kernel, inputs

    _, h, c, of_kernel, inputs = tf.while_loop(
        lambda step, *_: step >= 0, body, (count - 1, h, c, tf.zeros_like(kernel), inputs)
    )
    return [inputs.stack(), of_kernel, h, c]


def _on_both_cores(gates: Any, activations: Activations, *arrays: Any) -> list[Any]:
    """Compute gates for two halves of a batch, which TensorFlow runs side by side."""
    batch = tf.shape(arrays[0])[0]
    sizes = [(batch + 1) // 2, batch // 2]
    halves = zip(*(tf.split(array, sizes) for array in arrays), strict=True)
    parts = zip(*(gates(activations, *half) for half in halves), strict=True)
    return [tf.concat(part, axis=0) for part in parts]


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _gates(activations: Activations, total: Any, c: Any) -> list[Any]:
    """Return the next h and c; `total` is what goes into the gates i, f, g and o."""
    return _next(activations, total, c)


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _gates_backward(
    activations: Activations, total: Any, c: Any, of_h: Any, of_c: Any
) -> list[Any]:
    """Return the gradients of `total` and of the c before."""
    with tf.GradientTape() as tape:
        tape.watch([total, c])
        after = _next(activations, total, c)
    gradients: list[Any] = tape.gradient(after, [total, c], [of_h, of_c])
    return gradients


def _next(activations: Activations, total: Any, c: Any) -> list[Any]:
    activation, recurrent_activation = activations
    i, f, g, o = tf.split(total, 4, axis=-1)
    c = recurrent_activation(f) * c + recurrent_activation(i) * activation(g)
    return [recurrent_activation(o) * activation(c), c]
