"""A pair embedding adds to a word's vector that of the word together with the one before."""

from typing import Any

import keras
import numpy as np
import pytest

from rnnbench.models.variant import build_layer
from rnnbench.models.variants.pair_embedding import PairEmbedding

VOCABULARY, UNITS, PAIRS = 30_000, 4, 4096
IDS = np.array([[1, 7, 29_999, 7, 29_999, 0]], dtype="int32")


def layer(**options: Any) -> Any:
    made = build_layer(
        PairEmbedding(units=UNITS, pairs=PAIRS, **options), vocabulary_size=VOCABULARY
    )
    made.build()
    return made


def difference(made: Any, ids: Any) -> Any:
    """Return what the layer adds to the vectors of the words."""
    words = made.get_weights()[0][ids]
    return keras.ops.convert_to_numpy(made(ids)) - words


def test_pairs_that_were_never_trained_add_nothing() -> None:
    np.testing.assert_array_equal(difference(layer(), IDS), np.zeros((1, 6, UNITS)))


def test_the_same_pair_has_the_same_vector_and_another_word_before_another_one() -> None:
    made = layer()
    words, _ = made.get_weights()
    made.set_weights([words, np.random.default_rng(0).normal(size=(PAIRS, UNITS))])
    added = difference(made, IDS)[0]
    np.testing.assert_allclose(added[2], added[4], rtol=1e-5)  # 7, 29,999 twice
    assert not np.allclose(added[1], added[3])  # 7 after 1, and 7 after 29,999


def test_a_vector_does_not_depend_on_later_words() -> None:
    made = layer()
    words, pairs = made.get_weights()
    made.set_weights([words, np.random.default_rng(0).normal(size=pairs.shape)])
    whole = keras.ops.convert_to_numpy(made(IDS))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(made(IDS[:, :3])), whole[:, :3])


@pytest.mark.parametrize("pairs", [PAIRS, 4001])
def test_pairs_are_spread_evenly_over_the_rows(pairs: int) -> None:
    made = build_layer(PairEmbedding(units=1, pairs=pairs), vocabulary_size=VOCABULARY)
    made.build()
    made.set_weights([np.zeros((VOCABULARY, 1)), np.arange(pairs, dtype="float32")[:, None]])
    # Frequent words, as Zipf's law draws them.
    ids = np.minimum(np.random.default_rng(0).zipf(1.3, size=(1, 400_000)), VOCABULARY - 1)
    different = np.unique(np.stack([ids[0, :-1], ids[0, 1:]], axis=1), axis=0)
    rows = keras.ops.convert_to_numpy(made(different.astype("int32")))[:, 1, 0]
    counts = np.bincount(rows.astype(int), minlength=pairs)
    expected = len(different) / pairs
    # Thrown at random, the counts would have this variance.
    assert counts.var() < 1.5 * expected


def test_padding_is_masked_where_asked() -> None:
    mask = layer(mask_zero=True).compute_mask(IDS)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(mask), IDS != 0)
