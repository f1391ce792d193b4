"""How much of a difference between two accuracies is chance.

Two chances are at work: which test examples there are, and which seed a network was trained with.
The first is estimated from the paired answers of both models to the same examples (as McNemar's
test does), the second from the spread over seeds; their variances add up. Sources: Dietterich 1998,
"Approximate statistical tests for comparing supervised classification learning algorithms";
Bouthillier et al. 2021, "Accounting for variance in machine learning benchmarks".
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# 95 % of a normal distribution lie within so many standard errors.
NORMAL_95 = 1.96

Correct = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Difference:
    """A difference of accuracies and how far chance goes.

    Attributes
    ----------
    value : float
        Accuracy of the first less that of the second, means over seeds.
    standard_error : float
        Of test examples and, where both have several seeds, of seeds.
    seeds_counted : bool
        Whether the spread over seeds is in it.
    """

    value: float
    standard_error: float
    seeds_counted: bool

    @property
    def is_beyond_chance(self) -> bool:
        """Whether 0 lies outside the 95 % interval."""
        return abs(self.value) > NORMAL_95 * self.standard_error

    def __str__(self) -> str:
        counted = "" if self.seeds_counted else " (one seed: of test examples alone)"
        return f"{self.value:+.4f} ± {NORMAL_95 * self.standard_error:.4f}{counted}"


def compare_accuracies(first: Correct, second: Correct) -> Difference:
    """Compare two models on the same test examples.

    Parameters
    ----------
    first, second : ndarray of bool, shapes (seeds, examples)
        Whether each run was right about each example.

    Returns
    -------
    Difference
    """
    of_examples = first.mean(axis=0) - second.mean(axis=0)
    variance = float(np.var(of_examples, ddof=1)) / len(of_examples)
    both_repeated = len(first) > 1 and len(second) > 1
    if both_repeated:
        variance += sum(_variance_of_seeds(runs) for runs in (first, second))
    return Difference(float(of_examples.mean()), math.sqrt(variance), both_repeated)


def accuracy_standard_error(accuracy: float, examples: int) -> float:
    """Return the standard error of an accuracy measured on so many test examples."""
    return math.sqrt(accuracy * (1.0 - accuracy) / examples)


def _variance_of_seeds(runs: npt.NDArray[Any]) -> float:
    """Return the variance of the mean accuracy that comes from seeds."""
    return float(np.var(runs.mean(axis=1), ddof=1)) / len(runs)
