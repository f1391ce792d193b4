"""Linear recurrences, `s' = a s + b`: all but the recurrence is computed for all steps at once.

XLA compiles the loop of the recurrence. Its gradient is another linear recurrence, which runs from
the last step to the first one (Martin & Cundy 2018, arXiv:1709.04057).
"""

from typing import Any

import keras
import tensorflow as tf

from rnnbench.models.cell import product, split_states
from rnnbench.models.fast.loop import arrays_over_steps, write


def run_linear_cell(
    layer: keras.layers.RNN, sequences: Any, initial_state: Any
) -> tuple[Any, Any, list[Any]]:
    """Return the last output, all outputs if the layer returns them, and the last states.

    Parameters
    ----------
    layer : keras.layers.RNN
        A layer with a `LinearCell`.
    sequences : tensor, (batch, steps, features)
        The inputs.
    initial_state : sequence of tensors
        The initial states of the cell, each (batch, features).
    """
    cell = layer.cell
    before, earlier = split_states(initial_state)
    window = _window(cell.remember(sequences), earlier) if earlier else []
    a, b, needed = cell.coefficients(sequences, window)
    after = _recur(tf.broadcast_to(a, tf.shape(b)), b, before, cell.IS_COMPLEX)
    arrays = (sequences, needed, after)
    if layer.return_sequences:
        outputs = cell.read(*arrays)
        last = outputs[:, -1]
    else:
        outputs, last = None, cell.read(*_last(arrays))
    states = [last, after[:, -1], *_last(window[: len(earlier)])]
    return last, outputs, states if len(initial_state) > 1 else [last]


def _last(arrays: Any) -> Any:
    """Return the last step of arrays over the steps."""
    return keras.tree.map_structure(lambda array: None if array is None else array[:, -1], arrays)


def _window(remembered: Any, earlier: list[Any]) -> list[Any]:
    """Return, for all steps, what was remembered at each step, one step before it, and so on.

    `earlier` has it for the steps before the first one, the previous one first.
    """
    steps, count = tf.shape(remembered)[1], len(earlier)
    padded = tf.concat([tf.stack(earlier[::-1], axis=1), remembered], axis=1)
    return [padded[:, count - back : count - back + steps] for back in range(count + 1)]


def _recur(a: Any, b: Any, first: Any, is_complex: bool) -> Any:
    """Return s after every step; arrays are (batch, steps, units), `first` is (batch, units)."""
    a, b = (tf.transpose(array, (1, 0, 2)) for array in (a, b))
    after = tf.transpose(_recur_by_step(a, b, first, is_complex), (1, 0, 2))
    after.set_shape([None, b.shape[0], None])
    return after


def _recur_by_step(a: Any, b: Any, first: Any, is_complex: bool) -> Any:
    """Return the same for arrays (steps, batch, units); differentiable any number of times."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def run(a: Any, b: Any, first: Any) -> Any:
        # The gradient is written out, so no tape needs to record the loop.
        after = _loop(*map(tf.stop_gradient, (a, b, first)), is_complex)

        def gradient(upstream: Any) -> Any:
            @tf.custom_gradient  # type: ignore[untyped-decorator]
            def once(*given: Any) -> Any:
                def twice(*grad_once: Any) -> Any:
                    return _gradient_twice(list(given), list(grad_once), is_complex)

                return _gradient(after, list(map(tf.stop_gradient, given)), is_complex), twice

            return once(a, b, first, upstream)

        return after, gradient

    return run(a, b, first)


def _gradient(after: Any, given: list[Any], is_complex: bool) -> list[Any]:
    """Return the gradients of a, b and the first state.

    `given` is a, b, the first state, and the gradient of the states after every step.
    """
    a, _, first, upstream = given
    conjugate = _conjugate(a, is_complex)
    to_previous = tf.concat([conjugate[1:], tf.zeros_like(a[:1])], axis=0)
    backward = _recur_by_step(
        tf.reverse(to_previous, [0]), tf.reverse(upstream, [0]), tf.zeros_like(first), is_complex
    )
    grad_b = tf.reverse(backward, [0])
    before = tf.concat([first[None], after[:-1]], axis=0)
    grad_a = product(_conjugate(before, is_complex), grad_b, is_complex)
    return [grad_a, grad_b, product(conjugate[0], grad_b[0], is_complex)]


@tf.function(autograph=False)  # type: ignore[untyped-decorator]
def _gradient_twice(given: list[Any], grad_once: list[Any], is_complex: bool) -> list[Any]:
    """Return the gradients of the arguments of `_gradient`, from those of its results.

    `tf.gradients` is used because a tape within a gradient records nothing in forward-mode
    differentiation.
    """
    a, b, first, _ = given
    once = _gradient(_recur_by_step(a, b, first, is_complex), given, is_complex)
    twice: list[Any] = tf.gradients(
        once, given, grad_once, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return twice


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _loop(a: Any, b: Any, first: Any, is_complex: bool) -> Any:
    """Return the states after every step."""
    count = tf.shape(b)[0]

    def body(step: Any, state: Any, arrays: Any) -> Any:
        state = product(a[step], state, is_complex) + b[step]
        return step + 1, state, write(arrays, step, [state])

    arrays = arrays_over_steps(count, [first])
    _, _, (after,) = tf.while_loop(lambda step, *_: step < count, body, (0, first, arrays))
    return after.stack()


def _conjugate(values: Any, is_complex: bool) -> Any:
    if not is_complex:
        return values
    real, imaginary = tf.split(values, 2, axis=-1)
    return tf.concat([real, -imaginary], axis=-1)
