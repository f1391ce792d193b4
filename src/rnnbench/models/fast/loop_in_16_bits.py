"""The compiled loop of a layer that computes in bfloat16.

XLA multiplies 16 bits on a CPU by way of 32, TensorFlow's own products use the processor's
instructions for them. So what can be multiplied for all steps at once is, outside of what XLA
compiles, in 16 bits; the recurrence runs in 32, and with it every sum over the steps.
"""

from typing import Any

import keras
import tensorflow as tf

from rnnbench.models.fast.loop import Forward, run_backward, run_forward, with_own_gradient
from rnnbench.models.fast.steps import Pairs, Steps, Tensors, bias_gradient


def recur_in_16_bits(
    steps: Steps,
    inputs: Any,
    mask: Any,
    projection: Tensors,
    weights: Tensors,
    states: Tensors,
    every_step: bool,
) -> tuple[Any, list[Any]]:
    """Do what `rnnbench.models.fast.loop.recur` does, with bfloat16 going in and coming out."""

    def forward(inputs: Any, projection: Any, weights: Any, states: Any) -> Forward:
        kernel, bias = projection
        factors = _flat(inputs)
        projected = _unflat(tf.matmul(kernel, factors, transpose_a=True), inputs)
        after, saved, hidden, last = _forward(steps, projected, bias, mask, weights, states)

        def backward(of_hidden: Any, ends: list[Any]) -> Any:
            arguments = (mask, weights, states, after, saved, of_hidden, ends)
            of_x, of_bias, pairs, others, first = _backward(steps, *arguments)
            of_inputs = tf.transpose(_unflat(tf.matmul(kernel, of_x), inputs), (1, 0, 2))
            of_kernel = tf.matmul(factors, of_x, transpose_b=True)
            of_weights = [tf.matmul(*pair, transpose_b=True) for pair in pairs]
            return of_inputs, [of_kernel, of_bias], [tf.concat(of_weights, 1), *others], first

        return hidden, last, backward

    return with_own_gradient(forward, every_step, inputs, projection, weights, states)


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _forward(
    steps: Steps,
    projected: Any,
    bias: Any,
    mask: Any,
    weights: list[Any],
    states: list[Any],
) -> tuple[list[Any], list[Any], Any, list[Any]]:
    """Return what `run_forward` does; and the first state after every step, and the last states."""
    bias, weights, states = keras.tree.map_structure(_in_32_bits, (bias, weights, states))

    def project(step: Any) -> Any:
        return _in_32_bits(projected[:, step]) + bias

    count = tf.shape(projected)[1]
    after, saved = run_forward(steps, count, project, mask, weights, states)
    return after, saved, _in_16_bits(after[0]), [_in_16_bits(state[-1]) for state in after]


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _backward(
    steps: Steps,
    mask: Any,
    weights: list[Any],
    states: list[Any],
    after: list[Any],
    saved: list[Any],
    hidden: Any,
    ends: list[Any],
) -> tuple[Any, Any, Pairs, list[Any], list[Any]]:
    """Return what `run_backward` does, flat in 16 bits, with the bias's gradient after x's."""
    weights, states, ends = keras.tree.map_structure(_in_32_bits, (weights, states, ends))
    hidden = None if hidden is None else _in_32_bits(hidden)
    of_x, pairs, others, first = run_backward(
        steps, mask, weights, states, after, saved, hidden, ends
    )
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


def _in_32_bits(array: Any) -> Any:
    return tf.cast(array, tf.float32)
