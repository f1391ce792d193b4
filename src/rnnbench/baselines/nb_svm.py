"""NB-SVM: a linear classifier of words and pairs, weighted by naive Bayes log-count ratios.

Source: Wang & Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic
Classification", ACL 2012. In contrast to the paper, the loss is logistic: it gives probabilities,
and a higher accuracy on the validation split of IMDB than the squared hinge loss with the paper's
interpolation.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from rnnbench.baselines.bag_of_words import COUNTING, PAIRS, as_texts, is_text
from rnnbench.baselines.baseline import BASELINES, Baseline, Predict
from rnnbench.baselines.classes import for_all_classes
from rnnbench.data.prepared import Array, TrainingData

# Both are the paper's values for NB-SVM.
SMOOTHING = 1.0
INVERSE_PENALTY = 1.0

Weights = npt.NDArray[np.float64]  # of shape (tokens,)


def fit(data: TrainingData) -> Predict:
    """Fit one classifier per class against the rest, each with its own weights."""
    from scipy.special import expit
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(ngram_range=(1, PAIRS), binary=True, **COUNTING)
    occurs = vectorizer.fit_transform(as_texts(data.train.inputs)).astype(np.float64)
    labels = np.asarray(data.train.targets)
    classes = np.unique(labels)
    fitted = [_fit_class(occurs, labels == label) for label in classes]
    coefficients, intercepts = (np.stack(parts, axis=-1) for parts in zip(*fitted, strict=True))

    def predict(inputs: Array) -> Array:
        logits = vectorizer.transform(as_texts(inputs)) @ coefficients + intercepts
        return for_all_classes(expit(logits), classes, data.manifest)

    return predict


def log_count_ratios(occurs: Any, is_member: npt.NDArray[np.bool_]) -> Weights:
    """Return the log-count ratio of each token for the class (the paper's r).

    Parameters
    ----------
    occurs : sparse matrix of 0 and 1, shape (texts, tokens)
        1 where a text has a token.
    is_member : ndarray of bool, shape (texts,)
        Which texts belong to the class.
    """
    inside, outside = (
        SMOOTHING + np.asarray(occurs[texts].sum(axis=0)).ravel()
        for texts in (is_member, ~is_member)
    )
    ratios: Weights = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
    return ratios


def _fit_class(occurs: Any, is_member: npt.NDArray[np.bool_]) -> tuple[Weights, float]:
    """Return the coefficient of each token and the intercept."""
    from sklearn.linear_model import LogisticRegression

    ratios = log_count_ratios(occurs, is_member)
    regression = LogisticRegression(C=INVERSE_PENALTY, solver="liblinear")
    regression.fit(occurs.multiply(ratios).tocsr(), is_member)
    return ratios * regression.coef_[0], float(regression.intercept_[0])


BASELINES.add("nb_svm", Baseline("NB-SVM, words and pairs", is_text, fit))
