"""A recurrent loop that XLA compiles, forward and backward."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from rnnbench.models.fast.steps import Pairs, Steps, Tensors, bias_gradient, in_32_bits

SECOND_LOOP = 100  # the number of its first array; see `arrays_over_steps`


class Pass(NamedTuple):
    """The arguments and results of a forward pass that the backward pass needs."""

    mask: Any
    weights: list[Any]
    states: list[Any]
    after: list[Any]
    saved: list[Any]


# The first state after every step; the last states; and the function that computes the gradients of
# inputs, projection, weights and initial states from the gradients of both.
Passed = tuple[Any, list[Any], Callable[[Any, list[Any]], Any]]


def recur(
    forward: Callable[[Steps, Any, Any, list[Any], list[Any], list[Any]], Passed],
    steps: Steps,
    mask: Any,
    inputs: Any,
    projection: Tensors,
    weights: Tensors,
    states: Tensors,
    every_step: bool,
) -> tuple[Any, list[Any]]:
    """Run a cell over a sequence; differentiable any number of times in all arguments.

    The forward and the backward loop are written out. The backward loop computes only terms that
    depend on the gradient from the following step; all others are computed for all steps at once.
    The gradient of a gradient is TensorFlow's, for the same steps in a loop that is not compiled.

    Parameters
    ----------
    forward : callable
        `pass_forward`, or `loop_in_16_bits.pass_forward_in_16_bits`.
    steps : Steps
        The arithmetic of the cell.
    mask : tensor of bool, (steps, 1, batch), or None
        Where it is false, the states do not change.
    inputs : tensor, (steps, features, batch)
        The sequence.
    projection : sequence of tensors
        The kernel, (features, gates · units), and the bias, (gates · units, 1).
    weights : sequence of tensors
        The recurrent kernel, (units, gates · units), and further weights of the cell's `Steps`.
    states : sequence of tensors, (units, batch)
        The initial states.
    every_step : bool
        Whether to return the state after every step.

    Returns
    -------
    tuple
        The first state after every step, (steps, units, batch), or None; and the last states.
    """
    given = (inputs, list(projection), list(weights), list(states))

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def run(*arrays: Any) -> tuple[list[Any], Any]:
        # The gradient of the forward pass is written out, so no tape needs to record it.
        unwatched = map(tf.stop_gradient, arrays)
        hidden, last, backward = forward(
            steps, mask, *keras.tree.pack_sequence_as(given, list(unwatched))
        )

        def gradient(*gradients: Any) -> Any:
            @tf.custom_gradient  # type: ignore[untyped-decorator]
            def once(*both: Any) -> tuple[list[Any], Any]:
                def twice(*grad_once: Any) -> Any:
                    values = keras.tree.pack_sequence_as(given, list(both[: len(arrays)]))
                    upstream = list(both[len(arrays) :])
                    return _gradient_twice(
                        steps, mask, every_step, values, upstream, list(grad_once)
                    )

                grad_hidden, *ends = map(tf.stop_gradient, both[len(arrays) :])
                found = (
                    backward(grad_hidden, ends)
                    if every_step
                    else backward(None, [grad_hidden, *ends])
                )
                return keras.tree.flatten(found), twice

            return once(*arrays, *gradients)

        return ([hidden, *last] if every_step else last), gradient

    outputs = run(*keras.tree.flatten(given))
    return (outputs[0], outputs[1:]) if every_step else (None, outputs)


@tf.function(autograph=False)  # type: ignore[untyped-decorator]
def _gradient_twice(
    steps: Steps,
    mask: Any,
    every_step: bool,
    given: Any,
    gradients: list[Any],
    grad_once: list[Any],
) -> list[Any]:
    """Return the second-order gradients for the arrays given to `recur` and for `gradients`.

    `gradients` are those of the outputs of `recur`, and `grad_once` those of the gradients computed
    from them. `tf.gradients` is used because a tape within a gradient records nothing in
    forward-mode differentiation.
    """
    inputs, projection, weights, states = keras.tree.map_structure(in_32_bits, given)
    kernel, bias = tf.transpose(projection[0]), projection[1]

    def project(step: Any) -> Any:
        return tf.matmul(kernel, inputs[step]) + bias

    after, _ = run_forward(steps, tf.shape(inputs)[0], project, mask, weights, states)
    outputs = [*after[:every_step], *(state[-1] for state in after)]
    outputs = [tf.cast(output, given[0].dtype) for output in outputs]
    arrays, zero = keras.tree.flatten(given), tf.UnconnectedGradients.ZERO
    once = tf.gradients(outputs, arrays, gradients, unconnected_gradients=zero)
    twice: list[Any] = tf.gradients(
        once, [*arrays, *gradients], grad_once, unconnected_gradients=zero
    )
    return twice


def pass_forward(
    steps: Steps,
    mask: Any,
    inputs: Any,
    projection: list[Any],
    weights: list[Any],
    states: list[Any],
) -> Passed:
    """Run a cell over a sequence, all of it compiled by XLA.

    `mask` is a bool tensor, (steps, 1, batch), or None; where it is false, the states stay.
    """
    after, saved = _forward(steps, inputs, mask, projection, weights, states)
    made = Pass(mask, weights, states, after, saved)

    def backward(grad_hidden: Any, ends: list[Any]) -> Any:
        return _backward(steps, inputs, projection, made, grad_hidden, ends)

    return after[0], [state[-1] for state in after], backward


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _forward(
    steps: Steps,
    inputs: Any,
    mask: Any,
    projection: list[Any],
    weights: list[Any],
    states: list[Any],
) -> tuple[list[Any], list[Any]]:
    """Return the result of `run_forward`."""
    kernel, bias = tf.transpose(projection[0]), projection[1]

    def project(step: Any) -> Any:
        return tf.matmul(kernel, inputs[step]) + bias

    return run_forward(steps, tf.shape(inputs)[0], project, mask, weights, states)


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _backward(
    steps: Steps, inputs: Any, projection: list[Any], made: Pass, grad_hidden: Any, ends: list[Any]
) -> tuple[Any, list[Any], list[Any], list[Any]]:
    """Return the gradients of the inputs, the projection, the weights and the initial states."""
    grad_x, pairs, others, first = run_backward(steps, made, grad_hidden, ends)
    grad_inputs = _inputs_gradient(projection[0], grad_x)
    grad_kernel = _kernel_gradient(inputs, grad_x)
    grad_weights = join_products([_kernel_gradient(*pair) for pair in pairs]) + others
    return grad_inputs, [grad_kernel, bias_gradient(grad_x)], grad_weights, first


def join_products(products: list[Any]) -> list[Any]:
    """Return the gradient of the recurrent kernel; no gradient if no product has it as a factor."""
    return [tf.concat(products, axis=1)] if products else []


def run_forward(
    steps: Steps,
    count: Any,
    project: Callable[[Any], Any],
    mask: Any,
    weights: list[Any],
    states: list[Any],
) -> tuple[list[Any], list[Any]]:
    """Return the states after every step, and the arrays that the backward loop needs.

    `project` returns the input's part of a step's sums, including the bias. XLA compiles the code.
    """
    turned = [tf.transpose(weights[0]), *weights[1:]]

    def run_step(step: Any, states: list[Any]) -> tuple[list[Any], list[Any]]:
        new, saved = steps.forward(project(step), states, turned)
        if mask is not None:
            new = [tf.where(mask[step], *pair) for pair in zip(new, states, strict=True)]
        return new, saved

    def body(step: Any, states: Any, arrays: Any) -> Any:
        new, saved = run_step(step, states)
        return step + 1, new, write(arrays, step, [*new, *saved])

    arrays = arrays_over_steps(count, run_step(tf.constant(0), states))
    _, _, arrays = tf.while_loop(lambda step, *_: step < count, body, (0, states, arrays))
    stacked = [array.stack() for array in arrays]
    return stacked[: len(states)], stacked[len(states) :]


def run_backward(
    steps: Steps, made: Pass, grad_hidden: Any, ends: list[Any]
) -> tuple[Any, Pairs, list[Any], list[Any]]:
    """Return the result of `Steps.collect`, and the gradients of the initial states.

    `grad_hidden` and `ends` are the gradients of the first state after every step, or None, and of
    the last states. XLA compiles the code.
    """
    mask, weights, states, after, saved = made
    count = tf.shape(after[0])[0]
    before = [
        tf.concat([first[None], every[:-1]], axis=0)
        for first, every in zip(states, after, strict=True)
    ]
    factors = steps.local(saved, before, after)

    def run_step(step: Any, gradients: list[Any]) -> tuple[list[Any], list[Any]]:
        if grad_hidden is not None:
            gradients = [gradients[0] + grad_hidden[step], *gradients[1:]]
        here = [factor[step] for factor in factors]
        if mask is None:
            return steps.backward(here, gradients, weights)
        into = [tf.where(mask[step], grad, tf.zeros_like(grad)) for grad in gradients]
        past = [tf.where(mask[step], tf.zeros_like(grad), grad) for grad in gradients]
        earlier, stored = steps.backward(here, into, weights)
        return [sum(pair) for pair in zip(earlier, past, strict=True)], stored

    def body(step: Any, gradients: Any, arrays: Any) -> Any:
        earlier, stored = run_step(step, gradients)
        return step - 1, earlier, write(arrays, step, stored)

    arrays = arrays_over_steps(count, run_step(tf.constant(0), ends)[1])
    _, first, arrays = tf.while_loop(lambda step, *_: step >= 0, body, (count - 1, ends, arrays))
    stored = [array.stack() for array in arrays]
    return *steps.collect(factors, stored, before), first


def _inputs_gradient(kernel: Any, grad_sums: Any) -> Any:
    """Return the gradient of the inputs from that of their products with the kernel, step by step.

    For one product over all steps, XLA would transpose both arrays, and multiply more slowly.
    """
    count = tf.shape(grad_sums)[0]

    def body(step: Any, arrays: Any) -> Any:
        return step + 1, write(arrays, step, [tf.matmul(kernel, grad_sums[step])])

    arrays = arrays_over_steps(count, [tf.matmul(kernel, grad_sums[0])], SECOND_LOOP)
    _, arrays = tf.while_loop(lambda step, _: step < count, body, (0, arrays))
    return arrays[0].stack()


def _kernel_gradient(factors: Any, grad_sums: Any) -> Any:
    """Return the gradient of a kernel from its factors, (steps, units, batch), and their sums."""
    return tf.einsum("tub,tgb->ug", factors, grad_sums)


def arrays_over_steps(count: Any, values: Any, first: int = 1) -> list[Any]:
    """Return an array over the steps for each of a step's values.

    Each array starts with a different fill value, which is overwritten. With equal values, XLA
    would fill one array and copy it, which moves the loop onto the copying thread; all concurrent
    loops may share a single such thread.
    """
    return [
        tf.TensorArray(value.dtype, count).unstack(
            tf.fill(tf.concat([[count], tf.shape(value)], 0), tf.cast(number, value.dtype))
        )
        for number, value in enumerate(keras.tree.flatten(values), first)
    ]


def write(arrays: list[Any], step: Any, values: list[Any]) -> list[Any]:
    """Return the arrays with a step's values."""
    return [array.write(step, value) for array, value in zip(arrays, values, strict=True)]
