"""Where the states of a layer-normalised LSTM are 0, its gradient grows with every step."""

import keras
import numpy as np
import tensorflow as tf

from rnnbench.models.build import computing_in
from rnnbench.models.variant import build_layer
from rnnbench.models.variants.layer_norm_lstm import LayerNormLSTM

UNITS, FEATURES, STEPS = 31, 32, 6


def largest_gradient(blank_steps: int, dtype: str) -> float:
    """Return the largest gradient at the initial weights, after some steps of inputs of 0."""
    seen = np.random.default_rng(3).standard_normal((4, STEPS, FEATURES))
    inputs = np.concatenate([np.zeros((4, blank_steps, FEATURES)), seen], axis=1)
    keras.utils.set_random_seed(42)
    with computing_in(dtype):
        layer = build_layer(LayerNormLSTM(units=UNITS))
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(tf.square(layer(inputs.astype(dtype))))
        weights = [weight.value for weight in layer.trainable_weights]
        return max(float(tf.reduce_max(tf.abs(one))) for one in tape.gradient(total, weights))


def test_blank_steps_make_the_gradient_too_large_for_32_bits() -> None:
    sizes = [largest_gradient(blank, "float64") for blank in (2, 4, 6)]
    assert np.isfinite(sizes).all()
    assert sizes[1] > 1e3 * sizes[0]
    assert sizes[2] > 1e3 * sizes[1]
    assert not np.isfinite(largest_gradient(40, "float32"))
    assert np.isfinite(largest_gradient(0, "float32"))
