"""Tests of differences between the scores of experiments, and between experiments and baselines.

Scores are compared if they are those of the same test examples; the p-values of all comparisons on
a test split are adjusted together.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, fields
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from rnnbench.comparison.results import NAN, Baseline, Result, Results
from rnnbench.statistics import (
    ALPHA,
    BASIS_OF_DIFFERENCE,
    Array,
    Difference,
    Verdict,
    adjust_holm,
    compare_means,
    estimate_mean,
    judge,
    possible_ranks,
    seeds_needed,
    smallest_visible_difference,
)

JUDGED = [*(field.name for field in fields(Difference)), "adjusted_p_value", "verdict"]
PAIR_COLUMNS = ["first", "second", "score", *JUDGED, "seeds_needed"]
BASELINE_COLUMNS = [
    "view", "baseline", "title", "score", "value", "lower", "upper", "fit_processor_seconds"
]  # fmt: skip
# Identifies a comparison by the bytes of both scores.
Comparison: TypeAlias = frozenset[bytes]
AGAINST_COLUMNS = ["experiment", "baseline", "score", *JUDGED]


def by_view(results: Results) -> dict[str, list[Result]]:
    """Return the results that have a score, by the view that they share."""
    return _grouped(results, lambda result: result.view)


def _grouped(results: Results, key: Callable[[Result], str]) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = {}
    for result in filter(None, results.values()):
        if result.runs:
            groups.setdefault(key(result), []).append(result)
    return groups


def tabulate_pairs(results: Results, margin: float) -> pd.DataFrame:
    """Compare every two experiments on the same test examples.

    Parameters
    ----------
    results : mapping of Result or None
        In the order of the table.
    margin : float
        The largest difference of scores without practical importance.

    Returns
    -------
    DataFrame
        `first`, `second`, the name of the `score`, the fields of
        `rnnbench.statistics.Difference`, positive if the first is better, its `adjusted_p_value`,
        the `verdict` by it, and `seeds_needed`: how many seeds of each would settle the difference;
        missing if an experiment has a single seed, or if no number of seeds suffices.
    """
    rows: list[dict[str, Any]] = []
    for pairs in _pairs(_grouped(results, lambda result: result.test_split)).values():
        named = [
            {"first": first.name, "second": second.name, "score": first.task.score.name}
            for first, second in pairs
        ]
        scores = [_comparable(first, second) for first, second in pairs]
        found = _judged(named, scores, margin)
        for row, (first, second) in zip(found, scores, strict=True):
            several = min(len(first), len(second)) > 1
            alpha = ALPHA / max(len(_distinct(scores)), 1)
            row["seeds_needed"] = seeds_needed(first, second, alpha=alpha) if several else None
        rows += found
    return pd.DataFrame(rows, columns=PAIR_COLUMNS).astype({"seeds_needed": "Int64"})


def find_ranks(results: Results, pairs: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Return the best and the worst rank that each experiment may have on its view."""
    verdicts = {
        (first, second): Verdict(verdict)
        for first, second, verdict in pairs[["first", "second", "verdict"]].itertuples(index=False)
    }
    return {
        name: ranks
        for members in by_view(results).values()
        for name, ranks in possible_ranks([one.name for one in members], verdicts).items()
    }


def tabulate_baselines(results: Results, baselines: Iterable[Baseline]) -> pd.DataFrame:
    """Return the task's score of each baseline with its 95 % interval, and its other metrics.

    Returns
    -------
    DataFrame
        `view`, `baseline`, `title`, the name of the `score`, its `value`, `lower`, `upper`,
        `fit_processor_seconds`, and every metric by its name. Values that a baseline lacks are NaN.
    """
    views, rows = by_view(results), []
    for baseline in baselines:
        score = views[baseline.view][0].task.score.name
        scores = baseline.example_scores
        estimate = None if scores is None else estimate_mean(scores)
        value = baseline.metrics.get(score, NAN)
        ends = (estimate.lower, estimate.upper) if estimate else (NAN, NAN)
        facts = (baseline.view, baseline.name, baseline.title, score, value, *ends)
        row = zip(BASELINE_COLUMNS, (*facts, baseline.fit_processor_seconds), strict=True)
        rows.append({**dict(row), **baseline.metrics})
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=BASELINE_COLUMNS)


def tabulate_against_baselines(
    results: Results, baselines: Iterable[Baseline], margin: float
) -> pd.DataFrame:
    """Compare every experiment with every baseline of its view.

    Returns
    -------
    DataFrame
        `experiment`, `baseline`, the name of the `score`, the fields of
        `rnnbench.statistics.Difference`, positive if the experiment is better, its
        `adjusted_p_value` and the `verdict` by it.
    """
    rows: list[dict[str, Any]] = []
    for view, members in by_view(results).items():
        compared = [
            (result, baseline)
            for result in members
            for baseline in baselines
            if baseline.view == view
            and result.example_scores is not None
            and baseline.example_scores is not None
        ]
        named = [
            {"experiment": result.name, "baseline": one.name, "score": result.task.score.name}
            for result, one in compared
        ]
        scores = [_comparable(result, one) for result, one in compared]
        rows += _judged(named, scores, margin)
    return pd.DataFrame(rows, columns=AGAINST_COLUMNS)


def summarise_power(results: Results, pairs: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Summarise for each view what more seeds would decide, and what its test split can show.

    Returns
    -------
    dict
        By view: `closest_undecided`, the two experiments whose undecided difference is nearest to
        a decision, and their `seeds_needed`, each None if there is none; the
        `smallest_visible_difference` of a run of each of the two, or of the median pair; and a
        `text` with these facts. Views with fewer than two experiments are left out.
    """
    return {
        view: _power(compared, pairs[_are_among(pairs, compared)])
        for view, compared in _pairs(by_view(results)).items()
    }


def _are_among(pairs: pd.DataFrame, compared: list[tuple[Result, Result]]) -> "pd.Series[bool]":
    names = {one.name for pair in compared for one in pair}
    return pairs["first"].isin(names) & pairs["second"].isin(names)


def _power(compared: list[tuple[Result, Result]], pairs: pd.DataFrame) -> dict[str, Any]:
    undecided = pairs[pairs["verdict"] == Verdict.UNDECIDED].sort_values("p_value", kind="stable")
    closest, needed, text = None, None, "Every pair is decided."
    if len(undecided):
        row = undecided.iloc[0]
        closest = [row["first"], row["second"]]
        needed = None if pd.isna(row["seeds_needed"]) else int(row["seeds_needed"])
        compared = [pair for pair in compared if [one.name for one in pair] == closest]
        text = (
            f"Of the undecided pairs, {closest[0]} and {closest[1]} are the closest to a decision:"
            f" {_settled(needed, row['basis'])}."
        )
    visible = float(np.median([_visible_difference(*pair) for pair in compared]))
    title = compared[0][0].task.score.title
    return {
        "closest_undecided": closest,
        "seeds_needed": needed,
        "smallest_visible_difference": visible,
        "text": f"{text} Between two such runs, this test split shows differences of {title} from"
        f" {visible:.2g} on.",
    }


def _visible_difference(first: Result, second: Result) -> float:
    of_first, of_second = _comparable(first, second)
    # For 0/1 scores this is the share of examples that two runs score differently.
    share = float(np.square(of_first[:, np.newaxis] - of_second).mean())
    return smallest_visible_difference(share, of_first.shape[1])


def _settled(needed: int | None, basis: str) -> str:
    if needed:
        return f"about {needed} seeds of each would settle it"
    if basis != BASIS_OF_DIFFERENCE[True, True]:
        return "how many seeds would settle it is not known from a single one"
    return "more seeds alone would not settle it"


def _pairs(groups: dict[str, list[Result]]) -> dict[str, list[tuple[Result, Result]]]:
    """Return all pairs of the results of each group whose test examples have scores."""
    found = {
        name: list(combinations((one for one in members if one.example_scores is not None), 2))
        for name, members in groups.items()
    }
    return {name: pairs for name, pairs in found.items() if pairs}


def _judged(
    named: list[dict[str, Any]], scores: list[tuple[Array, Array]], margin: float
) -> list[dict[str, Any]]:
    """Add to each row the difference of the scores and its verdict, adjusted for all rows."""
    differences = [compare_means(first, second) for first, second in scores]
    distinct = _distinct(scores)
    by_comparison = dict(
        zip(
            distinct,
            adjust_holm([differences[row].p_value for row in distinct.values()]),
            strict=True,
        )
    )
    adjusted = [by_comparison.get(_comparison(*pair), 1.0) for pair in scores]
    return [
        {
            **name,
            **asdict(difference),
            "adjusted_p_value": p_value,
            "verdict": judge(difference, margin, p_value).value,
        }
        for name, difference, p_value in zip(named, differences, adjusted, strict=True)
    ]


def _distinct(scores: list[tuple[Array, Array]]) -> dict[Comparison, int]:
    """Return the distinct comparisons, each with the position of one of its pairs.

    A layer and its cell give the same runs: their comparisons with another model count as one test,
    and their comparison with each other is no test.
    """
    found = {_comparison(*pair): place for place, pair in enumerate(scores)}
    return {comparison: place for comparison, place in found.items() if len(comparison) > 1}


def _comparison(first: Array, second: Array) -> Comparison:
    return frozenset((first.tobytes(), second.tobytes()))


def _comparable(first: Result, second: Result | Baseline) -> tuple[Array, Array]:
    """Return the scores of the test examples of both, signed so that higher is better."""
    sign = 1.0 if first.task.score.higher_is_better else -1.0
    return sign * np.asarray(first.example_scores), sign * np.asarray(second.example_scores)
