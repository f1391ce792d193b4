"""Pooling over the steps leaves masked steps out."""

from typing import Any

import keras
import numpy as np
import pytest

from rnnbench.models.build import computing_in
from rnnbench.models.variant import build_layer
from rnnbench.models.variants.pooling import GlobalPooling1D

INPUTS = -1.0 - np.random.default_rng(0).random((3, 4, 2)).astype("float32")  # padding is larger
MASK = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0]], dtype=bool)


def pooled(statistic: Any, inputs: Any, **call: Any) -> Any:
    layer = build_layer(GlobalPooling1D(statistic=statistic))
    return keras.ops.convert_to_numpy(layer(inputs, **call))


@pytest.mark.parametrize(("statistic", "of"), [("max", np.max), ("average", np.mean)])
def test_a_masked_step_counts_as_if_it_were_not_there(statistic: str, of: Any) -> None:
    expected = [of(rows[read], axis=0) for rows, read in zip(INPUTS[:2], MASK[:2], strict=True)]
    given = pooled(statistic, INPUTS, mask=MASK)
    np.testing.assert_allclose(given, [*expected, [0, 0]], rtol=1e-6)
    np.testing.assert_allclose(pooled(statistic, INPUTS), of(INPUTS, axis=1), rtol=1e-6)


def test_both_statistics_stand_one_after_the_other() -> None:
    parts = [pooled(one, INPUTS, mask=MASK) for one in ("max", "average")]
    both = pooled("max_and_average", INPUTS, mask=MASK)
    np.testing.assert_array_equal(both, np.concatenate(parts, axis=1))


def test_padding_at_the_end_changes_nothing_below_an_embedding_that_masks_it() -> None:
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(9, 3, mask_zero=True),
            keras.layers.SpatialDropout1D(0.5),
            keras.layers.Bidirectional(keras.layers.GRU(3, return_sequences=True)),
            build_layer(GlobalPooling1D(statistic="max_and_average")),
        ]
    )
    short, padded = np.array([[4, 2, 7]]), np.array([[4, 2, 7, 0, 0]])
    np.testing.assert_allclose(
        model.predict_on_batch(padded), model.predict_on_batch(short), rtol=1e-5, atol=1e-7
    )


def test_an_average_in_16_bits_adds_in_32() -> None:
    inputs = np.ones((1, 5000, 1), dtype="float32")
    with computing_in("mixed_bfloat16"):
        for call in ({}, {"mask": np.ones((1, 5000), dtype=bool)}):
            assert float(pooled("average", inputs, **call)[0, 0]) == 1.0
