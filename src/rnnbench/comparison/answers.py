"""The answer of each suite: which layer to choose, at what cost, and how sure that is.

One rule derives all answers from the scores, the differences and the times in `comparisons/`. If
the runs do not tell the layers apart, the answer says so.
"""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rnnbench.comparison.claims import TIME_TOLERANCE
from rnnbench.comparison.findings import (
    MOST_NAMED,
    Comparison,
    Finding,
    best_finding,
    with_interval,
)
from rnnbench.statistics import Verdict, is_not_worse
from rnnbench.tables import Column, as_text
from rnnbench.tasks.task import TASKS

COLUMNS = (
    Column("question", "for"),
    Column("choice", "choose"),
    Column("score", "score [95 % interval]"),
    Column("cost", "cost"),
    Column("certainty", "how sure"),
)


@dataclass(frozen=True)
class Rivals:
    """The other experiments of a view, grouped by the verdict of the best mean on each.

    Attributes
    ----------
    worse, equal, undecided : list of Finding
        Experiments that are worse than the best mean beyond chance, practically equal, or neither.
    """

    worse: list[Finding]
    equal: list[Finding]
    undecided: list[Finding]


def tabulate_answers(comparisons: list[Comparison]) -> pd.DataFrame:
    """Return what to choose for each view of each suite, one row per answer.

    If a baseline beats the best recurrent network beyond chance, it is the first answer and the
    recurrent layer the second. The layer with the best mean is chosen, unless another layer trains
    in a tenth less time and is not worse by the margin (one-sided, 97.5 %). The choice is undecided
    if no such layer exists and the difference of the best mean from another one is undecided.

    Returns
    -------
    DataFrame
        `suite`, `question`, `choice`, `score`, `cost` and `certainty`, all text.
    """
    rows = [
        {"suite": comparison.suite, **row}
        for comparison in comparisons
        for view, findings in comparison.findings_by_view().items()
        for row in _answers(comparison, view, findings)
    ]
    return pd.DataFrame(rows, columns=["suite", *(column.name for column in COLUMNS)])


def readable_answers(answers: pd.DataFrame) -> pd.DataFrame:
    """Return answers for people, with titles."""
    return as_text(answers, COLUMNS)


def _answers(comparison: Comparison, view: str, findings: list[Finding]) -> list[dict[str, str]]:
    several = len(comparison.findings_by_view()) > 1
    question = f"{comparison.title} ({view})" if several else comparison.title
    best = best_finding(findings)
    against = comparison.against_best_baseline(best)
    recurrent = _recurrent(comparison, findings, best)
    if against and against["verdict"] == Verdict.WORSE:
        baseline = _baseline(comparison, findings, against)
        return [
            {"question": question, **baseline},
            {"question": f"{question}, among recurrent layers", **recurrent},
        ]
    return [{"question": question, **recurrent}]


def _baseline(
    comparison: Comparison, findings: list[Finding], against: dict[Any, Any]
) -> dict[str, str]:
    """Return the answer that no recurrent layer is needed."""
    rows = [comparison.against_baseline(one, against["baseline"]) for one in findings]
    beaten = sum(row is not None and row["verdict"] == Verdict.WORSE for row in rows)
    return {
        "choice": f"{against['baseline_title']} (no recurrent layer)",
        "score": f"{_score_title(findings[0])} {with_interval(against, 'baseline_')}",
        # Baselines are fitted while other stages run, so their time says little.
        "cost": "no training steps; not timed",
        "certainty": "; ".join(
            filter(
                None,
                (
                    f"better than {beaten} of {len(findings)} recurrent networks",
                    _seeds_of(findings),
                ),
            )
        ),
    }


def _recurrent(comparison: Comparison, findings: list[Finding], best: Finding) -> dict[str, str]:
    """Return the recurrent network to choose, or that the choice is undecided."""
    rivals, chance = _rivals(comparison, findings, best), _against_chance(best)
    chosen = best if chance else _cheapest(comparison, findings, best)
    certainty = [chance or _against_others(comparison, findings, best, chosen, rivals)]
    certainty.append(_seeds_of(findings))
    return {
        "choice": _choice(findings, best, chosen, rivals),
        "score": f"{_score_title(chosen)} {chosen.score_with_interval}",
        "cost": _cost(chosen),
        "certainty": "; ".join(filter(None, certainty)),
    }


def _score_title(finding: Finding) -> str:
    return TASKS[finding.row["task"]].score.title


def _rivals(comparison: Comparison, findings: list[Finding], best: Finding) -> Rivals:
    others = [one for one in findings if one is not best]
    verdicts = {one.name: comparison.verdict(best.name, one.name) for one in others}
    return Rivals(
        [one for one in others if verdicts[one.name] == Verdict.BETTER],
        [one for one in others if verdicts[one.name] == Verdict.PRACTICALLY_EQUAL],
        [one for one in others if verdicts[one.name] in (Verdict.UNDECIDED, None)],
    )


def _cheapest(comparison: Comparison, findings: list[Finding], best: Finding) -> Finding:
    """Return the cheapest experiment that is not worse than the best mean by the margin.

    That is the best mean itself, unless the other's time is shorter by more than the tolerance.
    """
    margin = comparison.summary["margin"]
    as_good = [
        one
        for one in findings
        if one is best
        or (
            (one.name, best.name) in comparison.differences
            and is_not_worse(comparison.differences[one.name, best.name][0], margin)
        )
    ]
    cheapest = min(as_good, key=_seconds)
    return cheapest if _seconds(cheapest) < (1.0 - TIME_TOLERANCE) * _seconds(best) else best


def _seconds(finding: Finding) -> float:
    """Return the seconds of an epoch of stock Keras, by which costs are compared."""
    seconds = finding.number("stock_epoch_seconds")
    return math.inf if math.isnan(seconds) else seconds


def _choice(findings: list[Finding], best: Finding, chosen: Finding, rivals: Rivals) -> str:
    """Return the choice as text; the answer's score and cost are those of the first name in it."""
    if _against_chance(best):
        return f"none: {best.name}, the best mean, may have learned nothing"
    if len(findings) == 1:
        return f"{chosen.name}, the only one tried"
    if chosen is not best or not rivals.undecided:
        return chosen.name
    if 1 + len(rivals.undecided) > MOST_NAMED:
        others = f"{len(rivals.undecided)} others"
    else:
        others = ", ".join(one.name for one in rivals.undecided)
    return f"undecided: {best.name} (best mean) or {others}"


def _against_chance(best: Finding) -> str:
    """Return a clause if the best mean is not known to beat the task's own baseline."""
    task = TASKS[best.row["task"]]
    value = best.number(f"{task.baseline_name}_{task.score.name}")
    lower, upper = best.number("score_lower"), best.number("score_upper")
    beaten = lower > value if task.score.higher_is_better else upper < value
    if beaten or any(map(math.isnan, (value, lower, upper))):
        return ""
    name = task.baseline_name.replace("_", " ")
    return f"its interval does not lie beyond the score of the {name}, {value:.3g}"


def _against_others(
    comparison: Comparison,
    findings: list[Finding],
    best: Finding,
    chosen: Finding,
    rivals: Rivals,
) -> str:
    """Return the number of other experiments with each verdict against the best mean, as text."""
    if len(findings) == 1:
        return "nothing to compare it with"
    others = len(findings) - 1
    groups = [
        f"{text} {len(group)} of {others}"
        for text, group in (
            ("better than", rivals.worse),
            ("practically equal to", rivals.equal),
            ("undecided against", rivals.undecided),
        )
        if group
    ]
    counts = ", ".join(groups) + _seeds_needed(comparison, best, rivals.undecided)
    if chosen is best:
        return counts
    margin = comparison.summary["margin"]
    return (
        f"cheaper than the best mean, {best.name} ({best.score_with_interval}), and at most"
        f" {margin:g} worse; the best mean is {counts}"
    )


def _seeds_needed(comparison: Comparison, best: Finding, undecided: list[Finding]) -> str:
    """Return a clause on how many seeds would settle the undecided pair that needs fewest."""
    needed = {
        one.name: comparison.differences[best.name, one.name][1]
        for one in undecided
        if (best.name, one.name) in comparison.differences
    }
    known = {name: float(seeds) for name, seeds in needed.items() if not pd.isna(seeds)}
    if not known:
        return ""
    name = min(known, key=lambda one: known[one])
    return f" (about {known[name]:.0f} seeds of each would decide the comparison with {name})"


def _seeds_of(findings: list[Finding]) -> str:
    """Return a clause on experiments with a single seed; empty if there are none."""
    single = [one for one in findings if one.seeds == 1]
    if not single:
        return ""
    which = "all" if len(single) == len(findings) else ", ".join(one.name for one in single)
    return f"only one seed of {which}: this holds for the trained models, not for other seeds"


def _cost(finding: Finding) -> str:
    """Return the milliseconds per step and the number of parameters, as text."""
    stock, compiled = (finding.number(f"{loop}_milliseconds") for loop in ("stock", "compiled"))
    parameters = f"{finding.number('parameters'):,.0f} parameters"
    if math.isnan(stock):
        return f"not timed; {parameters}"
    in_brackets = "" if math.isnan(compiled) else f" ({compiled:.1f} compiled)"
    return f"{stock:.1f} ms/step{in_brackets}; {parameters}"
