"""Raw text becomes the ids that a model was trained on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbench.data.dataset import DATASETS
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


WRITTEN = {
    "curly apostrophe": "wasn\u2019t",
    "acute accent": "wasn\u00b4t",
    "modifier letter": "wasn\u02bct",
    "entity": "wasn&#8217;t",
    "named entity": "wasn&rsquo;t",
    "of Windows, taken for Latin-1": "wasn\x92t",
    "quotation marks": "\u201cwasn\u2019t\u201d",
    "single quotation marks": "\u2018wasn\u2019t\u2019",
    "guillemets": "\u00abwasn't\u00bb",
    "hard spaces": "\u00a0wasn't\u202f",
    "dashes": "\u2014wasn't\u2013",
    "ellipsis": "wasn't\u2026",
    "tags": "<p class='x'>wasn't</p>",
    "soft hyphen": "was\u00adn't",
    "zero-width space": "\ufeffwasn't\u200b",
    "wide letters": "\uff57\uff41\uff53\uff4e\u2019\uff54",
    "control characters": "\x0bwasn't\0",
    "line ends": "wasn't\u2028",
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_a_word_is_known_however_an_editor_writes_it(written: str) -> None:
    encoder = TextEncoder(["the", "wasn't"], 4, "pre", "pre")
    assert encoder([written]).tolist() == [[0, 0, 1, 5]]


def test_ligatures_and_decomposed_letters_are_those_of_the_word() -> None:
    encoder = TextEncoder(["\ufb01lm".replace("\ufb01", "fi"), "caf\u00e9"], 3, "pre", "pre")
    assert encoder(["\ufb01lm cafe\u0301"]).tolist() == [[1, 4, 5]]


def test_a_word_that_training_knew_stays_as_it_is_written() -> None:
    encoder = TextEncoder(["\x96", "it\u00b4s", "it's", "i"], 5, "pre", "pre")
    assert encoder(["it\u00b4s \x96 it\u2019s"]).tolist() == [[0, 1, 5, 4, 6]]


def test_line_breaks_stay_and_capital_letters_in_angle_brackets_are_no_tags() -> None:
    encoder = TextEncoder(["br", "ibm", "a", "b", "3"], 7, "pre", "pre")
    assert encoder(["<br /><IBM> <A> a<b <3"]).tolist() == [[1, 4, 5, 6, 6, 7, 8]]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="&<")))
def test_the_tokens_of_plain_text_are_those_of_training(text: str) -> None:
    known = ["the", "a"]
    expected = [1, *({"the": 4, "a": 5}.get(token, 2) for token in tokenize(text))]
    rows = TextEncoder(known, 200, "post", "post")([text])
    assert [number for number in rows[0].tolist() if number] == expected[:200]


def test_a_newswire_gets_the_marks_that_its_collection_has() -> None:
    markup = DATASETS["reuters"].markup
    words = ["lt", "amp", "xyz", "at", "t"]
    encoder = TextEncoder(words, 8, "pre", "pre", markup)
    as_trained = TextEncoder(words, 8, "pre", "pre")
    seen, stored = "AT&T buys <XYZ>", "at&amp;t buys &lt;xyz>"
    expected = [[0, 1, 7, 5, 8, 2, 4, 6]]
    assert encoder([seen]).tolist() == encoder([stored]).tolist() == expected
    assert as_trained([seen]).tolist() != expected
