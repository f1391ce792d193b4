"""Differences of accuracies: what chance explains and what it does not."""

import math

import numpy as np
import pytest
from scipy import stats

from rnnbench.evaluation.statistics import accuracy_standard_error, compare_accuracies


def test_a_difference_on_few_examples_is_chance_and_on_many_is_not() -> None:
    first, second = np.array([[True, True, False, True]]), np.array([[True, False, False, True]])
    small = compare_accuracies(first, second)
    large = compare_accuracies(np.tile(first, 1_000), np.tile(second, 1_000))
    assert small.value == large.value == 0.25
    assert not small.is_beyond_chance
    assert large.is_beyond_chance


def test_with_one_seed_the_error_is_that_of_mcnemar() -> None:
    generator = np.random.default_rng(0)
    first, second = (generator.random((1, 2_000)) < share for share in (0.86, 0.84))
    difference = compare_accuracies(first, second)
    only_first, only_second = (first & ~second).sum(), (second & ~first).sum()
    z = (only_first - only_second) / math.sqrt(only_first + only_second)
    # McNemar assumes no difference, the interval does not: they agree where it is small.
    assert difference.value / difference.standard_error == pytest.approx(z, rel=0.02)
    assert not difference.seeds_counted
    assert "one seed" in str(difference)


def test_seeds_that_vary_widen_the_interval() -> None:
    generator = np.random.default_rng(1)
    shares = np.array([[0.75], [0.85], [0.80]])
    first = generator.random((3, 5_000)) < shares
    second = generator.random((3, 5_000)) < 0.78
    several = compare_accuracies(first, second)
    assert several.seeds_counted
    assert several.standard_error > 0.02
    assert not several.is_beyond_chance


def test_intervals_hold_what_they_promise() -> None:
    """Two models that are equally good differ beyond chance in a twentieth of the cases."""
    generator = np.random.default_rng(2)
    beyond = 0
    for _ in range(400):
        first, second = (generator.random((1, 500)) < 0.8 for _ in range(2))
        beyond += compare_accuracies(first, second).is_beyond_chance
    low, high = stats.binom.interval(0.999, 400, 0.05)
    assert low <= beyond <= high


def test_the_error_of_an_accuracy_is_that_of_a_share() -> None:
    assert accuracy_standard_error(0.5, 100) == pytest.approx(0.05)
    assert accuracy_standard_error(1.0, 100) == 0.0
