"""How precisely a score, or the difference of two scores, is known.

Seeds and test examples are crossed, as readers and cases are in radiology: every run of a model is
scored on the same examples. Both count as random, so an interval covers other seeds and other test
examples. `scores` always has the shape (seeds, examples) and holds 1 where a run is right and 0
where it is wrong, or any score for which higher is better: pass a loss with a minus sign. Examples
must be independent: average the steps of a sequence first. Arrays of another shape, with fewer than
two examples or with a score that is not finite raise ValueError.

Sources: Gallas, Pennello & Myers 2007, "Multireader multicase variance analysis for binary data",
JOSA A 24(12); Brennan 2001, "Generalizability Theory"; Satterthwaite 1946, "An approximate
distribution of estimates of variance components". Others are named where they are used.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

# Every interval covers 95 %; every test has 5 % false positives.
ALPHA = 0.05

# What an interval covers, by whether the model, or each of two models, has several seeds.
BASIS_OF_MEAN = {
    True: "other seeds and other test examples",
    False: "this trained model, other test examples",
}
BASIS_OF_DIFFERENCE = {
    (True, True): "other seeds and other test examples",
    (False, False): "these two trained models, other test examples",
    (False, True): "this trained first model, other seeds of the second, other test examples",
    (True, False): "other seeds of the first model, this trained second, other test examples",
}
BASIS_OF_SEED_MEAN = {
    True: "other seeds, the same test examples",
    False: "this trained model, the same test examples",
}

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean score and the ends of its 95 % interval; `basis` says what the interval covers."""

    value: float
    standard_error: float
    degrees_of_freedom: float
    lower: float
    upper: float
    basis: str


@dataclass(frozen=True)
class Difference(Estimate):
    """The mean score of a first model minus that of a second.

    Attributes
    ----------
    p_value : float
        Two-sided, for a true difference of 0, not adjusted for other comparisons.
    share_differing : float
        Share of examples that a run of each model score differently, averaged over pairs of runs.
    """

    p_value: float
    share_differing: float


class Verdict(StrEnum):
    """How a first model compares with a second."""

    BETTER = "better"
    WORSE = "worse"
    PRACTICALLY_EQUAL = "practically equal"
    UNDECIDED = "undecided"


def estimate_mean(scores: npt.ArrayLike) -> Estimate:
    """Estimate the mean score over seeds and test examples.

    The interval is that of Student's t, not below 0 where no score is, and within 0 and 1 where all
    are. One seed with 0/1 scores has the interval of Wilson 1927 instead, and so have several
    without any variance, such as those that are always right.
    """
    checked = _checked(scores)
    seeds, examples = checked.shape
    value = float(checked.mean())
    variance, degrees = _variance(checked.mean(axis=0), checked)
    estimate = _t_interval(value, variance, degrees, BASIS_OF_MEAN[seeds > 1])
    if _is_binary(checked) and (seeds == 1 or variance == 0.0):
        right = round(value * examples)
        lower, upper = stats.binomtest(right, examples).proportion_ci(method="wilson")
        return replace(
            estimate, degrees_of_freedom=math.inf, lower=float(lower), upper=float(upper)
        )
    least, most = float(checked.min()), float(checked.max())
    lower = max(estimate.lower, 0.0) if least >= 0.0 else estimate.lower
    upper = min(estimate.upper, 1.0) if least >= 0.0 and most <= 1.0 else estimate.upper
    return replace(estimate, lower=lower, upper=upper)


def estimate_seed_mean(values: npt.ArrayLike) -> Estimate:
    """Estimate the mean of a score with one number per seed, such as macro-F1.

    `values` has the shape (seeds,). One seed has no interval: standard error and ends are nan.
    """
    checked = np.asarray(values, dtype=float)
    if checked.ndim != 1 or not len(checked) or not np.isfinite(checked).all():
        raise ValueError(f"one finite value per seed is needed, not {checked.tolist()}")
    degrees = len(checked) - 1
    variance = checked.var(ddof=1) / len(checked) if degrees else math.nan
    return _t_interval(float(checked.mean()), variance, degrees, BASIS_OF_SEED_MEAN[degrees > 0])


def estimate_score(scores: npt.ArrayLike | None, means: npt.ArrayLike) -> Estimate:
    """Estimate a mean score from the examples' scores or, without these, from the seeds' means.

    `scores` has the shape (seeds, examples), `means` (seeds,).
    """
    return estimate_seed_mean(means) if scores is None else estimate_mean(scores)


def compare_means(first: npt.ArrayLike, second: npt.ArrayLike) -> Difference:
    """Compare the mean scores of two models, which may have different numbers of seeds.

    Examples are paired: both arrays hold the same ones in the same order. Seeds are not paired,
    because one seed gives two architectures unrelated weights. Two models with 0/1 scores that
    agree everywhere are not known to be equal: the standard error is at least that of Agresti & Min
    2005 (Statistics in Medicine 24), who add half a count to each cell of the paired table.
    """
    first, second = _checked_pair(first, second)
    per_example = first.mean(axis=0) - second.mean(axis=0)
    both_binary = _is_binary(first) and _is_binary(second)
    floor = 1.0 / (len(per_example) + 2) ** 2 if both_binary else 0.0
    variance, degrees = _variance(per_example, first, second, floor=floor)
    basis = BASIS_OF_DIFFERENCE[len(first) > 1, len(second) > 1]
    return _tested(
        _t_interval(float(per_example.mean()), variance, degrees, basis),
        share_differing=float((first[:, np.newaxis] != second).mean()),
    )


def subtract_estimates(first: Estimate, second: Estimate, basis: str) -> Difference:
    """Return the difference of two means that were estimated separately.

    The variances add up (Welch 1947, "The generalization of 'Student's' problem when several
    different population variances are involved", Biometrika 34). The share of examples on which the
    models differ is not known: it is nan.
    """
    components = [(one.standard_error**2, one.degrees_of_freedom) for one in (first, second)]
    variance = sum(component for component, _ in components)
    degrees = float(_satterthwaite(variance, *components))
    return _tested(_t_interval(first.value - second.value, variance, degrees, basis), math.nan)


def judge(difference: Difference, margin: float, p_value: float | None = None) -> Verdict:
    """Return the verdict on a difference.

    A difference beyond chance is called so even where it is smaller than the margin.

    Parameters
    ----------
    difference : Difference
    margin : float
        The largest difference that has no practical importance, in the unit of the scores.
    p_value : float, optional
        Adjusted for the other comparisons of a claim or table; default: that of the difference.
    """
    if (difference.p_value if p_value is None else p_value) < ALPHA:
        return Verdict.BETTER if difference.value > 0 else Verdict.WORSE
    if is_practically_equal(difference, margin):
        return Verdict.PRACTICALLY_EQUAL
    return Verdict.UNDECIDED


def is_practically_equal(difference: Difference, margin: float) -> bool:
    """Return whether the whole 95 % interval lies inside ± margin.

    These are the two one-sided tests of Schuirmann 1987, each at 2.5 %. The usual 5 % corresponds
    to a 90 % interval; the 95 % interval is stricter, and it is the one that tables show.
    """
    return -margin < difference.lower and difference.upper < margin


def is_not_worse(difference: Difference, margin: float) -> bool:
    """Return whether the first model is worse by less than the margin (one-sided, at 2.5 %)."""
    return difference.lower > -margin


def adjust_holm(p_values: Sequence[float]) -> Array:
    """Return the p-values, in their order, adjusted for their number (Holm 1979).

    Raises ValueError if one of them is not between 0 and 1.
    """
    raw = np.asarray(p_values, dtype=float)
    if not ((raw >= 0.0) & (raw <= 1.0)).all():
        raise ValueError(f"p-values lie between 0 and 1, not {raw.tolist()}")
    order = np.argsort(raw)
    adjusted = np.empty_like(raw)
    adjusted[order] = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1))
    return adjusted.clip(max=1.0)


def possible_ranks(
    names: Sequence[str], verdicts: Mapping[tuple[str, str], Verdict]
) -> dict[str, tuple[int, int]]:
    """Return the lowest and the highest rank that each row of a table may have, 1 being the best.

    They are 1 + the number of rows that are better beyond chance, and the number of rows minus
    those that are worse (Klein, Wright & Wieczorek 2020, "A joint confidence region for an overall
    ranking of populations", JRSS C 69). `verdicts` holds one verdict for each pair (first, second),
    in either order; a pair without one counts as undecided, and pairs with others do not count.
    """
    inside = {pair: verdict for pair, verdict in verdicts.items() if set(pair) <= set(names)}
    won = [pair for pair, verdict in inside.items() if verdict == Verdict.BETTER]
    won += [(b, a) for (a, b), verdict in inside.items() if verdict == Verdict.WORSE]
    winners, losers = [winner for winner, _ in won], [loser for _, loser in won]
    return {name: (1 + losers.count(name), len(names) - winners.count(name)) for name in names}


def seeds_needed(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    power: float = 0.8,
    alpha: float = ALPHA,
    most: int = 1_000,
) -> int | None:
    """Return how many seeds per model would settle the observed difference.

    This is a rough plan: it takes the observed difference and variances for the true ones.

    Parameters
    ----------
    first, second : array_like, shapes (seeds, examples)
        As for `compare_means`, with at least two seeds each; otherwise ValueError is raised.
    power : float
        Probability that the difference is found to be beyond chance.
    alpha : float
        Two-sided significance level. Divide it by the number of comparisons to plan for Holm.
    most : int
        Largest number of seeds per model to consider.

    Returns
    -------
    int or None
        None if `most` seeds are too few; with too few test examples no number of seeds suffices.
    """
    pair = _checked_pair(first, second)
    if min(map(len, pair)) == 1:
        raise ValueError("two seeds or more of each model are needed to know how much seeds vary")
    per_example = pair[0].mean(axis=0) - pair[1].mean(axis=0)
    examples = len(per_example)
    over_examples, by_model = per_example.var(ddof=1) / examples, []
    for scores in pair:
        by_seed, residual = _variance_by_seed(scores)
        over_examples -= residual
        by_model.append(max(by_seed, residual) * len(scores))
    return plan_seeds(
        per_example.mean(), max(over_examples, 0.0), examples, by_model, power, alpha, most
    )


def plan_seeds(
    difference: float,
    over_examples: float,
    examples: int,
    seed_variances: Sequence[float],
    power: float = 0.8,
    alpha: float = ALPHA,
    most: int = 1_000,
) -> int | None:
    """Return how many seeds per model would settle a difference with known variances.

    Parameters
    ----------
    difference : float
        The difference of the mean scores.
    over_examples : float
        Its variance over test examples, which more seeds do not reduce.
    examples : int
        The number of test examples.
    seed_variances : sequence of float
        For each model, the variance over seeds of the score of a single run.
    power, alpha, most
        See `seeds_needed`.
    """
    seeds = np.arange(2, most + 1)
    by_model = [variance / seeds for variance in seed_variances]
    variance = over_examples + sum(by_model)
    degrees = _satterthwaite(
        variance, (over_examples, examples - 1), *((part, seeds - 1) for part in by_model)
    )
    standard_errors = abs(difference) / (np.sqrt(variance) + np.finfo(float).eps)
    noncentrality = np.minimum(standard_errors, 1e3)  # SciPy's limit; the power is 1 long before
    enough = stats.nct.sf(stats.t.isf(alpha / 2, degrees), degrees, noncentrality) >= power
    return int(seeds[enough.argmax()]) if enough.any() else None


def smallest_visible_difference(
    share_differing: float, examples: int, power: float = 0.8, alpha: float = ALPHA
) -> float:
    """Return the smallest difference of two trained models that a test split shows.

    This is 2.80 √(share / examples) with the default power and two-sided alpha, where the share is
    that of the examples on which one model is right and the other is wrong. See Card et al. 2020,
    "With little power comes great responsibility", EMNLP.
    """
    return _standard_errors_needed(power, alpha / 2) * math.sqrt(share_differing / examples)


def examples_needed(
    difference: float, variance: float, power: float = 0.8, alpha: float = ALPHA
) -> int:
    """Return how many test examples are needed to show a difference of two means, not 0.

    `variance` is the variance of the paired difference over examples; alpha is two-sided (Miller
    2024, "Adding error bars to evals").
    """
    return math.ceil((_standard_errors_needed(power, alpha / 2) / difference) ** 2 * variance)


def seeds_needed_by_ranks(probability: float, power: float = 0.95, alpha: float = ALPHA) -> int:
    """Return how many seeds per model a rank test of one number per seed needs.

    `probability`, above 0.5, is the probability that a run of the better model beats a run of the
    other; alpha is one-sided (Noether 1987, "Sample size determination for some common
    nonparametric tests", JASA 82).
    """
    return math.ceil((_standard_errors_needed(power, alpha) / (probability - 0.5)) ** 2 / 6)


def _checked(scores: npt.ArrayLike) -> Array:
    checked = np.asarray(scores, dtype=float)
    if checked.ndim != 2 or len(checked) < 1 or checked.shape[1] < 2:  # noqa: PLR2004
        raise ValueError(
            f"scores have the shape {checked.shape}, but (seeds, examples) with at least one seed"
            " and two test examples is needed"
        )
    diverged = np.flatnonzero(~np.isfinite(checked).all(axis=1)).tolist()
    if diverged:
        raise ValueError(
            f"scores of the seeds in rows {diverged} are not finite: leave out seeds that diverged,"
            " and report how many did"
        )
    return checked


def _checked_pair(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[Array, Array]:
    pair = _checked(first), _checked(second)
    examples = [scores.shape[1] for scores in pair]
    if examples[0] != examples[1]:
        raise ValueError(
            f"the models were scored on {examples[0]} and {examples[1]} test examples, but a paired"
            " comparison needs the same ones in the same order"
        )
    return pair


def _is_binary(scores: Array) -> bool:
    return bool(((scores == 0.0) | (scores == 1.0)).all())


def _variance_by_seed(scores: Array) -> tuple[float, float]:
    """Return MS_S / (S N) and MS_SE / (S N): the mean squares of seeds and of the residual."""
    seeds, examples = scores.shape
    seed_means = scores.mean(axis=1, keepdims=True)
    residual = scores - seed_means - scores.mean(axis=0) + seed_means.mean()
    residual_degrees = (seeds - 1) * (examples - 1)
    residual_variance = float(np.square(residual).sum()) / residual_degrees / scores.size
    return float(seed_means.var(ddof=1)) / seeds, residual_variance


def _variance(per_example: Array, *models: Array, floor: float = 0.0) -> tuple[float, float]:
    """Return the variance of the mean of `per_example` and its degrees of freedom.

    `per_example` is a model's mean over seeds, or the difference of two. A model's residual is in
    the variance over its seeds and in that over examples, so it is subtracted once.
    """
    over_examples = float(per_example.var(ddof=1)) / len(per_example)
    components, total = [(over_examples, len(per_example) - 1)], over_examples
    for scores in models:
        if len(scores) > 1:
            by_seed, residual = _variance_by_seed(scores)
            components.append((by_seed, len(scores) - 1))
            total += by_seed - residual
    variance = max(total, over_examples, floor)
    return variance, float(_satterthwaite(variance, *components))


def _satterthwaite(variance: Any, *components: tuple[Any, Any]) -> Any:
    """Return the degrees of freedom of a sum of variances, given with their degrees of freedom.

    A true sum has at least the fewest of its components and at most their total. Here a residual
    is subtracted, which can lead out of that range.
    """
    denominator = sum(component**2 / degrees for component, degrees in components)
    all_degrees = [degrees for _, degrees in components]
    fewest = reduce(np.minimum, all_degrees)
    return np.clip(variance**2 / (denominator + np.finfo(float).tiny), fewest, sum(all_degrees))


def _tested(difference: Estimate, share_differing: float) -> Difference:
    """Test a difference for being 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = abs(np.divide(difference.value, difference.standard_error))
    return Difference(
        **vars(difference),
        # With neither a difference nor a variance the statistic is 0 / 0.
        p_value=1.0
        if np.isnan(statistic)
        else float(2 * stats.t.sf(statistic, difference.degrees_of_freedom)),
        share_differing=share_differing,
    )


def _t_interval(value: float, variance: float, degrees: float, basis: str) -> Estimate:
    error = math.sqrt(variance)
    half = float(stats.t.isf(ALPHA / 2, degrees)) * error
    return Estimate(value, error, degrees, value - half, value + half, basis)


def _standard_errors_needed(power: float, tail: float) -> float:
    """Return how many standard errors a difference must span to be found with this power."""
    return float(stats.norm.isf(tail) + stats.norm.ppf(power))
