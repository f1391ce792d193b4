"""Stored values as the inputs and targets of a model."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rnnbench.data.prepared import Array

BYTE_MAXIMUM = np.float32(255.0)


def scaled(values: Array) -> Array:
    """Convert bytes to float32 from 0 to 1; token ids and numbers stay unchanged."""
    if values.dtype == np.uint8:
        return values.astype(np.float32) / BYTE_MAXIMUM
    return np.asarray(values)


def as_targets(values: Array) -> npt.NDArray[Any]:
    """Return labels, shape (examples,), as int32 of shape (examples, 1), and others `scaled`."""
    if values.ndim == 1:
        return values.astype(np.int32)[:, np.newaxis]
    return scaled(values)
