"""A check that two ways of training compute the same, by their first losses."""

from collections.abc import Mapping

import numpy as np

from rnnbench.errors import RnnbenchError

# Only the first steps, as rounding errors grow during training.
COMPARED_STEPS = 4
LOSSES_MAY_DIFFER = {"float32": 1e-3, "mixed_bfloat16": 2e-2}


def require_same_losses(losses: Mapping[str, float], precision: str) -> None:
    """Refuse to compare the times of ways that do not compute the same.

    Parameters
    ----------
    losses : mapping
        For each way, the mean loss of the first steps from the same weights on the same data.
    precision : str
        The model's dtype policy, which decides the relative tolerance.

    Raises
    ------
    RnnbenchError
        If the losses differ by more than rounding can explain.
    """
    first = next(iter(losses.values()))
    tolerance = LOSSES_MAY_DIFFER[precision]
    if not np.allclose(list(losses.values()), first, rtol=tolerance, atol=0, equal_nan=True):
        shown = ", ".join(f"{way} {loss:.6g}" for way, loss in losses.items())
        raise RnnbenchError(
            f"the first losses differ ({shown}), although both ways start from the same weights on"
            " the same data: their times are those of different computations"
        )
