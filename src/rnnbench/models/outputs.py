"""What a classifier's outputs mean."""

from typing import Any

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float64]


def probabilities_from_outputs(
    outputs: npt.NDArray[np.floating[Any]], from_logits: bool
) -> Probabilities:
    """Turn a model's outputs into class probabilities.

    Parameters
    ----------
    outputs : ndarray, shape (examples, classes) or (examples, 1)
        One column stands for the probability (or logit) of class 1 of two.
    from_logits : bool
        Whether outputs are before the sigmoid or softmax.

    Returns
    -------
    ndarray of float64, shape (examples, classes)
        Rows add up to 1.
    """
    values = np.asarray(outputs, dtype=np.float64)
    if values.shape[1] == 1:
        positive = 1.0 / (1.0 + np.exp(-values)) if from_logits else values
        return np.concatenate([1.0 - positive, positive], axis=1)
    if from_logits:
        values = np.exp(values - values.max(axis=1, keepdims=True))
    normalised: Probabilities = values / values.sum(axis=1, keepdims=True)
    return normalised
