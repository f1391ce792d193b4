"""What the literature claims, and what the runs say about it.

A claim is confirmed where every comparison comes out as claimed, refuted where none does and one
comes out the other way, and undecided where all are within chance; else it holds in part. Scores
are compared by `rnnbench.comparison.statistics`, the comparisons of a claim together by Holm's
procedure. Times are compared by the processor time of an epoch where it was measured: other
programs hardly change it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd
from scipy import stats

from rnnbench.comparison.findings import Comparison, Finding
from rnnbench.comparison.literature import Claim, Literature, Reported
from rnnbench.comparison.results import NOT_RUN
from rnnbench.comparison.statistics import (
    ALPHA,
    BASIS_OF_DIFFERENCE,
    Difference,
    Verdict,
    adjust_holm,
    is_not_worse,
    judge,
)
from rnnbench.errors import RnnbenchError
from rnnbench.registry import Registry

CONFIRMED = "confirmed"
IN_PART = "holds in part"
REFUTED = "refuted"
UNDECIDED = "undecided"

# A difference of accuracies without practical importance.
MARGIN = 0.01
# Times that differ by less are called equal: they vary so much from epoch to epoch.
TIME_TOLERANCE = 0.1
# The accuracy of guessing one of two classes that are equally frequent.
CHANCE = 0.5

Outcome = bool | None  # as claimed, the other way, or within chance
Outcomes = Iterable[tuple[Outcome, str]]


@dataclass(frozen=True)
class Evidence:
    """All findings and differences, and what is reported, by experiment."""

    findings: dict[str, Finding]
    differences: dict[tuple[str, str], Difference]
    reported: dict[str, Reported]

    def compare(self, claim: Claim) -> list[tuple[Finding, Finding, Difference, Verdict]]:
        """Return each pair of a claim with its difference and, adjusted for all, its verdict.

        Raises
        ------
        RnnbenchError
            If the two of a pair cannot be compared.
        """
        for pair in claim.pairs.items():
            if pair not in self.differences:
                raise RnnbenchError(
                    f"comparisons/ has no difference of the scores of {' and '.join(pair)}, which a"
                    " claim of literature.yaml compares; both must be in one suite and on one view"
                )
        differences = [self.differences[pair] for pair in claim.pairs.items()]
        adjusted = adjust_holm([difference.p_value for difference in differences])
        return [
            (self.findings[first], self.findings[second], difference, judge(difference, MARGIN, p))
            for (first, second), difference, p in zip(
                claim.pairs.items(), differences, adjusted, strict=True
            )
        ]


def judge_claims(comparisons: list[Comparison], literature: Literature) -> pd.DataFrame:
    """Judge every claim.

    Returns
    -------
    DataFrame
        `claim`, `source`, `verdict` and the `figures` behind it, one row per claim.
    """
    evidence = Evidence(
        {finding.name: finding for part in comparisons for finding in part.findings},
        {pair: found for part in comparisons for pair, found in part.differences.items()},
        {name: one for suite in literature.suites.values() for name, one in suite.reported.items()},
    )
    return pd.DataFrame([_judged(claim, evidence) for claim in literature.claims.values()])


def _judged(claim: Claim, evidence: Evidence) -> dict[str, str]:
    run = [name for name, finding in evidence.findings.items() if finding.was_run]
    missing = [name for name in claim.needs if name not in run]
    compared = [] if missing else list(JUDGES[claim.judge](claim, evidence))
    return {
        "claim": claim.text,
        "source": claim.source,
        "verdict": NOT_RUN if missing else _verdict([outcome for outcome, _ in compared]),
        "figures": "; ".join(figures for _, figures in compared)
        or f"{NOT_RUN}: {', '.join(missing)}",
    }


def _verdict(outcomes: list[Outcome]) -> str:
    as_claimed = outcomes.count(True)
    if as_claimed == 0:
        return REFUTED if False in outcomes else UNDECIDED
    if as_claimed == len(outcomes):
        return CONFIRMED
    return f"{IN_PART}: {as_claimed} of {len(outcomes)} comparisons"


# The judges: each gives the outcome of every comparison of a claim and the figures behind it.


def scores_higher(claim: Claim, evidence: Evidence) -> Outcomes:
    """Judge whether the first of each pair has the better score."""
    for first, second, difference, verdict in evidence.compare(claim):
        yield _is_better(verdict), _written(first, second, difference)


def scores_higher_for_more_time(claim: Claim, evidence: Evidence) -> Outcomes:
    """Judge whether the first of each pair has the better score and takes more time."""
    for first, second, difference, verdict in evidence.compare(claim):
        factor = _seconds(first) / _seconds(second)
        better = _is_better(verdict)
        figures = f"{_written(first, second, difference)} for {factor:.2f} times the time"
        yield better and factor > 1.0 + TIME_TOLERANCE, figures


def scores_as_well_with_fewer_parameters(claim: Claim, evidence: Evidence) -> Outcomes:
    """Judge whether the first of each pair is worse by less than the margin."""
    for first, second, difference, verdict in evidence.compare(claim):
        as_good = True if is_not_worse(difference, MARGIN) else None
        ratio = _recurrent_parameters(first) / _recurrent_parameters(second)
        yield (
            False if verdict is Verdict.WORSE else as_good,
            f"{_written(first, second, difference)} with {ratio:.3f} of its recurrent parameters",
        )


def trains_faster(claim: Claim, evidence: Evidence) -> Outcomes:
    """Judge whether the first of each pair takes less time per training example."""
    for name, other in claim.pairs.items():
        first, second = evidence.findings[name], evidence.findings[other]
        factor = _seconds(first) / _seconds(second)
        outcome = None if abs(factor - 1.0) < TIME_TOLERANCE else factor < 1.0
        yield outcome, f"{name} takes {factor:.3g} times the time of {other} per example"


def printed_difference_is_beyond_chance(claim: Claim, evidence: Evidence) -> Outcomes:
    """Judge whether runs like ours could show the difference that is printed."""
    for first, second, difference, _ in evidence.compare(claim):
        printed = _printed(evidence.reported[first.name]) - _printed(evidence.reported[second.name])
        half_width = difference.upper - difference.value
        deviations = " and ".join(f"{one.number('accuracy_std'):.4f}" for one in (first, second))
        yield (
            half_width < abs(printed),
            f"printed: {printed:+.4f}; ours: {_written(first, second, difference)}; standard"
            f" deviations over seeds {deviations}",
        )


def stays_at_chance(claim: Claim, evidence: Evidence) -> Outcomes:
    """Judge whether the accuracy of each experiment is that of a guess, within chance."""
    findings = [evidence.findings[name] for name in claim.experiments]
    for finding, p_value in zip(findings, adjust_holm(list(map(_p_value, findings))), strict=True):
        lower, upper = finding.number("score_lower"), finding.number("score_upper")
        accuracy = finding.number("accuracy")
        yield (
            p_value >= ALPHA,
            f"{finding.name} {accuracy:.3f} ({lower:.3f} to {upper:.3f}; chance: {CHANCE})",
        )


Judge = Callable[[Claim, Evidence], Outcomes]
JUDGES: Registry[Judge] = Registry("judge")
JUDGES.update(
    {
        function.__name__: function
        for function in (
            scores_higher,
            scores_higher_for_more_time,
            scores_as_well_with_fewer_parameters,
            trains_faster,
            printed_difference_is_beyond_chance,
            stays_at_chance,
        )
    }
)


def _is_better(verdict: Verdict) -> Outcome:
    return {Verdict.BETTER: True, Verdict.WORSE: False}.get(verdict)


def _written(first: Finding, second: Finding, difference: Difference) -> str:
    usual = difference.basis == BASIS_OF_DIFFERENCE[True, True]
    basis = "" if usual else f" ({difference.basis})"
    half_width = difference.upper - difference.value
    return f"{first.name} over {second.name} {difference.value:+.4f} ± {half_width:.4f}{basis}"


def _seconds(finding: Finding) -> float:
    """Return the processor seconds per training example, or seconds if they were not measured."""
    processor = finding.number("epoch_processor_seconds")
    measured = finding.number("epoch_seconds") if pd.isna(processor) else processor
    return measured / finding.examples["train"]


def _recurrent_parameters(finding: Finding) -> int:
    """Return the parameters of the GRU or the LSTM."""
    counts = finding.layer_parameters
    return next(count for name, count in counts.items() if name.endswith(("_gru", "_lstm")))


def _printed(reported: Reported) -> float:
    """Return the accuracy of the notebook's own table, where it has one."""
    return reported.summary_accuracy or reported.accuracy or float("nan")


def _p_value(finding: Finding) -> float:
    """Return the p-value of an accuracy that is that of a guess."""
    statistic = (finding.number("accuracy") - CHANCE) / finding.number("score_standard_error")
    degrees = finding.number("score_degrees_of_freedom")
    return float(2.0 * stats.t.sf(abs(statistic), degrees))
