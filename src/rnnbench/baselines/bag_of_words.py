"""Bags of words: logistic regression on the words of a text, without their order.

The words are those that a network reads: the ids of the view without padding. The start mark and
the unknown word count as words.
"""

from functools import partial
from typing import Any

import numpy as np

from rnnbench.baselines.baseline import BASELINES, Baseline, Predict
from rnnbench.baselines.classes import for_all_classes, has_classes
from rnnbench.data.encoding import PADDING_ID
from rnnbench.data.prepared import Array, Manifest, TrainingData

# Options of scikit-learn's vectorizers: tokens are ids, and those of a single text are left out.
COUNTING: dict[str, Any] = {"token_pattern": r"\S+", "min_df": 2}
PAIRS = 2
# Inverse strength of the penalty; 10 is better than 1 on the validation splits of IMDB and Reuters.
INVERSE_PENALTY = 10.0


def is_text(manifest: Manifest) -> bool:
    """Return whether a view has token ids and classes."""
    return manifest.vocabulary_size is not None and has_classes(manifest)


def as_texts(rows: Array) -> list[str]:
    """Write rows of ids as texts, the form that scikit-learn's vectorizers take."""
    return [" ".join(str(token) for token in row if token != PADDING_ID) for row in rows.tolist()]


def fit(data: TrainingData, longest: int) -> Predict:
    """Fit logistic regression, one class against the rest, to TF-IDF weights.

    Parameters
    ----------
    data : TrainingData
        Rows of token ids and their classes.
    longest : int
        1 to count words, 2 to count pairs of neighbouring words as well.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline

    regression = LogisticRegression(C=INVERSE_PENALTY, solver="liblinear")
    classifier = make_pipeline(
        TfidfVectorizer(ngram_range=(1, longest), **COUNTING), OneVsRestClassifier(regression)
    )
    classifier.fit(as_texts(data.train.inputs), np.asarray(data.train.targets))

    def predict(inputs: Array) -> Array:
        probabilities = classifier.predict_proba(as_texts(inputs))
        return for_all_classes(probabilities, classifier.classes_, data.manifest)

    return predict


BASELINES.add(
    "bag_of_words",
    Baseline("bag of words, logistic regression", is_text, partial(fit, longest=1)),
)
BASELINES.add(
    "bag_of_word_pairs",
    Baseline("bag of words and pairs, logistic regression", is_text, partial(fit, longest=PAIRS)),
)
