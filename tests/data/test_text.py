"""Tokens and ids: the same as Keras makes."""

import keras
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rnnbench.data.encoding import Side, encode, pad
from rnnbench.data.python_2 import dictionary_order
from rnnbench.data.ragged import Ragged
from rnnbench.data.tokens import UNRANKED, rank_words, to_ranks, tokenize

SIDES = st.sampled_from(["pre", "post"])


@given(
    sequences=st.lists(st.lists(st.integers(1, 99), max_size=12), min_size=1, max_size=8),
    sequence_length=st.integers(1, 10),
    padding=SIDES,
    truncation=SIDES,
)
def test_padding_equals_keras(
    sequences: list[list[int]], sequence_length: int, padding: Side, truncation: Side
) -> None:
    expected = keras.utils.pad_sequences(
        sequences, maxlen=sequence_length, padding=padding, truncating=truncation
    )
    actual = pad(Ragged.from_sequences(sequences), sequence_length, padding, truncation)
    np.testing.assert_array_equal(actual, expected)
    assert actual.dtype == np.int32


def test_truncation_in_the_middle_leaves_the_first_quarter_and_the_end() -> None:
    sequences = Ragged.from_sequences([range(1, 13), [1, 2, 3], range(1, 9)])
    rows = pad(sequences, 8, "post", "middle").tolist()
    assert rows[0] == [1, 2, 7, 8, 9, 10, 11, 12]
    assert rows[1:] == [[1, 2, 3, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6, 7, 8]]


@given(st.text())
def test_tokens_equal_keras_text_preprocessing(text: str) -> None:
    from keras.src.legacy.preprocessing.text import text_to_word_sequence

    assert tokenize(text) == text_to_word_sequence(text)


def test_a_line_break_mark_leaves_br() -> None:
    assert tokenize("Good.<br /><br />It's fine") == ["good", "br", "br", "it's", "fine"]


def test_words_are_ranked_by_count_and_then_by_appearance() -> None:
    assert rank_words([["b", "a"], ["a", "c"]]) == {"a": 1, "b": 2, "c": 3}


def test_words_of_the_same_count_may_be_ranked_in_python_2_s_order() -> None:
    # As 64-bit Python 2.7 prints `dict.fromkeys("abcdef")`.
    assert dictionary_order("abcdef") == ["a", "c", "b", "e", "d", "f"]
    assert rank_words([["b", "c", "a"], ["b"]], sorted) == {"b": 1, "a": 2, "c": 3}


def test_a_word_without_a_rank_comes_after_all_others() -> None:
    assert to_ranks([["a", "new", "b"]], {"a": 1, "b": 2})[0].tolist() == [1, UNRANKED, 2]


def test_ids_have_a_start_mark_the_offset_and_unknown_words() -> None:
    encoded = encode(Ragged.from_sequences([[1, 5, 6], [], [2]]), vocabulary_size=9)
    assert [encoded[index].tolist() for index in range(3)] == [[1, 4, 8, 2], [1], [1, 5]]


@given(st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=6))
def test_ragged_sequences_come_back_as_they_were(sequences: list[list[int]]) -> None:
    ragged = Ragged.from_sequences(sequences)
    assert [ragged[index].tolist() for index in range(len(ragged))] == sequences
    backwards = np.arange(len(ragged))[::-1]
    assert [
        row.tolist() for row in map(ragged.take(backwards).__getitem__, range(len(ragged)))
    ] == (sequences[::-1])
