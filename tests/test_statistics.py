"""Intervals, verdicts and plans: published worked examples, other estimators, simulations."""

import math
from dataclasses import astuple
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from rnnbench.statistics import (
    Difference,
    Verdict,
    adjust_holm,
    compare_means,
    estimate_mean,
    estimate_seed_mean,
    examples_needed,
    is_not_worse,
    is_practically_equal,
    judge,
    possible_ranks,
    seeds_needed,
    seeds_needed_by_ranks,
    smallest_visible_difference,
)

Array = npt.NDArray[np.float64]

# Diameters of growth inhibition in mm, one row per sample of penicillin and one column per plate:
# Davies & Goldsmith 1972, "Statistical Methods in Research and Production"; also in R's lme4.
PENICILLIN = [
    "27 27 25 26 25 24 24 26 24 24 26 25 26 26 26 25 25 25 24 26 25 25 24 24",
    "23 23 21 23 22 22 20 22 21 21 23 22 24 23 23 22 21 22 21 23 21 22 21 21",
    "26 26 25 25 26 25 23 26 24 24 26 26 26 26 25 25 24 24 23 26 24 25 24 24",
    "23 23 24 23 22 23 21 24 22 23 24 24 24 23 24 23 23 23 21 24 22 22 22 22",
    "23 23 24 23 23 22 22 24 22 22 24 24 25 23 24 23 23 23 21 24 22 22 24 21",
    "21 21 20 20 20 19 19 21 20 19 21 20 22 20 22 20 20 19 19 21 18 20 19 18",
]
# Approval of a prime minister in two surveys of the same people, yes/yes, yes/no, no/yes, no/no:
# Agresti, "Categorical Data Analysis", section 10.1.
APPROVAL = (794, 150, 86, 570)


def answers(table: tuple[int, int, int, int]) -> tuple[Array, Array]:
    """Return the 0/1 scores, one seed each, that a paired table counts."""
    first = np.repeat([1.0, 1.0, 0.0, 0.0], table)
    second = np.repeat([1.0, 0.0, 1.0, 0.0], table)
    return first[np.newaxis], second[np.newaxis]


def score_with_seed_means(means: list[float], examples: int = 50) -> Array:
    return np.repeat(np.array(means)[:, np.newaxis], examples, axis=1)


def difference(lower: float, upper: float, p_value: float) -> Difference:
    value = (lower + upper) / 2
    error = (upper - lower) / 4
    return Difference(value, error, 60.0, lower, upper, "other seeds", p_value, 0.1)


@pytest.mark.parametrize("transposed", [False, True])
def test_both_random_effects_of_the_penicillin_data_are_in_the_standard_error(
    transposed: bool,
) -> None:
    diameters = np.array([row.split() for row in PENICILLIN], dtype=float)
    estimate = estimate_mean(diameters.T if transposed else diameters)
    assert estimate.value == pytest.approx(22.9722, abs=5e-5)
    assert estimate.standard_error == pytest.approx(0.8086, abs=5e-5)
    published = math.sqrt(0.7169 / 24 + 3.7309 / 6 + 0.3024 / 144)
    assert estimate.standard_error == pytest.approx(published, abs=5e-5)
    # Six samples dominate: hardly more than their five degrees of freedom.
    assert 5.0 < estimate.degrees_of_freedom < 6.0


def mean_product(first: Array, second: Array, same_model: bool) -> float:
    """Return the mean product of two scores of different examples and different runs."""
    examples = ~np.eye(first.shape[1], dtype=bool)
    repeated = same_model and len(first) > 1
    runs = ~np.eye(len(first), dtype=bool) if repeated else np.ones((len(first), len(second)))
    weights = np.einsum("st,ij->sitj", runs, examples)
    return float(np.average(np.einsum("si,tj->sitj", first, second), weights=weights))


@pytest.mark.parametrize("seeds", [(3, 4), (2, 2), (1, 4), (3, 1), (1, 1)])
def test_variances_are_those_of_the_unbiased_estimate_by_pairs(seeds: tuple[int, int]) -> None:
    """Var(mean) = E[mean²] - E[mean]², the latter from pairs that share no run and no example."""
    generator = np.random.default_rng(3)
    examples = generator.normal(size=30)
    first, second = (
        examples
        + generator.normal(size=(runs, 1))
        + generator.normal(size=30)
        + generator.normal(size=(runs, 30))
        for runs in seeds
    )
    compared, estimated = compare_means(first, second), estimate_mean(first)
    squared_first = mean_product(first, first, same_model=True)
    squared = squared_first + mean_product(second, second, same_model=True)
    squared -= 2 * mean_product(first, second, same_model=False)
    assert compared.standard_error**2 == pytest.approx(compared.value**2 - squared)
    assert estimated.standard_error**2 == pytest.approx(estimated.value**2 - squared_first)


def test_a_paired_table_has_the_published_difference_and_interval() -> None:
    compared = compare_means(*answers(APPROVAL))
    assert compared.value == pytest.approx(0.04)
    assert compared.standard_error == pytest.approx(0.0095, abs=6e-5)
    assert (compared.lower, compared.upper) == pytest.approx((0.02, 0.06), abs=2e-3)
    assert compared.share_differing == pytest.approx((150 + 86) / 1600)
    assert compared.basis == "these two trained models, other test examples"


def test_one_seed_each_is_mcnemar_test_with_the_variance_of_the_observed_difference() -> None:
    compared = compare_means(*answers(APPROVAL))
    examples = sum(APPROVAL)
    squared = (compared.value / compared.standard_error) ** 2
    # McNemar's variance is the one without a difference; this is the exact relation.
    mcnemar = examples * squared / (examples - 1 + squared)
    assert mcnemar == pytest.approx(17.36, abs=5e-3)
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    table = np.reshape(APPROVAL, (2, 2))
    oracle = tables.mcnemar(table, exact=False, correction=False).statistic
    assert mcnemar == pytest.approx(oracle)


# Newcombe 1998, "Two-sided confidence intervals for the single proportion", Table I.
@pytest.mark.parametrize(
    ("right", "examples", "lower", "upper"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_one_trained_model_has_the_wilson_interval(
    right: int, examples: int, lower: float, upper: float
) -> None:
    estimate = estimate_mean([[1] * right + [0] * (examples - right)])
    assert estimate.basis == "this trained model, other test examples"
    assert (estimate.lower, estimate.upper) == pytest.approx((lower, upper), abs=5e-5)
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    oracle = proportion.proportion_confint(right, examples, method="wilson")
    assert (estimate.lower, estimate.upper) == pytest.approx(oracle)


def test_one_trained_model_with_another_score_has_students_interval_over_examples() -> None:
    losses = np.array([[2.1, 2.4, 2.2, 2.9]])
    estimate = estimate_mean(losses)
    error = losses.std(ddof=1) / 2
    assert estimate.degrees_of_freedom == pytest.approx(3)
    assert estimate.value - estimate.lower == pytest.approx(3.1824 * error, rel=1e-4)
    assert estimate.upper - estimate.value == pytest.approx(3.1824 * error, rel=1e-4)


def test_an_interval_ends_where_scores_do() -> None:
    shares = np.array([[0.1, 1.0, 0.2, 0.9], [1.0, 1.0, 0.8, 1.0]])
    estimate = estimate_mean(shares)
    assert (estimate.lower, estimate.upper) == (0.0, 1.0)
    squares = estimate_mean(2.0 * shares)
    assert squares.lower == 0.0
    assert squares.upper > 2.0
    assert estimate_mean(-shares).lower < -1.0


def test_a_score_with_one_number_per_seed_has_students_interval_over_seeds() -> None:
    estimate = estimate_seed_mean([0.80, 0.82, 0.87])
    assert estimate.value == pytest.approx(0.83)
    assert estimate.upper - estimate.value == pytest.approx(
        4.3027 * 0.036056 / math.sqrt(3), rel=1e-4
    )
    assert estimate.basis == "other seeds, the same test examples"


def test_one_number_of_one_seed_has_no_interval() -> None:
    estimate = estimate_seed_mean([0.8])
    assert estimate.value == 0.8
    assert np.isnan([estimate.standard_error, estimate.lower, estimate.upper]).all()


def test_a_model_with_one_seed_is_compared_as_trained() -> None:
    generator = np.random.default_rng(4)
    several, one = generator.random((3, 200)) < [[0.7], [0.8], [0.9]], np.ones((1, 200))
    ahead, behind = compare_means(several, one), compare_means(one, several)
    assert ahead.basis.startswith("other seeds of the first model, this trained second")
    assert behind.basis.startswith("this trained first model, other seeds of the second")
    assert ahead.value == -behind.value
    assert ahead.standard_error == behind.standard_error > 0.2 / math.sqrt(12)


def test_comparing_the_other_way_round_mirrors_everything() -> None:
    generator = np.random.default_rng(5)
    first, second = generator.random((3, 90)) < 0.7, generator.random((4, 90)) < 0.6
    there, back = compare_means(first, second), compare_means(second, first)
    assert (there.lower, there.upper) == pytest.approx((-back.upper, -back.lower))
    assert there.p_value == pytest.approx(back.p_value)
    assert there.share_differing == pytest.approx(back.share_differing)


def draw_scores(generator: np.random.Generator, accuracies: tuple[float, float]) -> list[Array]:
    """Draw 0/1 scores of two models, three seeds each, whose true accuracies are given.

    60 % of 500 examples are easy for both models. The others differ from model to model, and there
    the seeds differ, with a standard deviation of two points of accuracy.
    """
    easy = generator.random(500) < 0.6
    scores = []
    for accuracy in accuracies:
        seed_effect = generator.normal(0.0, 0.02 / 0.4, size=(3, 1))
        hard = (accuracy - 0.6 * 0.98) / 0.4 + generator.uniform(-0.3, 0.3, 500) + seed_effect
        scores.append((generator.random((3, 500)) < np.where(easy, 0.98, hard)).astype(float))
    return scores


def covers(interval: Any, truth: float) -> bool:
    return bool(interval.lower <= truth <= interval.upper)


def test_intervals_cover_what_they_promise_and_normal_ones_do_not() -> None:
    generator = np.random.default_rng(6)
    of_mean, of_difference, of_normal, false_positives = [], [], [], []
    for _ in range(2_000):
        first, second = draw_scores(generator, (0.80, 0.78))
        compared = compare_means(first, second)
        of_mean.append(covers(estimate_mean(first), 0.80))
        of_difference.append(covers(compared, 0.02))
        of_normal.append(abs(compared.value - 0.02) <= 1.96 * compared.standard_error)
        equal = compare_means(*draw_scores(generator, (0.78, 0.78)))
        false_positives.append(judge(equal, margin=0.01) in {Verdict.BETTER, Verdict.WORSE})
    assert 0.935 <= np.mean(of_mean) <= 0.975
    assert 0.935 <= np.mean(of_difference) <= 0.975
    assert np.mean(false_positives) <= 0.06
    assert np.mean(of_normal) < 0.935


@pytest.mark.parametrize(
    ("lower", "upper", "p_value", "verdict"),
    [
        (0.005, 0.030, 0.01, Verdict.BETTER),
        (-0.030, -0.005, 0.01, Verdict.WORSE),
        (0.001, 0.009, 0.01, Verdict.BETTER),  # beyond chance, though of no importance
        (-0.006, 0.004, 0.70, Verdict.PRACTICALLY_EQUAL),
        (-0.012, 0.004, 0.30, Verdict.UNDECIDED),
        (-0.004, 0.012, 0.30, Verdict.UNDECIDED),
    ],
)
def test_verdicts_follow_from_p_value_and_margin(
    lower: float, upper: float, p_value: float, verdict: Verdict
) -> None:
    assert judge(difference(lower, upper, p_value), margin=0.01) is verdict


def test_the_adjusted_p_value_decides() -> None:
    compared = difference(0.001, 0.020, p_value=0.03)
    assert judge(compared, margin=0.01) is Verdict.BETTER
    assert judge(compared, margin=0.01, p_value=0.06) is Verdict.UNDECIDED


def test_not_worse_needs_the_lower_end_alone_and_equal_needs_both() -> None:
    compared = difference(-0.008, 0.030, p_value=0.2)
    assert is_not_worse(compared, margin=0.01)
    assert not is_not_worse(compared, margin=0.005)
    assert not is_practically_equal(compared, margin=0.01)
    assert is_practically_equal(compared, margin=0.04)


def test_holm_adjusts_in_the_order_given() -> None:
    assert adjust_holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjust_holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert len(adjust_holm([])) == 0


def test_holm_is_that_of_statsmodels() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p_values = np.random.default_rng(7).random(20) ** 3
    p_values[3] = p_values[11]
    oracle = multitest.multipletests(p_values, method="holm")[1]
    assert adjust_holm(p_values.tolist()) == pytest.approx(oracle)


def test_ranks_span_what_pairs_leave_open() -> None:
    verdicts = {
        ("lstm", "gru"): Verdict.UNDECIDED,
        ("lstm", "simple_rnn"): Verdict.BETTER,
        ("simple_rnn", "gru"): Verdict.UNDECIDED,
        ("baseline", "lstm"): Verdict.WORSE,
        ("baseline", "gru"): Verdict.WORSE,
        ("simple_rnn", "baseline"): Verdict.PRACTICALLY_EQUAL,
    }
    ranks = possible_ranks(["lstm", "gru", "simple_rnn", "baseline"], verdicts)
    assert ranks == {"lstm": (1, 2), "gru": (1, 3), "simple_rnn": (2, 4), "baseline": (3, 4)}
    assert possible_ranks(["alone"], {}) == {"alone": (1, 1)}


# Cohen 1988, Table 2.4.1: 17, 26 and 64 a group for effects of 1.0, 0.8 and 0.5.
@pytest.mark.parametrize(("effect", "needed"), [(1.0, 17), (0.8, 26), (0.5, 64)])
def test_seeds_needed_are_those_of_students_test_where_seeds_are_the_only_chance(
    effect: float, needed: int
) -> None:
    half = math.sqrt(0.5)  # two seeds so far apart have a standard deviation of 1
    first = score_with_seed_means([effect - half, effect + half])
    second = score_with_seed_means([-half, half])
    assert seeds_needed(first, second) == needed
    assert seeds_needed(second, first) == needed
    assert seeds_needed(first, second, most=needed - 1) is None
    power = pytest.importorskip("statsmodels.stats.power")
    oracle = power.TTestIndPower().solve_power(effect, power=0.9, alpha=0.01)
    assert seeds_needed(first, second, power=0.9, alpha=0.01) == math.ceil(oracle)


def test_so_many_seeds_settle_it_as_often_as_planned() -> None:
    generator = np.random.default_rng(8)

    def draw(seeds: int) -> tuple[Array, Array]:
        first, second = (
            2 * generator.normal(size=100)
            + generator.normal(size=(seeds, 1))
            + generator.normal(size=(seeds, 100))
            for _ in range(2)
        )
        return first + 1.5, second

    first, second = draw(1_000)
    planned = seeds_needed(first - first.mean() + 1.5, second - second.mean())
    assert planned is not None
    settled, too_few = (
        np.mean([compare_means(*draw(seeds)).p_value < 0.05 for _ in range(1_000)])
        for seeds in (planned, planned // 2)
    )
    assert too_few < 0.7
    assert 0.77 < settled < 0.9


def test_more_seeds_average_out_what_only_one_run_gets_wrong() -> None:
    residual = np.random.default_rng(9).normal(size=(4, 2_000))
    residual -= residual.mean(axis=1, keepdims=True)
    # The standard error of S seeds is √(2 / (2,000 S)), and t has 2 (S - 1) degrees of freedom:
    # 80 % power takes 3.37 standard errors of four seeds (0.053) and 3.20 of five (0.045).
    assert seeds_needed(residual[:2] + 0.05, residual[2:]) == 5


def test_no_number_of_seeds_makes_up_for_too_few_examples() -> None:
    first, second = (np.repeat(scores, 3, axis=0) for scores in answers((40, 6, 4, 10)))
    assert compare_means(first, second).p_value > 0.05
    assert seeds_needed(first, second) is None
    assert seeds_needed(np.tile(first, 40), np.tile(second, 40)) == 2


def test_seeds_needed_are_unknown_from_one_seed() -> None:
    with pytest.raises(ValueError, match="two seeds or more"):
        seeds_needed(np.ones((3, 10)), np.ones((1, 10)))


@pytest.mark.parametrize(
    ("examples", "points"), [(25_000, 0.56), (2_246, 1.87), (10_000, 0.89)]
)  # IMDB, Reuters, MNIST
def test_a_test_split_shows_differences_from_this_size_on(examples: int, points: float) -> None:
    visible = smallest_visible_difference(0.1, examples)
    assert 100 * visible == pytest.approx(points, abs=5e-3)
    assert visible == pytest.approx(2.80 * math.sqrt(0.1 / examples), rel=1e-3)
    assert examples_needed(visible, variance=0.1) in {examples, examples + 1}


def test_plans_are_those_of_the_published_examples() -> None:
    assert examples_needed(0.03, variance=1 / 9) == 969  # Miller 2024
    assert seeds_needed_by_ranks(0.75) == 29  # Noether 1987, as in Bouthillier et al. 2021


def test_an_accuracy_without_any_error_is_not_known_to_be_one() -> None:
    always_right = estimate_mean(np.ones((3, 20)))
    assert (always_right.lower, always_right.upper) == pytest.approx((1 - 0.1611, 1.0), abs=5e-5)
    assert always_right.basis == "other seeds and other test examples"
    once_wrong = np.ones((3, 20))
    once_wrong[0, 0] = 0
    assert estimate_mean(once_wrong).upper == 1.0


def test_models_that_agree_everywhere_are_equal_only_on_many_examples() -> None:
    few, many = (compare_means(np.ones((3, n)), np.ones((3, n))) for n in (20, 1_000))
    assert few.value == many.value == 0.0
    assert few.p_value == many.p_value == 1.0
    assert few.standard_error == pytest.approx(1 / 22)  # half a count in each cell: Agresti & Min
    assert judge(few, margin=0.01) is Verdict.UNDECIDED
    assert judge(many, margin=0.01) is Verdict.PRACTICALLY_EQUAL
    apart = compare_means(np.ones((3, 20)), np.zeros((3, 20)))
    assert judge(apart, margin=0.01) is Verdict.BETTER


def test_other_scores_without_any_variance_are_compared_as_they_are() -> None:
    losses = np.array([[0.5, 0.25, 0.75]] * 2)
    same, apart = compare_means(losses, losses), compare_means(losses + 0.25, losses)
    assert (same.lower, same.upper, same.p_value) == (0.0, 0.0, 1.0)
    assert (apart.lower, apart.upper, apart.p_value) == (0.25, 0.25, 0.0)
    assert seeds_needed(losses + 0.25, losses) == 2
    assert seeds_needed(losses, losses) is None
    constant = estimate_mean(np.full((2, 4), 0.25))
    assert (constant.value, constant.lower, constant.upper) == (0.25, 0.25, 0.25)


def test_an_interval_stays_finite_where_seeds_vary_less_than_the_residual() -> None:
    """Two seeds that err on different examples, equally often: the sum's terms cancel."""
    first = np.array([[1.0, 0.0] * 10, [0.0, 1.0] * 10])
    compared = compare_means(first, np.ones((2, 20)))
    assert np.isfinite(astuple(compared)[:5]).all()
    assert 1.0 <= compared.degrees_of_freedom <= 21.0
    assert compared.standard_error > 0.0


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.ones(5), r"shape \(5,\)"),
        (np.ones((0, 5)), r"shape \(0, 5\)"),
        (np.ones((3, 1)), r"shape \(3, 1\)"),
        ([[0.1, 0.2], [math.nan, 0.2], [0.1, math.inf]], r"rows \[1, 2\].*diverged"),
    ],
)
def test_scores_without_an_answer_are_refused(scores: npt.ArrayLike, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate_mean(scores)
    with pytest.raises(ValueError, match=message):
        compare_means(np.ones((2, 2)), scores)


def test_models_scored_on_different_examples_are_not_paired() -> None:
    with pytest.raises(ValueError, match="500 and 400 test examples"):
        compare_means(np.ones((3, 500)), np.ones((3, 400)))


@pytest.mark.parametrize("values", [[], [0.5, math.nan], [[0.5, 0.6]]])
def test_numbers_of_seeds_that_diverged_are_refused(values: npt.ArrayLike) -> None:
    with pytest.raises(ValueError, match="one finite value per seed"):
        estimate_seed_mean(values)


@pytest.mark.parametrize("p_value", [math.nan, -0.1, 1.1])
def test_what_is_no_p_value_is_not_adjusted(p_value: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        adjust_holm([0.5, p_value])
