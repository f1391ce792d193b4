"""What a classifier of texts got most wrong, and how often it is right by their length."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from rnnbench.data.encoding import INDEX_FROM, PADDING_ID, START_ID
from rnnbench.data.prepared import Array
from rnnbench.tasks.task import Integers

MISTAKES = 3  # of each run
EXCERPT_WORDS = 30
RANGES = 4  # of texts that are shorter than the view's length; those that fill it are one more
UNKNOWN_WORD = "[?]"


def find_worst_mistakes(
    probabilities: Array,
    labels: Integers,
    texts: Array,
    words: Sequence[str],
    class_names: Sequence[str],
) -> pd.DataFrame:
    """Return the wrong answers that a run was surest of, the surest first.

    Parameters
    ----------
    probabilities : ndarray, shape (examples, classes)
        What the run predicted.
    labels : ndarray of int, shape (examples,)
        The true classes.
    texts : ndarray of int, shape (examples, length)
        Padded ids of words.
    words : sequence of str
        Those that have an id, the most frequent first.
    class_names : sequence of str
        The classes.

    Returns
    -------
    DataFrame
        The number of the `example` in the test split, its `actual` and `predicted` class, the
        `probability` of the predicted one, and the last words of the `text` as the model read it.
    """
    predicted = probabilities.argmax(axis=1)
    surest = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(-surest[wrong], kind="stable")][:MISTAKES]
    return pd.DataFrame(
        {
            "example": worst,
            "actual": [class_names[label] for label in labels[worst]],
            "predicted": [class_names[label] for label in predicted[worst]],
            "probability": surest[worst],
            "text": [_excerpt(texts[example], words) for example in worst],
        }
    )


def score_each_length(right: Array, texts: Array) -> pd.DataFrame:
    """Return how often a run is right, one row per range of lengths that occurs.

    The length is that of the text as the model read it: with its start mark, cut to the length of
    the view. Texts that fill it, which are those that may have been cut, are a range of their own.

    Parameters
    ----------
    right : ndarray, shape (examples,)
        Whether each answer is right.
    texts : ndarray of int, shape (examples, length)
        Padded ids of words.

    Returns
    -------
    DataFrame
        `shortest` and `longest` of the range, `test_examples`, and the `accuracy` among them.
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
    read = [int(one) for one in ids if one not in (PADDING_ID, START_ID)]
    written = [words[one - INDEX_FROM - 1] if one > INDEX_FROM else UNKNOWN_WORD for one in read]
    cut = "… " if len(written) > EXCERPT_WORDS else ""
    return cut + " ".join(written[-EXCERPT_WORDS:])
