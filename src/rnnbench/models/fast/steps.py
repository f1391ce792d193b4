"""One step of each recurrent cell, forward and backward, written out.

Arrays are transposed: a state is (units, batch), so that a gate is a contiguous block of rows. A
function of one step takes such arrays; a function of all steps takes them stacked, (steps, rows,
batch), and computes at once everything that does not depend on the gradient that runs backward
through time.

Sources: Elman 1990 (SimpleRNN), Hochreiter & Schmidhuber 1997 and Gers et al. 2000 (LSTM), Cho et
al. 2014 (GRU, `reset_after=False`), Li et al. 2018 (IndRNN); the form with `reset_after=True` is
cuDNN's. Backward passes follow from them by the chain rule.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import keras
import tensorflow as tf

Activation = Callable[[Any], Any]
Tensors = Sequence[Any]
Pairs = list[tuple[Any, Any]]


class Steps(Protocol):
    """The arithmetic of a cell that a loop runs.

    `x` is the input's part of each sum, including the bias. `weights` are the recurrent kernel and
    further weights of the cell; the kernel is (units, gates · units) except in `forward`, which
    gets it transposed.
    """

    def forward(self, x: Any, states: Tensors, weights: Tensors) -> tuple[list[Any], list[Any]]:
        """Return the next states, and the arrays (any number of rows) that `local` needs."""

    def local(self, saved: Tensors, before: Tensors, after: Tensors) -> list[Any]:
        """Return, for all steps, the factors by which the backward pass multiplies a gradient."""

    def backward(
        self, factors: Tensors, gradients: Tensors, weights: Tensors
    ) -> tuple[list[Any], list[Any]]:
        """Return the previous states' gradients, and the arrays that `collect` needs of a step."""

    def collect(
        self, factors: Tensors, stored: Tensors, before: Tensors
    ) -> tuple[Any, Pairs, list[Any]]:
        """Return, from all steps, the gradient of x, pairs, and the other weights' gradients.

        Each pair holds the factor multiplied by the recurrent kernel and the gradient of the
        product; the kernel's gradient concatenates the products of the pairs. Without pairs, no
        product has the kernel as a factor, and its gradient is the first of the others.
        """


class _SumsOnly:
    """A cell whose sums only add input and state: all gradients follow from that of the sums."""

    def collect(
        self, factors: Tensors, stored: Tensors, before: Tensors
    ) -> tuple[Any, Pairs, list[Any]]:
        """Return one pair and no other weight."""
        return stored[0], [(before[0], stored[0])], []


class _OneActivation:
    """A cell without gates: h' = activation(x + its product of the recurrent weight and h)."""

    activation: Activation

    def multiply(self, weight: Any, array: Any) -> Any:
        """Return the product with a state or, of the weight not transposed, with a gradient."""
        raise NotImplementedError

    def forward(self, x: Any, states: Tensors, weights: Tensors) -> tuple[list[Any], list[Any]]:
        """Save the array from which `slope` computes the activation's derivative."""
        after, stored = activate(self.activation, x + self.multiply(weights[0], states[0]))
        return [after], [stored]

    def local(self, saved: Tensors, before: Tensors, after: Tensors) -> list[Any]:
        """Return one factor: the activation's derivative."""
        return [slope(self.activation, saved[0])[1]]

    def backward(
        self, factors: Tensors, gradients: Tensors, weights: Tensors
    ) -> tuple[list[Any], list[Any]]:
        """Store the gradient of the sum."""
        total = gradients[0] * factors[0]
        return [self.multiply(weights[0], total)], [total]


# One object for each choice of activations: TensorFlow would trace the loop anew for another.
@lru_cache
@dataclass(frozen=True, eq=False)
class SimpleRNNSteps(_OneActivation, _SumsOnly):
    """h' = activation(x + Rᵀh)."""

    activation: Activation

    def multiply(self, weight: Any, array: Any) -> Any:
        """Return the matrix product."""
        return tf.matmul(weight, array)


@lru_cache
@dataclass(frozen=True, eq=False)
class IndependentSteps(_OneActivation):
    """h' = activation(x + u·h) with one number for each unit; the weight is u, (1, units)."""

    activation: Activation

    def multiply(self, weight: Any, array: Any) -> Any:
        """Return each unit's row times its number."""
        return tf.reshape(weight, (-1, 1)) * array

    def collect(
        self, factors: Tensors, stored: Tensors, before: Tensors
    ) -> tuple[Any, Pairs, list[Any]]:
        """Return no pair, and the gradient of u."""
        return stored[0], [], [tf.reduce_sum(before[0] * stored[0], axis=(0, 2))[None]]


@lru_cache
@dataclass(frozen=True, eq=False)
class LSTMSteps(_SumsOnly):
    """Gates g, i, f, o of x + Rᵀh; c' = f·c + i·g; h' = o·activation(c').

    In this order, which is not Keras's, gates with the same activation are one block of rows, and
    so are the gates that the gradient of c reaches.
    """

    activation: Activation
    recurrent_activation: Activation

    def forward(self, x: Any, states: Tensors, weights: Tensors) -> tuple[list[Any], list[Any]]:
        """Save the arrays from which `slope` computes the derivatives of g and the other gates."""
        total = x + tf.matmul(weights[0], states[0])
        units = states[0].shape[0]
        g, stored_g = activate(self.activation, total[:units])
        gates, stored_gates = activate(self.recurrent_activation, total[units:])
        i, f, o = tf.split(gates, 3, axis=0)
        c = f * states[1] + i * g
        return [o * self.activation(c), c], [stored_g, stored_gates]

    def local(self, saved: Tensors, before: Tensors, after: Tensors) -> list[Any]:
        """Return the factors of dc for g, i, f; of dh for o and c; and of dc for the previous c."""
        g, slope_g = slope(self.activation, saved[0])
        gates, slopes = slope(self.recurrent_activation, saved[1])
        i, f, o = tf.split(gates, 3, axis=1)
        slope_i, slope_f, slope_o = tf.split(slopes, 3, axis=1)
        activated, stored_c = activate(self.activation, after[1])
        slope_c = slope(self.activation, stored_c)[1]
        inner = tf.concat([i * slope_g, g * slope_i, before[1] * slope_f], axis=1)
        return [inner, activated * slope_o, o * slope_c, f]

    def backward(
        self, factors: Tensors, gradients: Tensors, weights: Tensors
    ) -> tuple[list[Any], list[Any]]:
        """Store the gradient of the sums."""
        inner, outer, to_cell, forget = factors
        hidden = gradients[0]
        cell = gradients[1] + hidden * to_cell
        total = tf.concat([inner * tf.tile(cell, (3, 1)), hidden * outer], axis=0)
        return [tf.matmul(weights[0], total), cell * forget], [total]


@lru_cache
@dataclass(frozen=True, eq=False)
class GRUSteps:
    """Gates z, r of x + Rᵀh + b; candidate of x + r·(Rᵀh + b); h' = z·h + (1 - z)·candidate.

    The weights are R and b, the recurrent bias, (3 · units, 1).
    """

    activation: Activation
    recurrent_activation: Activation

    def forward(self, x: Any, states: Tensors, weights: Tensors) -> tuple[list[Any], list[Any]]:
        """Save the arrays for `slope`, and the state's part of the candidate."""
        inner = tf.matmul(weights[0], states[0]) + weights[1]
        rows = 2 * states[0].shape[0]
        gates, stored_gates = activate(self.recurrent_activation, x[:rows] + inner[:rows])
        z, r = tf.split(gates, 2, axis=0)
        candidate, stored = activate(self.activation, x[rows:] + r * inner[rows:])
        return [z * states[0] + (1 - z) * candidate], [stored_gates, stored, inner[rows:]]

    def local(self, saved: Tensors, before: Tensors, after: Tensors) -> list[Any]:
        """Return the factors of dh for z, r and the candidate's state part; its x part; and h."""
        stored_gates, stored, inner = saved
        gates, slopes = slope(self.recurrent_activation, stored_gates)
        (z, r), (slope_z, slope_r) = (tf.split(both, 2, axis=1) for both in (gates, slopes))
        candidate, slope_h = slope(self.activation, stored)
        to_candidate = (1 - z) * slope_h
        parts = [
            (before[0] - candidate) * slope_z,
            to_candidate * inner * slope_r,
            to_candidate * r,
        ]
        return [tf.concat(parts, axis=1), to_candidate, z]

    def backward(
        self, factors: Tensors, gradients: Tensors, weights: Tensors
    ) -> tuple[list[Any], list[Any]]:
        """Store the gradient of the state's part, and that of h."""
        inner, _, keep = factors
        total = inner * tf.tile(gradients[0], (3, 1))
        return [gradients[0] * keep + tf.matmul(weights[0], total)], [total, gradients[0]]

    def collect(
        self, factors: Tensors, stored: Tensors, before: Tensors
    ) -> tuple[Any, Pairs, list[Any]]:
        """Return one pair, and the gradient of the recurrent bias."""
        total, hidden = stored
        gates = tf.split(total, 3, axis=1)[:2]
        x = tf.concat([*gates, hidden * factors[1]], axis=1)
        return x, [(before[0], total)], [bias_gradient(total)]


@lru_cache
@dataclass(frozen=True, eq=False)
class GRUResetBeforeSteps:
    """Gates z, r of x + Rᵀh; candidate of x + Rᵀ(r·h); h' = z·h + (1 - z)·candidate."""

    activation: Activation
    recurrent_activation: Activation

    def forward(self, x: Any, states: Tensors, weights: Tensors) -> tuple[list[Any], list[Any]]:
        """Save the arrays from which `slope` computes the derivatives of gates and candidate."""
        h = states[0]
        rows = 2 * h.shape[0]
        total = x[:rows] + tf.matmul(weights[0][:rows], h)
        gates, stored_gates = activate(self.recurrent_activation, total)
        z, r = tf.split(gates, 2, axis=0)
        total_h = x[rows:] + tf.matmul(weights[0][rows:], r * h)
        candidate, stored = activate(self.activation, total_h)
        return [z * h + (1 - z) * candidate], [stored_gates, stored]

    def local(self, saved: Tensors, before: Tensors, after: Tensors) -> list[Any]:
        """Return the factors of dh for z, candidate and h; and of d(r·h) for r and h."""
        gates, slopes = slope(self.recurrent_activation, saved[0])
        (z, r), (slope_z, slope_r) = (tf.split(both, 2, axis=1) for both in (gates, slopes))
        candidate, slope_h = slope(self.activation, saved[1])
        h = before[0]
        return [(h - candidate) * slope_z, (1 - z) * slope_h, z, h * slope_r, r]

    def backward(
        self, factors: Tensors, gradients: Tensors, weights: Tensors
    ) -> tuple[list[Any], list[Any]]:
        """Store the gradients of the sums."""
        to_z, to_candidate, keep, to_r, reset = factors
        hidden = gradients[0]
        rows = 2 * weights[0].shape[0]
        total_h = hidden * to_candidate
        grad_rh = tf.matmul(weights[0][:, rows:], total_h)
        total = tf.concat([hidden * to_z, grad_rh * to_r], axis=0)
        before = hidden * keep + grad_rh * reset + tf.matmul(weights[0][:, :rows], total)
        return [before], [tf.concat([total, total_h], axis=0)]

    def collect(
        self, factors: Tensors, stored: Tensors, before: Tensors
    ) -> tuple[Any, Pairs, list[Any]]:
        """Return two pairs, for the gates and for the candidate, and no other weight."""
        units = before[0].shape[1]
        total, total_h = tf.split(stored[0], [2 * units, units], axis=1)
        return stored[0], [(before[0], total), (before[0] * factors[4], total_h)], []


def logistic(x: Any) -> Any:
    """Return the sigmoid, computed from tanh: half the operations, and XLA vectorises them."""
    return 0.5 * tf.tanh(0.5 * x) + 0.5


# Derivatives as functions of the activation's value: the loop stores the value, and the backward
# pass need not compute it again, which took up to a tenth of a gated layer's time.
SLOPES: dict[Activation, Activation] = {
    keras.activations.tanh: lambda y: 1 - y * y,
    logistic: lambda y: y * (1 - y),
}


def activate(activation: Activation, x: Any) -> tuple[Any, Any]:
    """Return an elementwise activation's value, and the argument for `slope`: the value, or x."""
    y = activation(x)
    return y, y if activation in SLOPES else x


def slope(activation: Activation, stored: Any) -> tuple[Any, Any]:
    """Return an elementwise activation's value and derivative from the array of `activate`."""
    if activation in SLOPES:
        return stored, SLOPES[activation](stored)
    with tf.GradientTape() as tape:
        tape.watch(stored)
        y = activation(stored)
    return y, tape.gradient(y, stored, unconnected_gradients="zero")


def bias_gradient(grad_sums: Any) -> Any:
    """Return the gradient of a bias from that of the sums, (steps, rows, batch)."""
    return tf.reduce_sum(grad_sums, axis=(0, 2))[:, None]


def in_32_bits(array: Any) -> Any:
    """Return a bfloat16 array as float32, and any other array unchanged."""
    return tf.cast(array, tf.float32) if array.dtype == tf.bfloat16 else array
