"""Shared code of baselines for classification."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rnnbench.data.prepared import Manifest
from rnnbench.tasks.classification import Classification, Probabilities


def has_classes(manifest: Manifest) -> bool:
    """Return whether a view is for classification, with at least two classes in training."""
    if manifest.task != Classification.name:
        return False
    return int(np.count_nonzero(manifest.splits["train"]["class_counts"])) > 1


def for_all_classes(
    values: npt.NDArray[np.floating[Any]], fitted: npt.NDArray[np.integer[Any]], manifest: Manifest
) -> Probabilities:
    """Add columns of 0 for classes without training examples.

    Parameters
    ----------
    values : ndarray, shape (examples, fitted classes)
        Probabilities of the classes that have training examples.
    fitted : ndarray of int, shape (fitted classes,)
        Labels of these classes.
    manifest : Manifest
        Has the names of all classes.

    Returns
    -------
    ndarray of float64, shape (examples, classes)
    """
    probabilities = np.zeros((len(values), len(manifest.class_names)))
    probabilities[:, fitted] = values
    return probabilities
