"""Where a recurrence is linear, a parallel scan over all steps computes what the loop does.

Each function here returns, for all steps at once, the factors and the summands of the recurrence
`state' = factor * state + summand`, and what makes outputs of the states.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import keras
import numpy as np
import pytest
from scipy.special import expit as sigmoid

from rnnbench.models import reference
from rnnbench.models.build import computing_in
from rnnbench.models.variant import VARIANTS, build_layer
from tests.models.contract import FEATURES, UNITS, randomise

STEPS = 37
Array: TypeAlias = np.ndarray[Any, Any]
Recurrence: TypeAlias = tuple[Array, Array, Callable[[Array], Array]]


def g(values: Array) -> Array:
    return np.where(values >= 0, values + 0.5, sigmoid(values))


def min_gru(x: Array, kernel: Array, bias: Array) -> Recurrence:
    update, candidate = np.split(x @ kernel + bias, 2, axis=-1)
    return sigmoid(-update), sigmoid(update) * g(candidate), lambda states: states


def min_lstm(x: Array, kernel: Array, bias: Array) -> Recurrence:
    forget, write, candidate = np.split(x @ kernel + bias, 3, axis=-1)
    kept = sigmoid(forget) / (sigmoid(forget) + sigmoid(write))
    return kept, (1 - kept) * g(candidate), lambda states: states


def qrnn(x: Array, kernel: Array, bias: Array) -> Recurrence:
    convolution = keras.layers.Conv1D(3 * UNITS, 2, padding="causal", dtype="float64")
    convolution.build(x.shape)
    convolution.set_weights([np.stack(np.split(kernel, 2, axis=1)), bias])
    z, f, o = np.split(keras.ops.convert_to_numpy(convolution(x)), 3, axis=-1)
    return sigmoid(f), sigmoid(-f) * np.tanh(z), lambda states: sigmoid(o) * states


def lru_block(x: Array, *weights: Array) -> Recurrence:
    gain, bias, nu, theta, gamma, kernel, output_kernel, skip, gate_kernel, gate_bias = weights
    u = reference.normalised(x, 1e-5, gain, bias)
    real, imaginary = np.split(u @ kernel, 2, axis=-1)
    factor = np.exp(-np.exp(nu) + 1j * np.exp(theta))
    c_real, minus_c_imaginary = np.split(output_kernel, 2)

    def outputs(states: Array) -> Array:
        y = (states @ (c_real - 1j * minus_c_imaginary)).real + skip * u
        a, b = np.split(reference.gelu(y) @ gate_kernel + gate_bias, 2, axis=-1)
        added: Array = x + a * sigmoid(b)
        return added

    driven = np.exp(gamma) * (real + 1j * imaginary)
    return np.broadcast_to(factor, driven.shape), driven, outputs


def rg_lru_block(x: Array, *weights: Array) -> Recurrence:
    norm_gain, kernel, bias, taps, taps_bias, gate_kernel, gate_bias, decay, out, out_bias = weights
    u = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-6) * norm_gain
    branch, v = np.split(u @ kernel + bias, 2, axis=-1)
    padded = np.pad(v, ((0, 0), (3, 0), (0, 0)))
    v = sum(taps[back] * padded[:, 3 - back : STEPS + 3 - back] for back in range(4)) + taps_bias
    r, i = np.split(sigmoid(v @ gate_kernel + gate_bias), 2, axis=-1)
    a = sigmoid(decay) ** (8 * r)
    return (
        a,
        np.sqrt(np.maximum(1 - a**2, 2.5e-7)) * i * v,
        lambda states: x + (states * reference.gelu(branch)) @ out + out_bias,
    )


def after(first: Any, second: Any) -> Any:
    """Return the factor and the summand of one recurrence after another."""
    return first[0] * second[0], second[0] * first[1] + second[1]


@pytest.mark.parametrize("recurrence", [min_gru, min_lstm, qrnn, lru_block, rg_lru_block])
def test_the_scan_of_a_linear_recurrence_equals_its_loop(
    recurrence: Callable[..., Recurrence],
) -> None:
    inputs = np.random.default_rng(5).standard_normal((3, STEPS, FEATURES))
    (form,) = VARIANTS[recurrence.__name__].forms(UNITS)
    with computing_in("float64"):
        layer = build_layer(form.layer, return_sequences=True)
        layer(inputs)
    randomise(layer)
    factors, summands, outputs = recurrence(inputs, *layer.get_weights())
    _, states = keras.ops.associative_scan(after, (factors, summands), axis=1)
    scanned = outputs(keras.ops.convert_to_numpy(states))
    looped = keras.ops.convert_to_numpy(layer(inputs))
    np.testing.assert_allclose(scanned, looped, rtol=0, atol=1e-10)
    assert np.abs(looped).max() > 0.1
