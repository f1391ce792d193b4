"""The compiled loop of a layer that computes in bfloat16.

XLA multiplies 16 bits on a CPU by way of 32, TensorFlow's own products use the processor's
instructions for them. So what can be multiplied for all steps at once is, outside of what XLA
compiles, in 16 bits; the recurrence runs in 32, and with it every sum over the steps.
"""

from typing import Any

import keras
import tensorflow as tf

from rnnbench.models.fast.loop import Pass, Passed, run_backward, run_forward
from rnnbench.models.fast.steps import Pairs, Steps, bias_gradient, in_32_bits


def pass_forward_in_16_bits(
    steps: Steps,
    mask: Any,
    inputs: Any,
    projection: list[Any],
    weights: list[Any],
    states: list[Any],
) -> Passed:
    """Do what `rnnbench.models.fast.loop.pass_forward` does, from bfloat16 to bfloat16."""
    kernel, bias = projection
    factors = _flat(inputs)
    projected = _unflat(tf.matmul(kernel, factors, transpose_a=True), inputs)
    # Not where XLA compiles: if much can begin at once, it hands the loop to another thread.
    bias, weights, states = keras.tree.map_structure(in_32_bits, (bias, weights, states))
    after, saved = _forward(steps, projected, bias, mask, weights, states)
    made = Pass(mask, weights, states, after, saved)

    def backward(of_hidden: Any, ends: list[Any]) -> Any:
        ends = [in_32_bits(end) for end in ends]
        of_x, of_bias, pairs, others, first = _backward(steps, made, of_hidden, ends)
        of_inputs = tf.transpose(_unflat(tf.matmul(kernel, of_x), inputs), (1, 0, 2))
        of_kernel = tf.matmul(factors, of_x, transpose_b=True)
        of_weights = [tf.matmul(*pair, transpose_b=True) for pair in pairs]
        return of_inputs, [of_kernel, of_bias], [tf.concat(of_weights, 1), *others], first

    return _in_16_bits(after[0]), [_in_16_bits(state[-1]) for state in after], backward


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _forward(
    steps: Steps, projected: Any, bias: Any, mask: Any, weights: list[Any], states: list[Any]
) -> tuple[list[Any], list[Any]]:
    """Return what `run_forward` does."""

    def project(step: Any) -> Any:
        return in_32_bits(projected[:, step]) + bias

    return run_forward(steps, tf.shape(projected)[1], project, mask, weights, states)


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _backward(
    steps: Steps, made: Pass, of_hidden: Any, ends: list[Any]
) -> tuple[Any, Any, Pairs, list[Any], list[Any]]:
    """Return what `run_backward` does, flat in 16 bits, with the bias's gradient after x's."""
    of_hidden = None if of_hidden is None else in_32_bits(of_hidden)
    of_x, pairs, others, first = run_backward(steps, made, of_hidden, ends)
    of_bias = _in_16_bits(bias_gradient(of_x))
    others, first = keras.tree.map_structure(_in_16_bits, (others, first))
    return _flat(of_x), of_bias, [(_flat(one), _flat(other)) for one, other in pairs], others, first


def _flat(array: Any) -> Any:
    """Return (steps, rows, batch) as (rows, steps · batch) in 16 bits, for one product of all."""
    turned = tf.transpose(_in_16_bits(array), (1, 0, 2))
    return tf.reshape(turned, (turned.shape[0], -1))


def _unflat(flat: Any, like: Any) -> Any:
    """Return (rows, steps · batch) as (rows, steps, batch), of what is (steps, ..., batch)."""
    array = tf.reshape(flat, (flat.shape[0], tf.shape(like)[0], -1))
    array.set_shape([None, like.shape[0], like.shape[2]])
    return array


def _in_16_bits(array: Any) -> Any:
    return tf.cast(array, tf.bfloat16)
