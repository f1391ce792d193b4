"""The scores that a change made better or worse, and how sure that is.

If the predictions of both sides are available, they are compared example by example with
`rnnbench.statistics.compare_means`. Otherwise the standard errors in `comparisons/` are added up,
which ignores that both sides were scored on the same examples; as a rule that makes the interval
too wide, not too narrow. If these are not known either, there is no verdict. The p-values of all
scores of a review are adjusted together.
"""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from rnnbench.errors import RnnbenchError
from rnnbench.layout import COMPARISONS_FOLDER, TABLE_FILE
from rnnbench.loading import LoadedExperiment, RevisionFiles
from rnnbench.statistics import (
    ALPHA,
    BASIS_OF_DIFFERENCE,
    BASIS_OF_MEAN,
    Array,
    Difference,
    Estimate,
    Verdict,
    adjust_holm,
    compare_means,
    judge,
    plan_seeds,
    seeds_needed,
    subtract_estimates,
)
from rnnbench.tasks.task import SCORE_ARRAY, Score

TOLERANCE = 1e-4  # relative; the tables may state fewer digits than metrics.json
# A table does not state the number of test examples; one so large has no influence.
MANY_EXAMPLES = 1_000_000


class Method(StrEnum):
    """How two scores were compared."""

    PAIRED = "paired"
    STATED = "stated standard errors"
    NONE = "not compared"


@dataclass(frozen=True)
class Side:
    """The score of an experiment in one state of the repository.

    Attributes
    ----------
    loaded : LoadedExperiment
        The experiment in that state.
    score : Score
        The metric that is compared.
    metrics : dict of float
        The content of `metrics.json`; empty if every seed diverged.
    row : dict
        Its row in the suite's table; empty if no row belongs to these metrics.
    test_split : str or None
        The hash of the test split that it was scored on; None if it is not recorded.
    """

    loaded: LoadedExperiment
    score: Score
    metrics: Mapping[str, float]
    row: Mapping[str, Any]
    test_split: str | None

    @property
    def value(self) -> float:
        """The mean over seeds."""
        return self.metrics[self.score.name]

    @property
    def sign(self) -> float:
        """1 if a higher score is better, -1 if a lower one is."""
        return 1.0 if self.score.higher_is_better else -1.0

    def equals(self, other: "Side") -> bool:
        """Return whether both have the same score, to the last digit."""
        return self.score == other.score and self.metrics.get(self.score.name) == (
            other.metrics.get(self.score.name)
        )

    @property
    def ends(self) -> tuple[float, float] | None:
        """The ends of the 95 % interval, if it has one."""
        lower, upper = (self.metrics.get(f"{self.score.name}_{end}") for end in ("lower", "upper"))
        return None if lower is None or upper is None else (lower, upper)

    @property
    def seeds(self) -> int | None:
        """The number of seeds with a score; None if no table states it."""
        return int(self.row["seeds"]) if self.row else None

    @cached_property
    def example_scores(self) -> Array | None:
        """The score of each test example, shape (seeds, examples), higher being better.

        None if the predictions are not available, have no scores of examples, or belong to other
        results than `metrics.json`.
        """
        try:
            predictions = self.loaded.predictions.values()
        except RnnbenchError:
            return None
        if not predictions or any(SCORE_ARRAY not in arrays for arrays in predictions):
            return None
        scores = np.stack([arrays[SCORE_ARRAY] for arrays in predictions]).astype(np.float64)
        return (
            self.sign * scores
            if math.isclose(scores.mean(), self.value, rel_tol=TOLERANCE)
            else None
        )

    @property
    def estimate(self) -> Estimate | None:
        """The estimate in the table, signed so that higher is better; None if there is no row.

        For 0/1 scores without any variance the standard error is 0, but the width of the interval
        is not; the larger of the two counts.
        """
        error = self.row.get("score_standard_error", math.nan)
        if not math.isfinite(error) or not self.ends:
            return None
        degrees, (lower, upper) = float(self.row["score_degrees_of_freedom"]), self.ends
        half_width = (upper - lower) / 2 / float(stats.t.isf(ALPHA / 2, degrees))
        lower, upper = sorted((self.sign * lower, self.sign * upper))
        value, basis = self.sign * self.value, str(self.row["score_basis"])
        return Estimate(value, max(error, half_width), degrees, lower, upper, basis)


@dataclass(frozen=True)
class ChangedScore:
    """An experiment whose score differs between two states.

    Attributes
    ----------
    name : str
        The current name of the experiment.
    old, new : Side
        Its score before and now.
    method : Method
        How the two were compared.
    difference : Difference or None
        Now minus before, positive if it is better now; None if they were not compared.
    verdict : Verdict or None
        By the p-value adjusted for all scores of the review.
    seeds_needed : int or None
        How many seeds of each side would settle an undecided difference; None if it is decided, no
        number of seeds suffices, or the number is not known.
    reason : str
        The reason why there is no verdict, or empty.
    """

    name: str
    old: Side
    new: Side
    method: Method
    difference: Difference | None = None
    verdict: Verdict | None = None
    seeds_needed: int | None = None
    reason: str = ""

    @property
    def is_worse(self) -> bool:
        """Whether the score is worse beyond chance, or is missing because every seed diverges."""
        return self.verdict == Verdict.WORSE or bool(self.old.metrics and not self.new.metrics)


def read_side(
    loaded: LoadedExperiment, score: Score, table: pd.DataFrame, test_split: str | None
) -> Side | None:
    """Read the score of an experiment; None if it has no results.

    Parameters
    ----------
    loaded : LoadedExperiment
        The experiment in one state of the repository.
    score : Score
        The metric to compare.
    table : DataFrame
        Its suite's `table.csv` in that state; empty if there is none.
    test_split : str or None
        The hash of the test split that it was scored on.
    """
    try:
        metrics = loaded.scores
    except RnnbenchError:
        return None
    if metrics and score.name not in metrics:
        return None
    rows = table[table["experiment"] == loaded.name].to_dict("records") if len(table) else []
    row = {str(key): value for key, value in rows[0].items()} if rows else {}
    return Side(
        loaded, score, metrics, row if _belongs(row, metrics, score.name) else {}, test_split
    )


def read_table(files: RevisionFiles, suite: str) -> pd.DataFrame:
    """Read a suite's `table.csv`; an empty table if there is none."""
    try:
        return pd.read_csv(io.BytesIO(files.read(COMPARISONS_FOLDER / suite / TABLE_FILE)))
    except RnnbenchError:
        return pd.DataFrame()


def _belongs(row: Mapping[str, Any], metrics: Mapping[str, float], name: str) -> bool:
    """Return whether a table's row was made from these metrics."""
    stated = {name: name, "score_lower": f"{name}_lower", "score_upper": f"{name}_upper"}
    return bool(metrics) and all(
        math.isclose(row.get(column, math.nan), metrics[key], rel_tol=TOLERANCE, abs_tol=1e-12)
        for column, key in stated.items()
        if key in metrics
    )


def compare_sides(pairs: Mapping[str, tuple[Side, Side]], margin: float) -> list[ChangedScore]:
    """Compare the scores of experiments before and now, adjusted for their number.

    Parameters
    ----------
    pairs : mapping of (Side, Side)
        The sides before and now, by the name of the experiment.
    margin : float
        The largest difference without practical importance.
    """
    compared = [_compare(name, old, new) for name, (old, new) in pairs.items()]
    judged = [one.difference for one in compared if one.difference]
    adjusted = iter(adjust_holm([difference.p_value for difference in judged]))
    return [
        _judged(one, margin, float(next(adjusted)), len(judged)) if one.difference else one
        for one in compared
    ]


def _compare(name: str, old: Side, new: Side) -> ChangedScore:
    reason = _incomparable(old, new)
    if reason:
        return ChangedScore(name, old, new, Method.NONE, reason=reason)
    pair = _paired_scores(old, new)
    if pair is not None:
        return ChangedScore(name, old, new, Method.PAIRED, compare_means(*pair))
    first, second = new.estimate, old.estimate
    if first is None or second is None:
        side = "now" if first is None else "before"
        reason = f"the standard error {side} is not stated in `{COMPARISONS_FOLDER}/`"
        return ChangedScore(name, old, new, Method.NONE, reason=reason)
    if first.standard_error == second.standard_error == 0.0:
        return ChangedScore(name, old, new, Method.NONE, reason="both standard errors are 0")
    same_examples = old.test_split is not None and old.test_split == new.test_split
    if not same_examples and first.basis not in BASIS_OF_MEAN.values():
        reason = "the test split differs, and the intervals do not cover other test examples"
        return ChangedScore(name, old, new, Method.NONE, reason=reason)
    return ChangedScore(
        name, old, new, Method.STATED, subtract_estimates(first, second, _basis(first, new, old))
    )


def _incomparable(old: Side, new: Side) -> str:
    if old.score.name != new.score.name:
        return f"it was scored by {old.score.title} and now by {new.score.title}"
    if not new.metrics:
        return "every seed diverges now"
    if not old.metrics:
        return "every seed diverged before"
    return ""


def _paired_scores(old: Side, new: Side) -> tuple[Array, Array] | None:
    """Return the scores of the same test examples, now and before; None if one is missing."""
    if old.test_split is None or old.test_split != new.test_split:
        return None
    first, second = new.example_scores, old.example_scores
    if first is None or second is None or first.shape[1] != second.shape[1]:
        return None
    return first, second


def _basis(first: Estimate, new: Side, old: Side) -> str:
    if first.basis not in BASIS_OF_MEAN.values():
        return first.basis
    return BASIS_OF_DIFFERENCE[(new.seeds or 1) > 1, (old.seeds or 1) > 1]


def _judged(one: ChangedScore, margin: float, p_value: float, compared: int) -> ChangedScore:
    assert one.difference
    verdict = judge(one.difference, margin, p_value)
    needed = None
    if verdict == Verdict.UNDECIDED:
        needed = _seeds_needed(one, ALPHA / compared)
    return ChangedScore(one.name, one.old, one.new, one.method, one.difference, verdict, needed)


def _seeds_needed(one: ChangedScore, alpha: float) -> int | None:
    """Return how many seeds of each side would settle the difference; None if unknown or none."""
    if one.method == Method.PAIRED:
        pair = _paired_scores(one.old, one.new)
        assert pair
        return seeds_needed(*pair, alpha=alpha) if min(map(len, pair)) > 1 else None
    assert one.difference
    over_examples, seed_variances = 0.0, []
    for side in (one.new, one.old):
        std = side.row.get(f"{side.score.name}_std", math.nan)
        if not side.seeds or side.seeds == 1 or not math.isfinite(std):
            return None
        over_examples += max(side.row["score_standard_error"] ** 2 - std**2 / side.seeds, 0.0)
        seed_variances.append(std**2)
    return plan_seeds(
        one.difference.value, over_examples, MANY_EXAMPLES, seed_variances, alpha=alpha
    )
