"""The answer of each suite: which layer to choose, at what cost, and how sure that is.

Everything is derived from the scores, the differences and the times of `comparisons/` by one rule.
A layer is chosen where the runs tell it apart; where they do not, the answer says so.
"""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rnnbench.comparison.findings import (
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
    Column("score", "test score [95 % interval]"),
    Column("cost", "cost"),
    Column("certainty", "how sure"),
)
NAMED = 3  # experiments that a sentence names


@dataclass(frozen=True)
class Rivals:
    """The other experiments of a view, by what is known of the best mean against each.

    Attributes
    ----------
    worse, equal, undecided : list of Finding
        Those that the best mean is beyond chance better than, practically equal to, and neither.
    """

    worse: list[Finding]
    equal: list[Finding]
    undecided: list[Finding]


def tabulate_answers(comparisons: list[Comparison]) -> pd.DataFrame:
    """Return what to choose for each view of each suite, one row per answer.

    Where a baseline beats the best recurrent network beyond chance, it is the first answer and the
    recurrent layer a second one. A layer is chosen if it has the best mean, or if it is cheaper and
    not worse than that by the margin (one-sided, 97.5 %). If the best mean is beyond chance better
    than no other experiment, the choice is undecided.

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
            {"question": f"{question}: a recurrent layer", **recurrent},
        ]
    return [{"question": question, **recurrent}]


def _baseline(
    comparison: Comparison, findings: list[Finding], against: dict[Any, Any]
) -> dict[str, str]:
    """Return the answer that no recurrent layer is needed."""
    rows = [comparison.against_baseline(one, against["baseline"]) for one in findings]
    beaten = sum(row is not None and row["verdict"] == Verdict.WORSE for row in rows)
    seconds = against["baseline_fit_seconds"]
    return {
        "choice": f"{against['baseline_title']} (no recurrent layer)",
        "score": with_interval(against, "baseline_"),
        "cost": f"{seconds:.1f} s to fit",
        "certainty": "; ".join(
            filter(
                None,
                (
                    f"better than {beaten} of {len(findings)} recurrent networks beyond chance",
                    _seeds_of(findings),
                ),
            )
        ),
    }


def _recurrent(comparison: Comparison, findings: list[Finding], best: Finding) -> dict[str, str]:
    """Return the answer which recurrent network to choose, or that it is undecided."""
    rivals, chance = _rivals(comparison, findings, best), _against_chance(best)
    chosen = best if chance else _cheapest(comparison, findings, best)
    certainty = [chance or _against_others(comparison, findings, best, chosen, rivals)]
    certainty.append(_seeds_of(findings))
    return {
        "choice": _choice(findings, best, chosen, rivals),
        "score": chosen.score_with_interval,
        "cost": _cost(chosen),
        "certainty": "; ".join(filter(None, certainty)),
    }


def _rivals(comparison: Comparison, findings: list[Finding], best: Finding) -> Rivals:
    others = [one for one in findings if one is not best]
    verdicts = {one.name: comparison.verdict(best.name, one.name) for one in others}
    return Rivals(
        [one for one in others if verdicts[one.name] == Verdict.BETTER],
        [one for one in others if verdicts[one.name] == Verdict.PRACTICALLY_EQUAL],
        [one for one in others if verdicts[one.name] in (Verdict.UNDECIDED, None)],
    )


def _cheapest(comparison: Comparison, findings: list[Finding], best: Finding) -> Finding:
    """Return the cheapest experiment that is not worse than the best mean by the margin."""
    margin = comparison.summary["margin"]
    as_good = [
        one
        for one in findings
        if one is best
        or ((one.name, best.name) in comparison.differences
            and is_not_worse(comparison.differences[one.name, best.name][0], margin))
    ]
    return min(as_good, key=lambda one: (_seconds(one), one is not best))


def _seconds(finding: Finding) -> float:
    """Return the seconds of an epoch of stock Keras, by which costs are compared."""
    seconds = finding.number("stock_epoch_seconds")
    return math.inf if math.isnan(seconds) else seconds


def _choice(findings: list[Finding], best: Finding, chosen: Finding, rivals: Rivals) -> str:
    """Name what to choose; its score and cost are those of the first experiment that is named."""
    if _against_chance(best):
        return f"none: even the best mean, {best.name}, is not told apart from learning nothing"
    if len(findings) == 1:
        return f"{_named(chosen)}, the only one tried"
    if chosen is not best or not rivals.undecided:
        return _named(chosen)
    if len(rivals.undecided) > NAMED:
        others = f"{len(rivals.undecided)} others"
    else:
        others = ", ".join(map(_named, rivals.undecided))
    return f"undecided between {_named(best)}, which has the best mean, and {others}"


def _named(finding: Finding) -> str:
    return f"{finding.name} ({finding.model})"


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
    """Return what is known of the best mean against the others, all of them counted."""
    if len(findings) == 1:
        return "there is nothing to compare it with"
    parts = []
    if chosen is not best:
        margin = comparison.summary["margin"]
        parts.append(
            f"the cheapest of those that are not worse than the best mean, {best.name}"
            f" ({best.score_with_interval}), by the margin of {margin:g}; the best mean is"
        )
    counted = (
        ("better than {} beyond chance", rivals.worse),
        ("practically equal to {}", rivals.equal),
        ("undecided against {}", rivals.undecided),
    )
    others = len(findings) - 1
    told = [
        text.format(f"{len(group)} of {others}") + _names(group) * (group is rivals.undecided)
        for text, group in counted
        if group
    ]
    return " ".join([*parts, ", ".join(told)]) + _seeds_needed(comparison, best, rivals.undecided)


def _names(findings: list[Finding]) -> str:
    """Return a few names in brackets; none where there are more than a sentence holds."""
    if len(findings) > NAMED:
        return ""
    return f" ({', '.join(one.name for one in findings)})"


def _seeds_needed(comparison: Comparison, best: Finding, undecided: list[Finding]) -> str:
    """Return how many seeds would settle the undecided pair that needs fewest."""
    needed = {
        one.name: comparison.differences[best.name, one.name][1]
        for one in undecided
        if (best.name, one.name) in comparison.differences
    }
    known = {name: float(seeds) for name, seeds in needed.items() if not pd.isna(seeds)}
    if not known:
        return ""
    name = min(known, key=lambda one: known[one])
    return f" (about {known[name]:.0f} seeds of each would settle it with {name})"


def _seeds_of(findings: list[Finding]) -> str:
    """Return a clause on experiments with a single seed, of which little is known."""
    single = [one for one in findings if one.seeds == 1]
    if not single:
        return ""
    names = ", ".join(one.name for one in single)
    verb = "was" if len(single) == 1 else "were"
    all_of_them = len(single) == len(findings)
    which = "every network was trained once" if all_of_them else f"{names} {verb} trained once"
    return f"{which}, so this holds for {'that model' if len(single) == 1 else 'those models'}, not for other seeds"


def _cost(finding: Finding) -> str:
    """Return the milliseconds of a step and the number of parameters."""
    times = [
        f"{finding.number(f'{loop}_milliseconds'):.1f} ms/step {title}"
        for loop, title in (("stock", "stock Keras"), ("compiled", "compiled"))
        if not math.isnan(finding.number(f"{loop}_milliseconds"))
    ]
    return "; ".join([", ".join(times) or "not timed", f"{finding.number('parameters'):,.0f} parameters"])
