"""The worst mistakes of a text classifier, and its accuracy by the length of the texts."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from rnnbench.data.encoding import INDEX_FROM, PADDING_ID, START_ID
from rnnbench.data.prepared import Array
from rnnbench.tasks.task import Integers

MISTAKES = 3  # of each run
EXCERPT_WORDS = 30
RANGES = 4  # of lengths below the view's length, which is a further range
UNKNOWN_WORD = "[?]"


def find_worst_mistakes(
    probabilities: Array,
    labels: Integers,
    texts: Array,
    words: Sequence[str],
    class_names: Sequence[str],
) -> pd.DataFrame:
    """Return the wrong predictions with the highest probabilities, the highest first.

    Parameters
    ----------
    probabilities : ndarray, shape (examples, classes)
        The predicted probabilities.
    labels : ndarray of int, shape (examples,)
        The true classes.
    texts : ndarray of int, shape (examples, length)
        Padded ids of words.
    words : sequence of str
        The words that have an id, the most frequent first.
    class_names : sequence of str
        The names of the classes.

    Returns
    -------
    DataFrame
        The index of the `example` in the test split, its `actual` and `predicted` class, the
        `probability` of the predicted class, and the last words of the `text` as the model read it.
    """
    predicted = probabilities.argmax(axis=1)
    highest = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(-highest[wrong], kind="stable")][:MISTAKES]
    return pd.DataFrame(
        {
            "example": worst,
            "actual": [class_names[label] for label in labels[worst]],
            "predicted": [class_names[label] for label in predicted[worst]],
            "probability": highest[worst],
            "text": [_excerpt(texts[example], words) for example in worst],
        }
    )


def score_each_length(right: Array, texts: Array) -> pd.DataFrame:
    """Return the accuracy of a run by text length, one row per range that occurs.

    The length is that of the text as the model read it: with its start mark, truncated to the
    view's length. Texts of the view's length, which may be truncated, are a separate range.

    Parameters
    ----------
    right : ndarray, shape (examples,)
        Whether each prediction is right.
    texts : ndarray of int, shape (examples, length)
        Padded ids of words.

    Returns
    -------
    DataFrame
        The `shortest` and `longest` length of the range, its number of `test_examples` and their
        `accuracy`.
    """
    full = texts.shape[1]
    lengths = np.count_nonzero(texts != PADDING_ID, axis=1)
    ends = [full * number // RANGES for number in range(1, RANGES)] + [full - 1, full]
    ranges = pd.Series(np.searchsorted(ends, lengths))
    scores = pd.Series(np.asarray(right, dtype=np.float64)).groupby(ranges).agg(["size", "mean"])
    starts = [1, *(end + 1 for end in ends)]
    return pd.DataFrame(
        {
            "shortest": [starts[number] for number in scores.index],
            "longest": [ends[number] for number in scores.index],
            "test_examples": scores["size"].to_numpy(),
            "accuracy": scores["mean"].to_numpy(),
        }
    )


def _excerpt(ids: Array, words: Sequence[str]) -> str:
    word_ids = [int(token) for token in ids if token not in (PADDING_ID, START_ID)]
    text = [
        words[token - INDEX_FROM - 1] if token > INDEX_FROM else UNKNOWN_WORD for token in word_ids
    ]
    ellipsis = "… " if len(text) > EXCERPT_WORDS else ""
    return ellipsis + " ".join(text[-EXCERPT_WORDS:])
