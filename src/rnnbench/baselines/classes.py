"""What the baselines that tell classes apart share."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rnnbench.data.prepared import Manifest
from rnnbench.tasks.classification import Classification, Probabilities


def has_classes(manifest: Manifest) -> bool:
    """Return whether examples have one class each, and those for training at least two."""
    if manifest.task != Classification.name:
        return False
    return int(np.count_nonzero(manifest.splits["train"]["class_counts"])) > 1


def for_all_classes(
    values: npt.NDArray[np.floating[Any]], fitted: npt.NDArray[np.integer[Any]], manifest: Manifest
) -> Probabilities:
    """Give classes that have no training example the probability 0.

    Parameters
    ----------
    values : ndarray, shape (examples, fitted classes)
        Probabilities of the classes that have training examples.
    fitted : ndarray of int, shape (fitted classes,)
        Which classes these are.
    manifest : Manifest
        Says which classes there are.

    Returns
    -------
    ndarray of float64, shape (examples, classes)
    """
    probabilities = np.zeros((len(values), len(manifest.class_names)))
    probabilities[:, fitted] = values
    return probabilities
