"""One step of each recurrent cell, forward and backward, written out.

Arrays are transposed: a state is (units, batch), so that a gate is a contiguous block of rows. A
function of one step takes such arrays; a function of all steps takes them stacked, (steps, rows,
batch), and computes in one go all that does not depend on the gradient that runs backward through
time.

Sources: Elman 1990 (SimpleRNN), Hochreiter & Schmidhuber 1997 and Gers et al. 2000 (LSTM), Cho et
al. 2014 (GRU, `reset_after=False`); the form with `reset_after=True` is cuDNN's. Backward passes
are the chain rule applied to them.
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
    """What a loop needs to know of a cell.

    `x` is the inputs' part of each sum, bias included. `weights` are the recurrent kernel and what
    else a cell says; the kernel is (units, gates · units) everywhere but in `forward`, which gets
    it transposed.
    """

    def forward(self, x: Any, states: Tensors, weights: Tensors) -> tuple[list[Any], list[Any]]:
        """Return the next states, and what backward needs of this step (rows may differ)."""

    def local(self, saved: Tensors, before: Tensors, after: Tensors) -> list[Any]:
        """Return, for all steps, the factors by which a gradient is multiplied in each."""

    def backward(
        self, factors: Tensors, gradients: Tensors, weights: Tensors
    ) -> tuple[list[Any], list[Any]]:
        """Return the gradients of the states before, and what `collect` needs of this step."""

    def collect(
        self, factors: Tensors, kept: Tensors, before: Tensors
    ) -> tuple[Any, Pairs, list[Any]]:
        """Return, from all steps, the gradient of x, the pairs, and the other weights' gradients.

        The recurrent kernel's gradient are the products of each pair, side by side: what was
        multiplied by the kernel, and the gradient of what came out.
        """


class _SumsOnly:
    """A cell whose kept gradient of the sums says all: inputs and state are added, no more."""

    def collect(
        self, factors: Tensors, kept: Tensors, before: Tensors
    ) -> tuple[Any, Pairs, list[Any]]:
        """One pair, no other weight."""
        return kept[0], [(before[0], kept[0])], []


# One object for each choice of activations: TensorFlow would trace the loop anew for another.
@lru_cache
@dataclass(frozen=True, eq=False)
class SimpleRNNSteps(_SumsOnly):
    """h' = activation(x + Rᵀh)."""

    activation: Activation

    def forward(self, x: Any, states: Tensors, weights: Tensors) -> tuple[list[Any], list[Any]]:
        """Save what the activation's slope follows from."""
        after, kept = activate(self.activation, x + tf.matmul(weights[0], states[0]))
        return [after], [kept]

    def local(self, saved: Tensors, before: Tensors, after: Tensors) -> list[Any]:
        """One factor: the activation's slope."""
        return [slope(self.activation, saved[0])[1]]

    def backward(
        self, factors: Tensors, gradients: Tensors, weights: Tensors
    ) -> tuple[list[Any], list[Any]]:
        """Keep the gradient of the sum."""
        total = gradients[0] * factors[0]
        return [tf.matmul(weights[0], total)], [total]


@lru_cache
@dataclass(frozen=True, eq=False)
class LSTMSteps(_SumsOnly):
    """Gates g, i, f, o of x + Rᵀh; c' = f·c + i·g; h' = o·activation(c').

    In this order, which is not Keras's, those that share an activation are one block of rows, and
    so are those that the gradient of c reaches.
    """

    activation: Activation
    recurrent_activation: Activation

    def forward(self, x: Any, states: Tensors, weights: Tensors) -> tuple[list[Any], list[Any]]:
        """Save what the slopes of g and of the other gates follow from."""
        total = x + tf.matmul(weights[0], states[0])
        units = states[0].shape[0]
        g, kept_g = activate(self.activation, total[:units])
        gates, kept_gates = activate(self.recurrent_activation, total[units:])
        i, f, o = tf.split(gates, 3, axis=0)
        c = f * states[1] + i * g
        return [o * self.activation(c), c], [kept_g, kept_gates]

    def local(self, saved: Tensors, before: Tensors, after: Tensors) -> list[Any]:
        """Factors of dc in g, i and f; of dh in o and in c; and of dc in the c before."""
        g, slope_g = slope(self.activation, saved[0])
        gates, slopes = slope(self.recurrent_activation, saved[1])
        i, f, o = tf.split(gates, 3, axis=1)
        slope_i, slope_f, slope_o = tf.split(slopes, 3, axis=1)
        shown, kept_c = activate(self.activation, after[1])
        slope_c = slope(self.activation, kept_c)[1]
        inner = tf.concat([i * slope_g, g * slope_i, before[1] * slope_f], axis=1)
        return [inner, shown * slope_o, o * slope_c, f]

    def backward(
        self, factors: Tensors, gradients: Tensors, weights: Tensors
    ) -> tuple[list[Any], list[Any]]:
        """Keep the gradient of the sums."""
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
        """Save what slopes of gates and candidate follow from, and the state's part of the last."""
        inner = tf.matmul(weights[0], states[0]) + weights[1]
        rows = 2 * states[0].shape[0]
        gates, kept_gates = activate(self.recurrent_activation, x[:rows] + inner[:rows])
        z, r = tf.split(gates, 2, axis=0)
        candidate, kept = activate(self.activation, x[rows:] + r * inner[rows:])
        return [z * states[0] + (1 - z) * candidate], [kept_gates, kept, inner[rows:]]

    def local(self, saved: Tensors, before: Tensors, after: Tensors) -> list[Any]:
        """Factors of dh in z, r and the state's part of the candidate; in x's; and in h."""
        kept_gates, kept, inner = saved
        gates, slopes = slope(self.recurrent_activation, kept_gates)
        (z, r), (slope_z, slope_r) = (tf.split(both, 2, axis=1) for both in (gates, slopes))
        candidate, slope_h = slope(self.activation, kept)
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
        """Keep the gradient of what the state gives."""
        inner, _, keep = factors
        total = inner * tf.tile(gradients[0], (3, 1))
        return [gradients[0] * keep + tf.matmul(weights[0], total)], [total, gradients[0]]

    def collect(
        self, factors: Tensors, kept: Tensors, before: Tensors
    ) -> tuple[Any, Pairs, list[Any]]:
        """One pair; the other weight is the recurrent bias."""
        total, hidden = kept
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
        """Save what the slopes of the gates and the candidate follow from."""
        h = states[0]
        rows = 2 * h.shape[0]
        total = x[:rows] + tf.matmul(weights[0][:rows], h)
        gates, kept_gates = activate(self.recurrent_activation, total)
        z, r = tf.split(gates, 2, axis=0)
        total_h = x[rows:] + tf.matmul(weights[0][rows:], r * h)
        candidate, kept = activate(self.activation, total_h)
        return [z * h + (1 - z) * candidate], [kept_gates, kept]

    def local(self, saved: Tensors, before: Tensors, after: Tensors) -> list[Any]:
        """Factors: of dh in z, in the candidate and in h; of d(r·h) in r and in h; and r·h."""
        gates, slopes = slope(self.recurrent_activation, saved[0])
        (z, r), (slope_z, slope_r) = (tf.split(both, 2, axis=1) for both in (gates, slopes))
        candidate, slope_h = slope(self.activation, saved[1])
        h = before[0]
        return [(h - candidate) * slope_z, (1 - z) * slope_h, z, h * slope_r, r]

    def backward(
        self, factors: Tensors, gradients: Tensors, weights: Tensors
    ) -> tuple[list[Any], list[Any]]:
        """Keep the gradients of the sums."""
        to_z, to_candidate, keep, to_r, reset = factors
        hidden = gradients[0]
        rows = 2 * weights[0].shape[0]
        total_h = hidden * to_candidate
        shown = tf.matmul(weights[0][:, rows:], total_h)
        total = tf.concat([hidden * to_z, shown * to_r], axis=0)
        before = hidden * keep + shown * reset + tf.matmul(weights[0][:, :rows], total)
        return [before], [tf.concat([total, total_h], axis=0)]

    def collect(
        self, factors: Tensors, kept: Tensors, before: Tensors
    ) -> tuple[Any, Pairs, list[Any]]:
        """Two pairs, the gates' and the candidate's; no other weight."""
        units = before[0].shape[1]
        total, total_h = tf.split(kept[0], [2 * units, units], axis=1)
        return kept[0], [(before[0], total), (before[0] * factors[4], total_h)], []


def logistic(x: Any) -> Any:
    """Return the sigmoid, by way of tanh: half the operations, and XLA vectorises them."""
    return 0.5 * tf.tanh(0.5 * x) + 0.5


# Slopes that follow from the value: a loop keeps that of such an activation, and backward does not
# compute it again, which took up to a tenth of a gated layer's time.
SLOPES: dict[Activation, Activation] = {
    keras.activations.tanh: lambda y: 1 - y * y,
    logistic: lambda y: y * (1 - y),
}


def activate(activation: Activation, x: Any) -> tuple[Any, Any]:
    """Return an elementwise activation's value, and what `slope` is to be given: it, or x."""
    y = activation(x)
    return y, y if activation in SLOPES else x


def slope(activation: Activation, kept: Any) -> tuple[Any, Any]:
    """Return an elementwise activation's value and derivative from what `activate` said to keep."""
    if activation in SLOPES:
        return kept, SLOPES[activation](kept)
    with tf.GradientTape() as tape:
        tape.watch(kept)
        y = activation(kept)
    return y, tape.gradient(y, kept, unconnected_gradients="zero")


def bias_gradient(of_sums: Any) -> Any:
    """Return the gradient of what is added to the sums, (steps, rows, batch), at every step."""
    return tf.reduce_sum(of_sums, axis=(0, 2))[:, None]


def in_32_bits(array: Any) -> Any:
    """Return bfloat16 as float32, and anything else as it is."""
    return tf.cast(array, tf.float32) if array.dtype == tf.bfloat16 else array
