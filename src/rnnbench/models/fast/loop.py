"""A recurrent loop that XLA compiles, forward and backward."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from rnnbench.models.fast.steps import Pairs, Steps, Tensors, bias_gradient, in_32_bits

SECOND_LOOP = 100  # from here on it numbers its arrays


class Pass(NamedTuple):
    """What a pass forward was given, and what it left for the one backward."""

    mask: Any
    weights: list[Any]
    states: list[Any]
    after: list[Any]
    saved: list[Any]


# The first state after every step; the last states; and the function that turns the gradients of
# both into those of inputs, projection, weights and initial states.
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
    """Run a cell over a sequence; differentiable in all that it is given, any number of times.

    A forward and a backward loop with a gradient of their own: the backward loop does only what
    depends on the gradient that comes from the step after, all else is done for all steps at once.
    The gradient of a gradient is TensorFlow's, of the same steps as a loop that is not compiled.

    Parameters
    ----------
    forward : callable
        `pass_forward`, or `loop_in_16_bits.pass_forward_in_16_bits`.
    steps : Steps
        Of the cell.
    mask : tensor of bool, (steps, 1, batch), or None
        Where it is false the states stay as they are.
    inputs : tensor, (steps, features, batch)
        The sequence.
    projection : sequence of tensors
        The kernel, (features, gates · units), and the bias, (gates · units, 1).
    weights : sequence of tensors
        The recurrent kernel, (units, gates · units), and what else the cell's `Steps` say.
    states : sequence of tensors, (units, batch)
        The initial states.
    every_step : bool
        Whether the state after every step is wanted.

    Returns
    -------
    tuple
        The first state after every step, (steps, units, batch), or None; and the last states.
    """
    given = (inputs, list(projection), list(weights), list(states))

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def run(*arrays: Any) -> tuple[list[Any], Any]:
        # What follows has its gradient written out: no tape need look into it.
        unwatched = map(tf.stop_gradient, arrays)
        hidden, last, backward = forward(
            steps, mask, *keras.tree.pack_sequence_as(given, list(unwatched))
        )

        def gradient(*gradients: Any) -> Any:
            @tf.custom_gradient  # type: ignore[untyped-decorator]
            def once(*both: Any) -> tuple[list[Any], Any]:
                def twice(*of_once: Any) -> Any:
                    made = keras.tree.pack_sequence_as(given, list(both[: len(arrays)]))
                    of_made = list(both[len(arrays) :])
                    return _gradient_twice(steps, mask, every_step, made, of_made, list(of_once))

                of_hidden, *ends = map(tf.stop_gradient, both[len(arrays) :])
                found = (
                    backward(of_hidden, ends) if every_step else backward(None, [of_hidden, *ends])
                )
                return keras.tree.flatten(found), twice

            return once(*arrays, *gradients)

        return ([hidden, *last] if every_step else last), gradient

    outputs = run(*keras.tree.flatten(given))
    return (outputs[0], outputs[1:]) if every_step else (None, outputs)


@tf.function(autograph=False)  # type: ignore[untyped-decorator]
def _gradient_twice(
    steps: Steps, mask: Any, every_step: bool, given: Any, gradients: list[Any], of_once: list[Any]
) -> list[Any]:
    """Return the gradients of what `recur` was given, and of the gradients of what it returned.

    `of_once` are those of the gradients that it found from both. Symbolic: a tape inside of a
    gradient sees nothing where derivatives run forward.
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
        once, [*arrays, *gradients], of_once, unconnected_gradients=zero
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

    `mask` is a bool tensor, (steps, 1, batch), or None: where it is false the states stay as they
    are.
    """
    after, saved = _forward(steps, inputs, mask, projection, weights, states)
    made = Pass(mask, weights, states, after, saved)

    def backward(of_hidden: Any, ends: list[Any]) -> Any:
        return _backward(steps, inputs, projection, made, of_hidden, ends)

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
    """Return what `run_forward` does."""
    kernel, bias = tf.transpose(projection[0]), projection[1]

    def project(step: Any) -> Any:
        return tf.matmul(kernel, inputs[step]) + bias

    return run_forward(steps, tf.shape(inputs)[0], project, mask, weights, states)


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _backward(
    steps: Steps, inputs: Any, projection: list[Any], made: Pass, of_hidden: Any, ends: list[Any]
) -> tuple[Any, list[Any], list[Any], list[Any]]:
    """Return the gradients of the inputs, the projection, the weights and the initial states."""
    of_x, pairs, others, first = run_backward(steps, made, of_hidden, ends)
    of_inputs = _inputs_gradient(projection[0], of_x)
    of_kernel = _kernel_gradient(inputs, of_x)
    of_weights = [tf.concat([_kernel_gradient(*pair) for pair in pairs], axis=1), *others]
    return of_inputs, [of_kernel, bias_gradient(of_x)], of_weights, first


def run_forward(
    steps: Steps,
    count: Any,
    project: Callable[[Any], Any],
    mask: Any,
    weights: list[Any],
    states: list[Any],
) -> tuple[list[Any], list[Any]]:
    """Return the states after every step, and what the backward loop needs.

    `project` returns the inputs' part of a step's sums, bias included. To be compiled by XLA.
    """
    turned = [tf.transpose(weights[0]), *weights[1:]]

    def one(step: Any, states: list[Any]) -> tuple[list[Any], list[Any]]:
        new, saved = steps.forward(project(step), states, turned)
        if mask is not None:
            new = [tf.where(mask[step], *pair) for pair in zip(new, states, strict=True)]
        return new, saved

    def body(step: Any, states: Any, arrays: Any) -> Any:
        new, saved = one(step, states)
        return step + 1, new, _write(arrays, step, [*new, *saved])

    arrays = _arrays(count, one(tf.constant(0), states))
    _, _, arrays = tf.while_loop(lambda step, *_: step < count, body, (0, states, arrays))
    stacked = [array.stack() for array in arrays]
    return stacked[: len(states)], stacked[len(states) :]


def run_backward(
    steps: Steps, made: Pass, of_hidden: Any, ends: list[Any]
) -> tuple[Any, Pairs, list[Any], list[Any]]:
    """Return what `Steps.collect` does, and the gradients of the initial states.

    `of_hidden` and `ends` are the gradients of the first state after every step, or None, and of
    the last states. To be compiled by XLA.
    """
    mask, weights, states, after, saved = made
    count = tf.shape(after[0])[0]
    before = [
        tf.concat([first[None], every[:-1]], axis=0)
        for first, every in zip(states, after, strict=True)
    ]
    factors = steps.local(saved, before, after)

    def one(step: Any, gradients: list[Any]) -> tuple[list[Any], list[Any]]:
        if of_hidden is not None:
            gradients = [gradients[0] + of_hidden[step], *gradients[1:]]
        here = [factor[step] for factor in factors]
        if mask is None:
            return steps.backward(here, gradients, weights)
        into = [tf.where(mask[step], one, tf.zeros_like(one)) for one in gradients]
        past = [tf.where(mask[step], tf.zeros_like(one), one) for one in gradients]
        earlier, kept = steps.backward(here, into, weights)
        return [sum(pair) for pair in zip(earlier, past, strict=True)], kept

    def body(step: Any, gradients: Any, arrays: Any) -> Any:
        earlier, kept = one(step, gradients)
        return step - 1, earlier, _write(arrays, step, kept)

    arrays = _arrays(count, one(tf.constant(0), ends)[1])
    _, first, arrays = tf.while_loop(lambda step, *_: step >= 0, body, (count - 1, ends, arrays))
    kept = [array.stack() for array in arrays]
    return *steps.collect(factors, kept, before), first


def _inputs_gradient(kernel: Any, of_sums: Any) -> Any:
    """Return the gradient of inputs from that of what their kernel made of them, step by step.

    For one product of all steps, XLA would turn all that is multiplied, and multiply it slower.
    """
    count = tf.shape(of_sums)[0]

    def body(step: Any, arrays: Any) -> Any:
        return step + 1, _write(arrays, step, [tf.matmul(kernel, of_sums[step])])

    arrays = _arrays(count, [tf.matmul(kernel, of_sums[0])], SECOND_LOOP)
    _, arrays = tf.while_loop(lambda step, _: step < count, body, (0, arrays))
    return arrays[0].stack()


def _kernel_gradient(factors: Any, of_sums: Any) -> Any:
    """Return the gradient of a kernel that factors, (steps, units, batch), were multiplied by."""
    return tf.einsum("tub,tgb->ug", factors, of_sums)


def _arrays(count: Any, values: Any, first: int = 1) -> list[Any]:
    """Return an array over the steps for each of a step's values.

    What one holds at first, its number, is overwritten. If two of a compiled function held the
    same, XLA would fill one and copy it; the thread that copied then goes on with the loop, and
    there may be but one such thread for all loops that could run at once.
    """
    return [
        tf.TensorArray(value.dtype, count).unstack(
            tf.fill(tf.concat([[count], tf.shape(value)], 0), tf.cast(number, value.dtype))
        )
        for number, value in enumerate(keras.tree.flatten(values), first)
    ]


def _write(arrays: list[Any], step: Any, values: list[Any]) -> list[Any]:
    return [array.write(step, value) for array, value in zip(arrays, values, strict=True)]
