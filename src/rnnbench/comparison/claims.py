"""Tests of the claims in `literature.yaml`.

Every comparison of a claim has an outcome: as claimed, the opposite, practically equal, undecided
or not run. Scores are compared with `rnnbench.statistics`, and the p-values of one claim are
adjusted together by Holm's procedure. Times are those of stock Keras, with which the claims were
made; quartiles of training steps take the place of an interval, and there is no p-value.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from scipy import stats

from rnnbench.comparison.findings import Comparison, Finding, as_difference
from rnnbench.comparison.literature import BEST_BASELINE, STEP_TIME, Claim, Literature
from rnnbench.comparison.results import NAN, NOT_RUN
from rnnbench.errors import RnnbenchError
from rnnbench.statistics import (
    BASIS_OF_MEAN,
    Difference,
    Verdict,
    adjust_holm,
    is_not_worse,
    judge,
)
from rnnbench.tables import Column, as_text

AS_CLAIMED = "as claimed"
OPPOSITE = "the opposite"
# Times whose ratio is closer to 1 are not called different, whatever their quartiles.
TIME_TOLERANCE = 0.1
SMALLEST_P = 1e-16  # the smallest that is shown; computed tails of distributions end there

# The outcome of a claim's relation by verdict; a verdict that is not listed is the outcome itself.
OUTCOMES: dict[str, dict[Verdict, str]] = {
    "higher": {Verdict.BETTER: AS_CLAIMED, Verdict.WORSE: OPPOSITE},
    "lower": {Verdict.WORSE: AS_CLAIMED, Verdict.BETTER: OPPOSITE},
    "different": {Verdict.BETTER: AS_CLAIMED, Verdict.WORSE: AS_CLAIMED},
    "equal": {
        Verdict.BETTER: OPPOSITE,
        Verdict.WORSE: OPPOSITE,
        Verdict.PRACTICALLY_EQUAL: AS_CLAIMED,
    },
    "as_good": {
        Verdict.BETTER: AS_CLAIMED,
        Verdict.WORSE: OPPOSITE,
        Verdict.PRACTICALLY_EQUAL: AS_CLAIMED,
    },
}
NAMES = (Column("first", "first"), Column("second", "second"), Column("outcome", "outcome"))
JUDGED = (
    Column("p", "p (Holm)", ".2g"),
    Column("margin", "margin", ".4g"),
    Column("seeds_needed", "seeds to decide it", ".0f"),
    Column("parameters_ratio", "parameter ratio", ".3f"),
    Column("stock_time_ratio", "time ratio, stock Keras", ".3g"),
    Column("compiled_time_ratio", "time ratio, compiled", ".3g"),
    Column("basis", "the interval covers"),
)


@dataclass(frozen=True)
class Compared:
    """The comparison of an experiment; `difference` is None if one of the two was not run.

    `second` names what it is compared with; `other` is None if that is a baseline or a number.
    """

    second: str
    difference: Difference | None = None
    other: Finding | None = None
    seeds_needed: float = NAN


def compare_claims(comparisons: list[Comparison], literature: Literature) -> pd.DataFrame:
    """Make and judge every comparison of every claim, one row per comparison.

    Returns
    -------
    DataFrame
        `claim`, `first`, `second`, `outcome`, `measure`; the `difference` of the scores, positive
        if the first is better, or of the times as a share of the second, with the ends of its 95 %
        interval or, for times, of its quartiles; `p`, adjusted for all comparisons of the claim;
        the `margin`; `seeds_needed` if more seeds would decide it; the ratios of the parameters
        (without embedding and dense layers) and of the times of a step per example, with stock
        Keras and with compiled loops; and the `basis` of the interval.

    Raises
    ------
    RnnbenchError
        If the scores of two experiments cannot be compared.
    """
    suites = {one.name: part for part in comparisons for one in part.findings}
    scored = {one.name: one for part in comparisons for one in part.findings if one.seeds}
    rows = [
        {"claim": name, **row}
        for name, claim in literature.claims.items()
        for row in _rows(claim, scored, suites)
    ]
    names, judged = ([column.name for column in part] for part in (NAMES, JUDGED))
    measured = ["measure", "difference", "lower", "upper"]
    return pd.DataFrame(rows, columns=["claim", *names, *measured, *judged])


def tabulate_verdicts(compared: pd.DataFrame, literature: Literature) -> pd.DataFrame:
    """Return `claim`, `text`, `source` and `verdict`: the number of comparisons per outcome."""
    return pd.DataFrame(
        {
            "claim": name,
            "text": claim.text,
            "source": claim.source,
            "verdict": _verdict(compared[compared["claim"] == name]),
        }
        for name, claim in literature.claims.items()
    )


def unanimous_claims(compared: pd.DataFrame, literature: Literature) -> list[str]:
    """Return a sentence for each claim whose comparisons, two or more, all have the same outcome.

    Claims that no comparison could decide come last.
    """
    sentences: dict[str, str] = {}
    for name, claim in literature.claims.items():
        outcomes = compared.loc[compared["claim"] == name, "outcome"]
        if len(outcomes) > 1 and outcomes.nunique() == 1 and outcomes.iloc[0] != NOT_RUN:
            text = claim.text.removesuffix(".")
            outcome = outcomes.iloc[0]
            sentences[f"{text}: {outcome} in all {len(outcomes)} comparisons."] = outcome
    return sorted(sentences, key=lambda sentence: sentences[sentence] == Verdict.UNDECIDED)


def readable_comparisons(compared: pd.DataFrame) -> pd.DataFrame:
    """Return the comparisons of one claim for readers: every cell as text, times in percent."""
    style = "+.1%" if STEP_TIME in set(compared["measure"]) else "+.4f"
    difference = Column("difference", "difference [interval]", style, ("lower", "upper"))
    shown = compared.assign(p=compared["p"].clip(lower=SMALLEST_P))
    return as_text(shown, (*NAMES, difference, *JUDGED))


def _rows(
    claim: Claim, scored: dict[str, Finding], suites: dict[str, Comparison]
) -> Iterator[dict[str, object]]:
    pairs = [
        (first, _compare(claim, first, second, scored, suites))
        for first, second in claim.comparisons
    ]
    is_time = claim.measure == STEP_TIME
    adjusted = iter(adjust_holm([one.difference.p_value for _, one in pairs if one.difference]))
    for first, one in pairs:
        row = {"first": first, "second": one.second, "measure": claim.measure}
        if one.difference is None:
            yield {**row, "outcome": NOT_RUN}
            continue
        p_value = next(adjusted)
        margin = _time_margin(claim) if is_time else claim.margin or suites[first].summary["margin"]
        outcome = _outcome(claim.relation, one.difference, margin, p_value)
        yield {
            **row,
            "difference": one.difference.value,
            "lower": one.difference.lower,
            "upper": one.difference.upper,
            "basis": one.difference.basis,
            "margin": margin,
            "p": NAN if is_time else p_value,
            "outcome": outcome,
            "seeds_needed": one.seeds_needed if outcome == Verdict.UNDECIDED else NAN,
            **(_ratios(scored[first], one.other) if one.other else {}),
        }


def _compare(
    claim: Claim,
    first: str,
    second: str,
    scored: dict[str, Finding],
    suites: dict[str, Comparison],
) -> Compared:
    finding, other = scored.get(first), scored.get(second)
    if finding and isinstance(claim.against, float):
        return Compared(second, _difference_from(finding, claim.against))
    if finding and claim.against == BEST_BASELINE:
        row = suites[first].against_best_baseline(finding)
        return Compared(row["baseline_title"], as_difference(row)) if row else Compared(second)
    if not finding or not other:
        return Compared(second)
    if claim.measure == STEP_TIME:
        return Compared(second, _difference_of_times(finding, other, _time_margin(claim)), other)
    if (first, second) not in suites[first].differences:
        raise RnnbenchError(
            f"comparisons/ has no difference of the scores of {first} and {second}, which a"
            " claim of literature.yaml compares; both must be in one suite, with the same test"
            " examples"
        )
    difference, needed = suites[first].differences[first, second]
    # The number was planned for all pairs of a test split, not for those of a claim, so it may not
    # exceed the number of seeds that did not suffice here.
    needed = needed if math.isnan(needed) else max(needed, 1 + max(finding.seeds, other.seeds))
    return Compared(second, difference, other, needed)


def _outcome(relation: str, difference: Difference, margin: float, p_value: float) -> str:
    if relation == "visible":
        return AS_CLAIMED if difference.upper - difference.value < margin else OPPOSITE
    verdict = judge(difference, margin, p_value)
    if relation == "as_good" and verdict == Verdict.UNDECIDED and is_not_worse(difference, margin):
        return AS_CLAIMED
    return OUTCOMES[relation].get(verdict, verdict.value)


def _difference_from(finding: Finding, value: float) -> Difference:
    """Return the difference of a score and a number that is known exactly."""
    above, error = finding.score - value, finding.number("score_standard_error")
    degrees = finding.number("score_degrees_of_freedom")
    return Difference(
        value=above,
        standard_error=error,
        degrees_of_freedom=degrees,
        lower=finding.number("score_lower") - value,
        upper=finding.number("score_upper") - value,
        basis=BASIS_OF_MEAN[finding.seeds > 1],
        p_value=float(2.0 * stats.t.sf(abs(above) / max(error, math.ulp(1.0)), degrees)),
        share_differing=NAN,
    )


def _time_margin(claim: Claim) -> float:
    return claim.margin or TIME_TOLERANCE


def _difference_of_times(first: Finding, second: Finding, margin: float) -> Difference | None:
    """Return the difference of two times as a share of the second; None if a time is not known.

    Its ends are made from the quartiles. Its p-value is 0 if the quartiles do not overlap and the
    difference exceeds the margin, and 1 otherwise.
    """
    value, lower, upper = (
        _quartile(first, end) / _quartile(second, other) - 1.0
        for end, other in (("", ""), ("_lower", "_upper"), ("_upper", "_lower"))
    )
    if math.isnan(value):
        return None
    apart = (lower > 0.0 or upper < 0.0) and abs(value) > margin
    basis = "the quartiles of training steps, stock Keras"
    return Difference(value, NAN, NAN, lower, upper, basis, 0.0 if apart else 1.0, NAN)


def _quartile(finding: Finding, end: str) -> float:
    """Return the training time per example with stock Keras: the median or a quartile."""
    share = finding.number(f"stock_milliseconds{end}") / finding.number("stock_milliseconds")
    return _seconds_per_example(finding, "stock") * share


def _seconds_per_example(finding: Finding, loop: str) -> float:
    return finding.number(f"{loop}_epoch_seconds") / finding.examples["train"]


def _ratios(first: Finding, second: Finding) -> dict[str, float]:
    return {
        "parameters_ratio": _recurrent_parameters(first) / _recurrent_parameters(second),
        **{
            f"{loop}_time_ratio": _seconds_per_example(first, loop)
            / _seconds_per_example(second, loop)
            for loop in ("stock", "compiled")
        },
    }


def _recurrent_parameters(finding: Finding) -> int:
    counts = finding.layer_parameters
    return sum(
        count for name, count in counts.items() if not name.endswith(("_embedding", "_dense"))
    )


def _verdict(rows: pd.DataFrame) -> str:
    """Return the number of comparisons of a claim with each outcome, as text."""
    counts = rows["outcome"].value_counts()
    if counts.get(NOT_RUN, 0) == len(rows):
        return NOT_RUN
    parts = [f"holds for {counts.get(AS_CLAIMED, 0)} of {len(rows)}"]
    if OPPOSITE in counts:
        parts.append(f"the opposite for {counts[OPPOSITE]}")
    for outcome in (Verdict.PRACTICALLY_EQUAL, Verdict.UNDECIDED, NOT_RUN):
        if outcome in counts:
            parts.append(f"{outcome} {counts[outcome]}")
        if outcome == Verdict.UNDECIDED:
            parts[-1] += _seeds(rows["seeds_needed"].dropna(), counts.get(outcome, 0))
    return ", ".join(parts)


def _seeds(needed: "pd.Series[float]", undecided: int) -> str:
    """Return a clause on how many seeds would decide comparisons, if that is known."""
    if needed.empty:
        return ""
    which = (
        f"{len(needed)} of them" if len(needed) < undecided else "it" if undecided == 1 else "them"
    )
    return f" (about {needed.max():.0f} seeds would decide {which})"
