"""Verdicts on two states of a score, from predictions or from stated standard errors."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from rnnbench.files import write_json
from rnnbench.loading import LoadedExperiment, RevisionFiles
from rnnbench.review.scores import ChangedScore, Method, Side, compare_sides, read_side
from rnnbench.statistics import (
    BASIS_OF_DIFFERENCE,
    BASIS_OF_SEED_MEAN,
    Estimate,
    Verdict,
    compare_means,
    estimate_mean,
    estimate_seed_mean,
    seeds_needed,
)
from rnnbench.tasks.task import Score
from tests.comparison.made_up import EXAMPLES, shares

ACCURACY = Score("accuracy", "accuracy", higher_is_better=True)
LOSS = Score("loss", "loss", higher_is_better=False)
MARGIN = 0.01
SPLIT = "hash of a test split"


def make_side(
    folder: Path,
    scores: npt.NDArray[Any],
    name: str = "gru",
    score: Score = ACCURACY,
    test_split: str = SPLIT,
    predictions: bool = True,
    estimate: Estimate | None = None,
) -> Side:
    """Write the results of an experiment into a folder of their own, and read them.

    `scores` has the shape (seeds, examples); without `predictions` only the tables state them.
    """
    found = estimate or estimate_mean(scores)
    ends = {f"{score.name}_lower": found.lower, f"{score.name}_upper": found.upper}
    results = folder / "results" / "suite" / name
    write_json(results / "metrics.json", {score.name: found.value, **ends})
    (results / "evaluation" / "predictions").mkdir(parents=True)
    for seed, row in enumerate(scores):
        np.savez(results / "evaluation" / "predictions" / f"seed-{seed}.npz", score=row)
    if not predictions:
        shutil.rmtree(results / "evaluation")
    row = {
        "experiment": name,
        "seeds": len(scores),
        score.name: found.value,
        f"{score.name}_std": scores.mean(axis=1).std(ddof=1) if len(scores) > 1 else np.nan,
        "score_standard_error": found.standard_error,
        "score_degrees_of_freedom": found.degrees_of_freedom,
        "score_lower": found.lower,
        "score_upper": found.upper,
        "score_basis": found.basis,
    }
    loaded = LoadedExperiment(name, "suite", RevisionFiles(folder))
    side = read_side(loaded, score, pd.DataFrame([row]), test_split)
    assert side
    return side


def compare_two(folder: Path, old: Any, new: Any, **facts: Any) -> ChangedScore:
    sides = (make_side(folder / "old", old, **facts), make_side(folder / "new", new, **facts))
    (found,) = compare_sides({"gru": sides}, MARGIN)
    return found


def three_runs(seed: int, std: float = 0.01) -> npt.NDArray[Any]:
    """Scores of three runs that differ by seed and by example."""
    generator = np.random.default_rng(seed)
    hardness = np.random.default_rng(0).random(EXAMPLES)  # shared: the same test examples
    means = 0.8 + std * generator.standard_normal((3, 1))
    return 0.7 * hardness + 0.3 * generator.random((3, EXAMPLES)) < means


def test_predictions_of_both_sides_are_compared_example_by_example(tmp_path: Path) -> None:
    old, new = shares(0.90, 0.91), shares(0.80, 0.81)
    found = compare_two(tmp_path, old, new)
    assert found.method == Method.PAIRED
    assert found.difference == compare_means(new, old)
    assert found.verdict == Verdict.WORSE
    assert found.is_worse


def test_stated_standard_errors_are_compared_by_welch_s_test(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    means = generator.normal(0.8, 0.01, 4), generator.normal(0.84, 0.03, 6)
    estimates = [estimate_seed_mean(each) for each in means]
    sides = [
        make_side(tmp_path / str(number), each[:, np.newaxis], predictions=False, estimate=one)
        for number, (each, one) in enumerate(zip(means, estimates, strict=True))
    ]
    (found,) = compare_sides({"gru": (sides[0], sides[1])}, MARGIN)
    oracle = stats.ttest_ind(means[1], means[0], equal_var=False)
    interval = oracle.confidence_interval()
    assert found.method == Method.STATED
    assert found.difference is not None
    assert found.difference.p_value == pytest.approx(oracle.pvalue)
    assert found.difference.degrees_of_freedom == pytest.approx(oracle.df)
    assert found.difference.lower == pytest.approx(interval.low)
    assert found.difference.upper == pytest.approx(interval.high)
    assert found.difference.basis == BASIS_OF_SEED_MEAN[True]


def test_without_predictions_an_interval_is_wider_and_more_seeds_are_needed(tmp_path: Path) -> None:
    old, new = three_runs(1, std=0.02), three_runs(2, std=0.02)
    paired = compare_two(tmp_path / "paired", old, new)
    stated = compare_two(tmp_path / "stated", old, new, predictions=False)
    assert paired.difference
    assert stated.difference
    assert stated.difference.value == pytest.approx(paired.difference.value)
    assert stated.difference.standard_error > paired.difference.standard_error
    assert stated.difference.basis == BASIS_OF_DIFFERENCE[True, True]
    assert paired.verdict == stated.verdict == Verdict.UNDECIDED
    assert paired.seeds_needed == seeds_needed(new, old)
    assert paired.seeds_needed is not None
    assert stated.seeds_needed is None or stated.seeds_needed >= paired.seeds_needed


def test_the_seeds_of_stated_errors_are_those_of_predictions_where_examples_are_sure(
    tmp_path: Path,
) -> None:
    """Seeds that differ by a constant leave nothing to the examples."""
    examples = np.zeros(EXAMPLES)
    old = np.stack([examples + mean for mean in (0.70, 0.72, 0.74)])
    new = np.stack([examples + mean for mean in (0.71, 0.74, 0.77)])
    paired = compare_two(tmp_path / "paired", old, new)
    stated = compare_two(tmp_path / "stated", old, new, predictions=False)
    assert paired.seeds_needed
    assert stated.seeds_needed == paired.seeds_needed


def test_a_lower_loss_is_better(tmp_path: Path) -> None:
    old, new = three_runs(1) + 1.0, three_runs(2) + 0.5
    for name, predictions in (("paired", True), ("stated", False)):
        found = compare_two(tmp_path / name, old, new, score=LOSS, predictions=predictions)
        assert found.verdict == Verdict.BETTER
        assert found.difference
        assert found.difference.value > 0.4


def test_a_difference_within_the_margin_is_practically_equal(tmp_path: Path) -> None:
    right = shares(0.90, 0.90, 0.90)
    shifted = right.copy()
    shifted[:, :1] = False
    found = compare_two(tmp_path, right, shifted)
    assert found.verdict == Verdict.PRACTICALLY_EQUAL
    assert found.seeds_needed is None
    assert not found.is_worse


def test_single_seeds_decide_on_two_trained_models_alone(tmp_path: Path) -> None:
    for name, predictions in (("paired", True), ("stated", False)):
        found = compare_two(tmp_path / name, shares(0.9), shares(0.8), predictions=predictions)
        assert found.verdict == Verdict.WORSE
        assert found.difference
        assert found.difference.basis == BASIS_OF_DIFFERENCE[False, False]


def test_how_many_seeds_would_decide_is_not_known_from_one(tmp_path: Path) -> None:
    old, new = three_runs(1), three_runs(2)[:1]
    for name, predictions in (("paired", True), ("stated", False)):
        found = compare_two(tmp_path / name, old, new, predictions=predictions)
        assert found.verdict == Verdict.UNDECIDED
        assert found.seeds_needed is None


def test_scores_that_are_always_right_are_not_known_exactly(tmp_path: Path) -> None:
    """Their standard error is 0, their interval is not."""
    found = compare_two(tmp_path, shares(1.0), shares(0.9995), predictions=False)
    assert found.verdict == Verdict.PRACTICALLY_EQUAL


def test_other_test_examples_are_not_paired(tmp_path: Path) -> None:
    old = make_side(tmp_path / "old", shares(0.90, 0.91))
    new = make_side(tmp_path / "new", shares(0.80, 0.81), test_split="another")
    (found,) = compare_sides({"gru": (old, new)}, MARGIN)
    assert found.method == Method.STATED
    assert found.verdict == Verdict.WORSE


def test_intervals_that_cover_no_other_examples_give_no_verdict_on_other_ones(
    tmp_path: Path,
) -> None:
    means = np.array([[0.8], [0.81], [0.82]])
    facts: dict[str, Any] = {"predictions": False, "estimate": estimate_seed_mean(means.ravel())}
    old = make_side(tmp_path / "old", means, **facts)
    new = make_side(tmp_path / "new", means, **facts, test_split="another")
    (found,) = compare_sides({"gru": (old, new)}, MARGIN)
    assert found.verdict is None
    assert "the intervals do not cover other test examples" in found.reason


def test_predictions_and_tables_of_other_results_do_not_count(tmp_path: Path) -> None:
    old = make_side(tmp_path / "old", shares(0.90, 0.91))
    new = make_side(tmp_path / "new", shares(0.80, 0.81))
    other = {"accuracy": 0.7, "accuracy_lower": 0.68, "accuracy_upper": 0.72}
    write_json(tmp_path / "new" / "results" / "suite" / "gru" / "metrics.json", other)
    loaded = LoadedExperiment("gru", "suite", RevisionFiles(tmp_path / "new"))
    table = pd.DataFrame([{**new.row}])
    mixed = read_side(loaded, ACCURACY, table, SPLIT)
    assert mixed
    (found,) = compare_sides({"gru": (old, mixed)}, MARGIN)
    assert found.method == Method.NONE
    assert "the standard error now is not stated" in found.reason


def test_another_kind_of_score_is_not_compared(tmp_path: Path) -> None:
    old = make_side(tmp_path / "old", three_runs(1), score=LOSS)
    new = make_side(tmp_path / "new", three_runs(2))
    (found,) = compare_sides({"gru": (old, new)}, MARGIN)
    assert found.verdict is None
    assert found.reason == "it was scored by loss and now by accuracy"


def test_verdicts_allow_for_the_number_of_scores(tmp_path: Path) -> None:
    """Five more right answers of 2,000 have p = 0.025; a second comparison doubles it."""
    pairs = {
        name: (
            make_side(tmp_path / f"{name}-old", shares(old), name),
            make_side(tmp_path / f"{name}-new", shares(new), name),
        )
        for name, old, new in (("gru", 0.9, 0.9025), ("lstm", 0.9, 0.9005))
    }
    (alone,) = compare_sides({"gru": pairs["gru"]}, MARGIN)
    first, second = compare_sides(pairs, MARGIN)
    assert alone.verdict == Verdict.BETTER
    assert first.verdict == second.verdict == Verdict.PRACTICALLY_EQUAL
