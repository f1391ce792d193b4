"""Raw text becomes the ids that a model was trained on."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rnnbench.data.encoding import encode, pad
from rnnbench.data.text_encoder import TextEncoder
from rnnbench.data.tokens import rank_words, to_ranks, tokenize

REVIEWS = ["The movie is a movie, the best!", "A dull movie<br />", "the the a"]


def test_known_text_gets_the_ids_it_was_trained_with() -> None:
    tokens = [tokenize(review) for review in REVIEWS]
    ranks = rank_words(tokens)
    expected = pad(encode(to_ranks(tokens, ranks), 1_000), 6, "pre", "pre")
    encoder = TextEncoder(list(ranks), 6, "pre", "pre")
    np.testing.assert_array_equal(encoder(REVIEWS), expected)


def test_words_that_training_never_saw_are_evaluated_as_they_are_predicted() -> None:
    ranks = rank_words([tokenize(review) for review in REVIEWS])
    new = "The best movie, unheard-of!"
    encoder = TextEncoder(list(ranks), 9, "pre", "pre")
    for vocabulary_size in (1_000, len(ranks) + 4):
        evaluated = pad(encode(to_ranks([tokenize(new)], ranks), vocabulary_size), 9, "pre", "pre")
        np.testing.assert_array_equal(evaluated, encoder([new]))


def test_a_word_of_rank_r_has_the_id_r_plus_3_and_an_unknown_one_has_2() -> None:
    encoder = TextEncoder(["the", "movie"], 6, "pre", "pre")
    assert encoder(["The unheard-of MOVIE"]).tolist() == [[0, 1, 4, 2, 2, 5]]
    assert encoder.known_words("The unheard-of MOVIE") == 2


def test_sides_are_those_of_the_view() -> None:
    encoder = TextEncoder(["a", "b", "c", "d"], 3, "post", "post")
    assert encoder(["a", "a b c d"]).tolist() == [[1, 4, 0], [1, 4, 5]]


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_any_text_is_encoded(texts: list[str]) -> None:
    rows = TextEncoder(["a", "the"], 8, "pre", "pre")(texts)
    assert rows.shape == (len(texts), 8)
    assert rows.dtype == np.int32
    assert rows.min() >= 0
    assert rows.max() <= 5


def test_no_text_is_no_row() -> None:
    assert TextEncoder(["a"], 4, "pre", "pre")([]).shape == (0, 4)
