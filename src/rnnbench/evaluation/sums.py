"""Scores of predicted sums, as the adding problem asks for them."""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

# Hochreiter & Schmidhuber 1997 call a sequence processed correctly within this error.
CORRECT_WITHIN = 0.04
BIN_EDGES = np.linspace(0.0, 2.0, 9)
SUM_CLASSES = [f"{low:g} to {high:g}" for low, high in pairwise(BIN_EDGES)]

Sums = npt.NDArray[np.float64]


def score_sums(predicted: Sums, actual: Sums) -> dict[str, float]:
    """Score predicted sums.

    Parameters
    ----------
    predicted, actual : ndarray, shape (examples,)
        Sums from 0 to 2.

    Returns
    -------
    dict
        `loss` (mean squared error), `mean_absolute_error` and `correct` (share of examples whose
        error is below 0.04, the criterion of Hochreiter & Schmidhuber 1997).
    """
    errors = np.abs(predicted - actual)
    return {
        "loss": float(np.mean(errors**2)),
        "mean_absolute_error": float(errors.mean()),
        "correct": float(np.mean(errors < CORRECT_WITHIN)),
    }


def bin_sums(sums: Sums) -> npt.NDArray[np.intp]:
    """Return into which of `SUM_CLASSES` each sum falls; what lies outside goes to the nearest."""
    bins: npt.NDArray[Any] = np.digitize(sums, BIN_EDGES[1:-1])
    return bins


def score_each_bin(predicted: Sums, actual: Sums) -> pd.DataFrame:
    """Return the errors by the size of the actual sum, a row a range."""
    errors = pd.DataFrame({"bin": bin_sums(actual), "error": predicted - actual})
    rows = []
    for number, name in enumerate(SUM_CLASSES):
        chosen = errors.loc[errors["bin"] == number, "error"]
        rows.append(
            {
                "sum": name,
                "mean_error": chosen.mean(),
                "mean_squared_error": (chosen**2).mean(),
                "test_examples": len(chosen),
            }
        )
    return pd.DataFrame(rows)
