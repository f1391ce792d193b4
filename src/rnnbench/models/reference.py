"""Recurrent layers written out in NumPy, for reading and as the reference of the tests.

Every function computes the same outputs as the Keras layer of the same name, from the weights that
the layer's `get_weights()` returns, one time step after another and without optimisations. Shapes
are written (batch, steps, features): `batch` sequences of `steps` vectors.

With `x` the input of a step, `h` the state after the previous step and `W`, `U`, `b` the kernel,
the recurrent kernel and the bias:

- SimpleRNN: `h' = tanh(x W + h U + b)`
- LSTM: `c' = f * c + i * tanh(...)`, `h' = o * tanh(c')` with input, forget and output gates
- GRU: `h' = z * h + (1 - z) * tanh(...)` with an update gate `z` and a reset gate `r`
- ConvLSTM2D: an LSTM whose products are convolutions

The kernels of all gates are concatenated into one, in Keras's order.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Activation = Callable[[Array], Array]
States = tuple[Array, ...]


class Weights(NamedTuple):
    """The weights of a layer, in the order of Keras's `get_weights()`.

    Attributes
    ----------
    kernel : ndarray, shape (features, gates * units)
        Multiplies the inputs.
    recurrent_kernel : ndarray, shape (units, gates * units)
        Multiplies the state.
    bias : ndarray, shape (gates * units,), or (2, gates * units) for a GRU with `reset_after`
        Added to the products; the GRU's second row belongs to the recurrent product.
    """

    kernel: Array
    recurrent_kernel: Array
    bias: Array


class Forward(NamedTuple):
    """The outputs and the last states of a layer.

    Attributes
    ----------
    outputs : ndarray, shape (batch, steps, units)
        The output of every step; the last one is what a layer without `return_sequences` returns.
    states : tuple of ndarray, shape (batch, units) each
        The states after the last step: (h,) or, for an LSTM, (h, c).
    """

    outputs: Array
    states: States


class Layer(Protocol):
    """A layer with its weights filled in, for `stacked` and `bidirectional`."""

    def __call__(self, inputs: Array, *, mask: Array | None = None) -> Forward:
        """Run the layer."""


def on_listed_weights(forward: Callable[..., Forward]) -> Callable[..., Forward]:
    """Adapt a function to take its weights as the list that Keras's `get_weights()` returns."""

    def run(inputs: Array, weights: Sequence[Array], mask: Array | None = None) -> Forward:
        return forward(inputs, Weights(*weights), mask=mask)

    return run


def sigmoid(values: Array) -> Array:
    """Return 1 / (1 + exp(-values)), written so that no exponential overflows."""
    return 0.5 * (1.0 + np.tanh(0.5 * values))


def relu(values: Array) -> Array:
    """Return the positive part."""
    positive: Array = np.maximum(values, 0.0)
    return positive


def gelu(values: Array) -> Array:
    """Return the values times the standard normal distribution function of the values."""
    from scipy.special import ndtr

    activated: Array = values * ndtr(values)
    return activated


def normalised(values: Array, epsilon: float, gain: Array, bias: Array) -> Array:
    """Return values with mean 0 and variance 1 over the last axis, times a gain, plus a bias."""
    mean = values.mean(axis=-1, keepdims=True)
    variance = values.var(axis=-1, keepdims=True)
    scaled: Array = (values - mean) / np.sqrt(variance + epsilon) * gain + bias
    return scaled


def simple_rnn(
    inputs: Array,
    weights: Weights,
    activation: Activation = np.tanh,
    initial_states: States | None = None,
    mask: Array | None = None,
) -> Forward:
    """Run a SimpleRNN (Elman 1990, "Finding structure in time").

    Parameters
    ----------
    inputs : ndarray, shape (batch, steps, features)
        The sequences.
    weights : Weights
        One gate: kernel (features, units), recurrent kernel (units, units), bias (units,).
    activation : callable, default tanh
        Applied to the new state.
    initial_states : (h,), h of shape (batch, units), default zeros
        The state before the first step.
    mask : ndarray of bool, shape (batch, steps), default all true
        Where false, the step is skipped: states stay, the previous output is repeated.

    Returns
    -------
    Forward
        Outputs, and the state (h,).
    """

    def step(x: Array, states: States) -> States:
        (h,) = states
        return (activation(x @ weights.kernel + h @ weights.recurrent_kernel + weights.bias),)

    return loop(step, inputs, initial_states or _zeros(inputs, weights, 1), mask)


def lstm(
    inputs: Array,
    weights: Weights,
    activation: Activation = np.tanh,
    initial_states: States | None = None,
    mask: Array | None = None,
) -> Forward:
    """Run an LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    Parameters
    ----------
    inputs : ndarray, shape (batch, steps, features)
        The sequences.
    weights : Weights
        Four gates, concatenated: input, forget, candidate, output.
    activation : callable, default tanh
        Applied to the candidate, and to the cell state for the output; gates are sigmoids.
    initial_states : (h, c), each of shape (batch, units), default zeros
        Output and cell state before the first step.
    mask : ndarray of bool, shape (batch, steps), default all true
        Where false, the step is skipped: states stay, the previous output is repeated.

    Returns
    -------
    Forward
        Outputs, and the states (h, c).
    """

    def step(x: Array, states: States) -> States:
        h, c = states
        gates = x @ weights.kernel + h @ weights.recurrent_kernel + weights.bias
        return _lstm_states(gates, c, activation)

    return loop(step, inputs, initial_states or _zeros(inputs, weights, 2), mask)


def gru(
    inputs: Array,
    weights: Weights,
    activation: Activation = np.tanh,
    initial_states: States | None = None,
    mask: Array | None = None,
    reset_after: bool = True,
) -> Forward:
    """Run a GRU (Cho et al. 2014, "Learning phrase representations ...").

    Parameters
    ----------
    inputs : ndarray, shape (batch, steps, features)
        The sequences.
    weights : Weights
        Three gates, concatenated: update, reset, candidate.
    activation : callable, default tanh
        Applied to the candidate; gates are sigmoids.
    initial_states : (h,), h of shape (batch, units), default zeros
        The state before the first step.
    mask : ndarray of bool, shape (batch, steps), default all true
        Where false, the step is skipped: states stay, the previous output is repeated.
    reset_after : bool, default True
        Whether the reset gate multiplies the state after its product with the recurrent kernel
        (Keras's default and the form of GPU kernels; the bias then has two rows) or before it.

    Returns
    -------
    Forward
        Outputs, and the state (h,).
    """
    cell = _gru_reset_after if reset_after else _gru_reset_before

    def step(x: Array, states: States) -> States:
        (h,) = states
        update, candidate = cell(x, h, weights)
        return (update * h + (1.0 - update) * activation(candidate),)

    return loop(step, inputs, initial_states or _zeros(inputs, weights, 1), mask)


def stacked(layers: Sequence[Layer], inputs: Array, mask: Array | None = None) -> Forward:
    """Run layers on top of each other, each on the outputs of the one below.

    Parameters
    ----------
    layers : sequence of callables
        For example `partial(lstm, weights=weights)`, from the lowest to the highest.
    inputs : ndarray, shape (batch, steps, features)
        The sequences.
    mask : ndarray of bool, shape (batch, steps), default all true
        Where false, every layer skips the step.

    Returns
    -------
    Forward
        Outputs of the highest layer, and the states of all of them, the lowest first.
    """
    states: States = ()
    for layer in layers:
        inputs, layer_states = layer(inputs, mask=mask)
        states += layer_states
    return Forward(inputs, states)


def bidirectional(
    forward: Layer, backward: Layer, inputs: Array, mask: Array | None = None
) -> Forward:
    """Run one layer forwards and another backwards (Schuster & Paliwal 1997).

    Parameters
    ----------
    forward, backward : callables
        For example `partial(lstm, weights=weights)`.
    inputs : ndarray, shape (batch, steps, features)
        The sequences; the second layer reads them from the last step to the first.
    mask : ndarray of bool, shape (batch, steps), default all true
        Where false, both layers skip the step and its outputs are zeros.

    Returns
    -------
    Forward
        Outputs of both layers concatenated, shape (batch, steps, 2 * units): at each step, the
        first half depends on earlier steps, the second on later ones. The states of the first
        layer, then those of the second. Without `return_sequences` Keras concatenates the last
        outputs of both layers, which are the first state of each in `states`.
    """
    onwards, forward_states = forward(inputs, mask=mask)
    back, backward_states = backward(inputs[:, ::-1], mask=None if mask is None else mask[:, ::-1])
    outputs = np.concatenate([onwards, back[:, ::-1]], axis=-1)
    if mask is not None:
        outputs = _where(mask, outputs, np.zeros_like(outputs))
    return Forward(outputs, forward_states + backward_states)


def conv_lstm_2d(
    inputs: Array,
    weights: Weights,
    activation: Activation = np.tanh,
    padding: str = "valid",
    initial_states: States | None = None,
    mask: Array | None = None,
) -> Forward:
    """Run a ConvLSTM2D (Shi et al. 2015, without peephole terms, as in Keras).

    Parameters
    ----------
    inputs : ndarray, shape (batch, steps, rows, columns, channels)
        The frames.
    weights : Weights
        Kernels of shape (height, width, channels, 4 * filters) and (height, width, filters,
        4 * filters), bias (4 * filters,); gates as in `lstm`.
    activation : callable, default tanh
        As in `lstm`.
    padding : {"valid", "same"}, default "valid"
        Padding of the input's convolution: inside the frame only, or keeping the frame's size. The
        state's convolution always keeps the size.
    initial_states : (h, c), each of shape (batch, rows, columns, filters), default zeros
        Output and cell state before the first step, in the size of the outputs.
    mask : ndarray of bool, shape (batch, steps), default all true
        Where false, the frame is skipped.

    Returns
    -------
    Forward
        Outputs, shape (batch, steps, rows, columns, filters), and the states (h, c).
    """

    def step(x: Array, states: States) -> States:
        h, c = states
        gates = convolve(x, weights.kernel, padding) + weights.bias
        return _lstm_states(gates + convolve(h, weights.recurrent_kernel, "same"), c, activation)

    if initial_states is None:
        frames = convolve(inputs[:, 0], weights.kernel, padding)
        zeros = np.zeros_like(frames[..., : weights.recurrent_kernel.shape[2]])
        initial_states = (zeros, zeros)
    return loop(step, inputs, initial_states, mask)


def convolve(images: Array, kernel: Array, padding: str) -> Array:
    """Convolve images with a kernel, without flipping the kernel, as neural networks do.

    Parameters
    ----------
    images : ndarray, shape (batch, rows, columns, channels)
        The images.
    kernel : ndarray, shape (height, width, channels, filters)
        The weights.
    padding : {"valid", "same"}
        "same" surrounds the images with zeros so that the numbers of rows and columns stay; if an
        odd number of zeros is needed, the additional one is below or to the right.

    Returns
    -------
    ndarray, shape (batch, rows, columns, filters)
    """
    height, width = kernel.shape[:2]
    if padding == "same":
        above, left = (height - 1) // 2, (width - 1) // 2
        around = ((0, 0), (above, height - 1 - above), (left, width - 1 - left), (0, 0))
        images = np.pad(images, around)
    windows = np.lib.stride_tricks.sliding_window_view(images, (height, width), axis=(1, 2))
    # windows: (batch, rows, columns, channels, height, width)
    convolved: Array = np.einsum("brcihw,hwif->brcf", windows, kernel)
    return convolved


def _lstm_states(gates: Array, c: Array, activation: Activation) -> States:
    """Return the new (h, c) from the four gates' sums, concatenated along the last axis."""
    i, f, candidate, o = np.split(gates, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * activation(candidate)
    return sigmoid(o) * activation(c), c


def _gru_reset_after(x: Array, h: Array, weights: Weights) -> tuple[Array, Array]:
    from_input = np.split(x @ weights.kernel + weights.bias[0], 3, axis=-1)
    from_state = np.split(h @ weights.recurrent_kernel + weights.bias[1], 3, axis=-1)
    update = sigmoid(from_input[0] + from_state[0])
    reset = sigmoid(from_input[1] + from_state[1])
    return update, from_input[2] + reset * from_state[2]


def _gru_reset_before(x: Array, h: Array, weights: Weights) -> tuple[Array, Array]:
    from_input = np.split(x @ weights.kernel + weights.bias, 3, axis=-1)
    kernels = np.split(weights.recurrent_kernel, 3, axis=-1)
    update = sigmoid(from_input[0] + h @ kernels[0])
    reset = sigmoid(from_input[1] + h @ kernels[1])
    return update, from_input[2] + (reset * h) @ kernels[2]


def loop(
    step: Callable[[Array, States], States],
    inputs: Array,
    states: States,
    mask: Array | None = None,
) -> Forward:
    """Run a step function over a sequence; the first state is the output of a step.

    Parameters
    ----------
    step : callable
        Returns the new states from the inputs of a step and the previous states.
    inputs : ndarray, shape (batch, steps, ...)
        The sequences.
    states : tuple of ndarray
        The states before the first step.
    mask : ndarray of bool, shape (batch, steps), default all true
        Where false, the step is skipped: states stay, the previous output is repeated; before the
        first unmasked step the output is zeros.

    Returns
    -------
    Forward
        Outputs of all steps, and the states after the last one.
    """
    output = np.zeros_like(states[0])
    outputs = []
    for time in range(inputs.shape[1]):
        stepped = step(inputs[:, time], states)
        if mask is None:
            states, output = stepped, stepped[0]
        else:
            keep = partial(_where, mask[:, time])
            states = tuple(keep(new, old) for new, old in zip(stepped, states, strict=True))
            output = keep(stepped[0], output)
        outputs.append(output)
    return Forward(np.stack(outputs, axis=1), states)


def zero_states(inputs: Array, *sizes: int) -> States:
    """Return states of zeros, each of shape (batch, size)."""
    return tuple(np.zeros((len(inputs), size), dtype=inputs.dtype) for size in sizes)


def _where(mask: Array, new: Array, old: Array) -> Array:
    """Return `new` where the mask is true and `old` elsewhere; it has the first axes of both."""
    condition = mask.reshape(mask.shape + (1,) * (new.ndim - mask.ndim))
    chosen: Array = np.where(condition, new, old)
    return chosen


def _zeros(inputs: Array, weights: Weights, count: int) -> States:
    """Return `count` states of zeros."""
    return zero_states(inputs, *[weights.recurrent_kernel.shape[0]] * count)
