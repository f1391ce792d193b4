"""Median and quartiles of repeated measurements."""

from collections.abc import Sequence

import numpy as np


def quartiles(values: Sequence[float]) -> dict[str, float]:
    """Return `median`, `lower_quartile` and `upper_quartile`."""
    lower, median, upper = (float(value) for value in np.quantile(values, (0.25, 0.5, 0.75)))
    return {"median": median, "lower_quartile": lower, "upper_quartile": upper}


def ratio_quartiles(dividends: Sequence[float], divisors: Sequence[float]) -> dict[str, float]:
    """Return the quartiles of the ratios within a round; both sequences are ordered by round."""
    pairs = zip(dividends, divisors, strict=True)
    return quartiles([dividend / divisor for dividend, divisor in pairs])
