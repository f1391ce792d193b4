"""The worst mistakes of a run, and its accuracy by the length of a text."""

import numpy as np

from rnnbench.evaluation.texts import EXCERPT_WORDS, find_worst_mistakes, score_each_length

WORDS = ["the", "film", "bad"]  # ids 4, 5, 6
CLASSES = ["negative", "positive"]
TEXTS = np.array([[0, 0, 1, 4, 5], [1, 4, 2, 6, 5], [0, 1, 6, 6, 6], [0, 0, 0, 1, 4]])


def test_the_surest_wrong_answers_come_first_with_their_words() -> None:
    positive = np.array([0.99, 0.6, 0.2, 0.9])
    probabilities = np.stack([1.0 - positive, positive], axis=1)
    labels = np.array([0, 0, 1, 1])
    table = find_worst_mistakes(probabilities, labels, TEXTS, WORDS, CLASSES)
    assert table["example"].tolist() == [0, 2, 1]
    assert table["actual"].tolist() == ["negative", "positive", "negative"]
    assert table["predicted"].tolist() == ["positive", "negative", "positive"]
    assert table["probability"].tolist() == [0.99, 0.8, 0.6]
    assert table["text"].tolist() == ["the film", "bad bad bad", "the [?] bad film"]


def test_a_long_text_is_shown_by_its_last_words() -> None:
    texts = np.array([[1, *[4] * 50, 6]])
    wrong = np.array([[0.1, 0.9]])
    (text,) = find_worst_mistakes(wrong, np.array([0]), texts, WORDS, CLASSES)["text"]
    assert text == "… " + "the " * (EXCERPT_WORDS - 1) + "bad"


def test_a_run_without_mistakes_has_none() -> None:
    right = np.array([[0.9, 0.1]] * 4)
    assert find_worst_mistakes(right, np.zeros(4, int), TEXTS, WORDS, CLASSES).empty


def test_texts_that_fill_the_view_are_a_range_of_their_own() -> None:
    texts = np.zeros((5, 8), int)
    for row, length in enumerate((1, 2, 3, 7, 8)):
        texts[row, -length:] = 4
    table = score_each_length(np.array([True, False, True, True, False]), texts)
    assert table["shortest"].tolist() == [1, 3, 7, 8]
    assert table["longest"].tolist() == [2, 4, 7, 8]
    assert table["test_examples"].tolist() == [2, 1, 1, 1]
    assert table["accuracy"].tolist() == [0.5, 1.0, 1.0, 0.0]
