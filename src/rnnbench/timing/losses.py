"""Whether two ways of training compute the same, by their first losses."""

from collections.abc import Mapping

import numpy as np

from rnnbench.errors import RnnbenchError

# Later losses show how sensitive training is to rounding.
COMPARED_STEPS = 4
LOSSES_MAY_DIFFER = {"float32": 1e-3, "mixed_bfloat16": 2e-2}


def require_same_losses(losses: Mapping[str, float], precision: str) -> None:
    """Refuse to compare the times of ways that do not compute the same.

    Parameters
    ----------
    losses : mapping
        By way, the mean loss of the first steps from the same weights on the same data.
    precision : str
        The policy that the model computes by; it decides the relative tolerance.

    Raises
    ------
    RnnbenchError
        If the losses differ by more than rounding explains.
    """
    first = next(iter(losses.values()))
    tolerance = LOSSES_MAY_DIFFER[precision]
    if not np.allclose(list(losses.values()), first, rtol=tolerance, atol=0, equal_nan=True):
        shown = ", ".join(f"{way} {loss:.6g}" for way, loss in losses.items())
        raise RnnbenchError(
            f"the first losses differ ({shown}), although both ways start from the same weights on"
            " the same data: their times are those of different computations"
        )
