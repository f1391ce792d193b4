"""The compiled loop of a layer that computes in bfloat16.

On a CPU, XLA converts 16-bit factors to 32 bits, while TensorFlow's own products use the
processor's instructions for 16 bits. Products over all steps at once are therefore computed by
TensorFlow, in 16 bits; the recurrence and every sum over the steps have 32 bits.
"""

from typing import Any

import keras
import tensorflow as tf

from rnnbench.models.fast.loop import Pass, Passed, join_products, run_backward, run_forward
from rnnbench.models.fast.steps import Pairs, Steps, bias_gradient, in_32_bits


def pass_forward_in_16_bits(
    steps: Steps,
    mask: Any,
    inputs: Any,
    projection: list[Any],
    weights: list[Any],
    states: list[Any],
) -> Passed:
    """Return the same as `rnnbench.models.fast.loop.pass_forward`, from bfloat16 to bfloat16."""
    kernel, bias = projection
    factors = _flat(inputs)
    projected = _unflat(tf.matmul(kernel, factors, transpose_a=True), inputs)
    # Cast here, as XLA moves a compiled loop to another thread if many operations can start first.
    bias, weights, states = keras.tree.map_structure(in_32_bits, (bias, weights, states))
    after, saved = _forward(steps, projected, bias, mask, weights, states)
    made = Pass(mask, weights, states, after, saved)

    def backward(grad_hidden: Any, ends: list[Any]) -> Any:
        ends = [in_32_bits(end) for end in ends]
        grad_x, grad_bias, pairs, others, first = _backward(steps, made, grad_hidden, ends)
        grad_inputs = tf.transpose(_unflat(tf.matmul(kernel, grad_x), inputs), (1, 0, 2))
        grad_kernel = tf.matmul(factors, grad_x, transpose_b=True)
        products = [tf.matmul(*pair, transpose_b=True) for pair in pairs]
        return grad_inputs, [grad_kernel, grad_bias], join_products(products) + others, first

    return _in_16_bits(after[0]), [_in_16_bits(state[-1]) for state in after], backward


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _forward(
    steps: Steps, projected: Any, bias: Any, mask: Any, weights: list[Any], states: list[Any]
) -> tuple[list[Any], list[Any]]:
    """Return the result of `run_forward`."""

    def project(step: Any) -> Any:
        return in_32_bits(projected[:, step]) + bias

    return run_forward(steps, tf.shape(projected)[1], project, mask, weights, states)


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _backward(
    steps: Steps, made: Pass, grad_hidden: Any, ends: list[Any]
) -> tuple[Any, Any, Pairs, list[Any], list[Any]]:
    """Return the result of `run_backward`, flat in 16 bits, and the bias's gradient after x's."""
    grad_hidden = None if grad_hidden is None else in_32_bits(grad_hidden)
    grad_x, pairs, others, first = run_backward(steps, made, grad_hidden, ends)
    grad_bias = _in_16_bits(bias_gradient(grad_x))
    others, first = keras.tree.map_structure(_in_16_bits, (others, first))
    return (
        _flat(grad_x),
        grad_bias,
        [(_flat(one), _flat(other)) for one, other in pairs],
        others,
        first,
    )


def _flat(array: Any) -> Any:
    """Return (steps, rows, batch) as (rows, steps · batch) in 16 bits, for one product of all."""
    turned = tf.transpose(_in_16_bits(array), (1, 0, 2))
    return tf.reshape(turned, (turned.shape[0], -1))


def _unflat(flat: Any, like: Any) -> Any:
    """Return (rows, steps · batch) as (rows, steps, batch), as `like` is (steps, ..., batch)."""
    array = tf.reshape(flat, (flat.shape[0], tf.shape(like)[0], -1))
    array.set_shape([None, like.shape[0], like.shape[2]])
    return array


def _in_16_bits(array: Any) -> Any:
    return tf.cast(array, tf.bfloat16)
