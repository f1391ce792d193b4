"""What a model takes: stored values as numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rnnbench.data.prepared import Array

BYTE_MAXIMUM = np.float32(255.0)


def scaled(values: Array) -> Array:
    """Turn bytes into float32 from 0 to 1; token ids and numbers stay as they are."""
    if values.dtype == np.uint8:
        return values.astype(np.float32) / BYTE_MAXIMUM
    return np.asarray(values)


def as_targets(values: Array) -> npt.NDArray[Any]:
    """Return one label an example as integers, shape (examples, 1), others as `scaled` does."""
    if values.ndim == 1:
        return values.astype(np.int32)[:, np.newaxis]
    return scaled(values)
