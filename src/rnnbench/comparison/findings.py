"""The content of `comparisons/` for every experiment, which the report and the README show."""

import math
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from rnnbench.comparison.results import NAN, NOT_RUN
from rnnbench.comparison.table import not_run
from rnnbench.files import read_json
from rnnbench.layout import (
    AGAINST_BASELINES_FILE,
    BASELINES_FILE,
    COMPARISONS_FOLDER,
    CURVES_FILE,
    PAIRS_FILE,
    SUMMARY_FILE,
    TABLE_FILE,
)
from rnnbench.params import Params
from rnnbench.statistics import BASIS_OF_DIFFERENCE, Difference, Verdict
from rnnbench.tasks.task import TASKS

MOST_NAMED = 4  # the most experiments that a sentence names
NOT_COMPARED = "comparisons/ does not have it: its suite was not compared since it was added"
BASIS_REVERSED = {
    basis: BASIS_OF_DIFFERENCE[second, first]
    for (first, second), basis in BASIS_OF_DIFFERENCE.items()
}
VERDICT_REVERSED = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}


@dataclass(frozen=True)
class Finding:
    """The compared results of one experiment.

    Attributes
    ----------
    row : dict
        Its row of the suite's table.
    curves : DataFrame
        Its metrics by epoch.
    facts : dict
        Its `layer_parameters`, `diverged` and `timing_warnings`; empty if it was not run.
    examples : dict
        The numbers of examples of its view's splits.
    """

    row: dict[str, Any]
    curves: pd.DataFrame
    facts: dict[str, Any]
    examples: dict[str, int]

    @property
    def name(self) -> str:
        """The experiment."""
        return str(self.row["experiment"])

    @property
    def was_run(self) -> bool:
        """Whether it has results."""
        return bool(self.row["status"] != NOT_RUN)

    @property
    def seeds(self) -> int:
        """The number of runs with scores."""
        return int(self.row["seeds"])

    def number(self, column: str) -> float:
        """Return a number of the table; NaN if there is none."""
        return float(self.row.get(column, NAN))

    @property
    def score(self) -> float:
        """The task's score on the test split, as a mean over seeds."""
        return self.number(TASKS[self.row["task"]].score.name)

    @property
    def score_with_interval(self) -> str:
        """The score and its interval, written with three digits."""
        ends = {f"score_{end}": self.number(f"score_{end}") for end in ("lower", "upper")}
        return with_interval({"score_value": self.score, **ends}, "score_")

    @property
    def model(self) -> str:
        """Its layers, in one line."""
        return str(self.row["model"])

    @property
    def epochs(self) -> int:
        """How many epochs each seed was trained, at most; 0 if every seed diverged."""
        return 0 if self.curves.empty else int(self.curves["epoch"].max())

    @property
    def trained_epochs(self) -> int:
        """How many epochs all seeds were trained in all."""
        stopped_early = self.number("trained_epochs")
        return self.epochs * self.seeds if math.isnan(stopped_early) else int(stopped_early)

    @property
    def seconds_alone(self) -> float:
        """The seconds of training all seeds, one after another, by the times of a step; or NaN."""
        if not self.was_run:
            return NAN
        return self.number("compiled_epoch_seconds") * self.trained_epochs

    @property
    def layer_parameters(self) -> dict[str, int]:
        """Parameters by layer."""
        counts: dict[str, int] = self.facts.get("layer_parameters", {})
        return counts

    def at_epoch(self, metric: str, epoch: int | None = None) -> float:
        """Return a metric's mean over seeds at an epoch, by default the last; NaN without one."""
        values = self.curves.set_index("epoch").get(metric, pd.Series(dtype=float)).dropna()
        if epoch is None:
            return float(values.iloc[-1]) if len(values) else NAN
        return float(values.get(epoch, NAN))


@dataclass(frozen=True)
class Comparison:
    """The comparison of one suite.

    Attributes
    ----------
    suite, title : str
        The name and the title of the suite.
    folder : Path
        The folder of its comparison, which does not exist if none was made.
    findings : list of Finding
        One for each experiment of `params.yaml`, in its order.
    table : DataFrame
        The rows of the findings.
    pairs, baselines, against_baselines : DataFrame
        The contents of the files of these names; empty, without columns, if there is no file.
    summary : dict
        The content of `summary.json`.
    """

    suite: str
    title: str
    folder: Path
    findings: list[Finding]
    table: pd.DataFrame
    pairs: pd.DataFrame
    baselines: pd.DataFrame
    against_baselines: pd.DataFrame
    summary: dict[str, Any]

    @property
    def processors(self) -> list[str]:
        """The processors of its runs and times, each with its number of cores."""
        machines = self.summary.get("environments", [])
        return list(
            dict.fromkeys(f"{one['cores']} cores of {one['processor']}" for one in machines)
        )

    @cached_property
    def differences(self) -> dict[tuple[str, str], tuple[Difference, float]]:
        """The difference of each pair's scores and the seeds to settle it, in both orders."""
        found = {}
        for pair in self.pairs.to_dict("records"):
            difference, seeds = as_difference(pair), pair["seeds_needed"]
            found[pair["first"], pair["second"]] = difference, seeds
            found[pair["second"], pair["first"]] = _reversed(difference), seeds
        return found

    def against_best_baseline(self, finding: Finding) -> dict[Any, Any] | None:
        """Return an experiment's difference from the best baseline of its view, if there is one.

        It is a row of `against_baselines` with the `title` and the `baseline_value` of the
        baseline, and the ends of its interval.
        """
        if self.against_baselines.empty:
            return None
        rows = self.against_baselines[self.against_baselines["experiment"] == finding.name]
        of_view = self.baselines[self.baselines["view"] == finding.row["view"]]
        of_view = of_view.drop(columns="score").add_prefix("baseline_")
        joined = rows.merge(of_view, left_on="baseline", right_on="baseline_baseline")
        return min(joined.to_dict("records"), key=lambda row: row["value"], default=None)

    def against_baseline(self, finding: Finding, baseline: str) -> dict[Any, Any] | None:
        """Return an experiment's difference from a baseline, if it was compared with it."""
        rows = self.against_baselines
        found = rows[(rows["experiment"] == finding.name) & (rows["baseline"] == baseline)]
        return next(iter(found.to_dict("records")), None)

    def verdict(self, first: str, second: str) -> Verdict | None:
        """Return the verdict on the first of two experiments; None if they were not compared."""
        return self._verdicts.get((first, second))

    @cached_property
    def _verdicts(self) -> dict[tuple[str, str], Verdict]:
        found = {}
        for pair in self.pairs.to_dict("records"):
            verdict = Verdict(pair["verdict"])
            found[pair["first"], pair["second"]] = verdict
            found[pair["second"], pair["first"]] = VERDICT_REVERSED.get(verdict, verdict)
        return found

    def findings_by_view(self) -> dict[str, list[Finding]]:
        """Return the experiments that have scores, by the view that they were scored on."""
        views: dict[str, list[Finding]] = {}
        for finding in self.findings:
            if finding.seeds:
                views.setdefault(finding.row["view"], []).append(finding)
        return views


def read_comparisons(params: Params, comparisons: Path = COMPARISONS_FOLDER) -> list[Comparison]:
    """Read the comparison of every suite of `params.yaml`.

    Names and their order are those of `params.yaml`; everything else is taken from `comparisons/`.
    An experiment without a comparison is listed as not run.
    """
    rows = {suite: _rows(comparisons / suite / TABLE_FILE) for suite in params.suites}
    compared = {name for table in rows.values() for name in table}
    for name in params.experiments:
        if name not in compared:
            rows[params.experiments[name].suite][name] = not_run(name, NOT_COMPARED)
    return [
        _read(
            params,
            suite,
            comparisons / suite,
            [table[name] for name in params.experiments if name in table],
        )
        for suite, table in rows.items()
    ]


def training_seconds(comparisons: list[Comparison]) -> dict[str, float]:
    """Return the seconds that each `train` stage takes alone, as far as its steps were timed."""
    timed = [one for part in comparisons for one in part.findings if one.seconds_alone > 0]
    return {f"train@{one.name}": one.seconds_alone for one in timed}


def _read_table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.exists() else pd.DataFrame()


def _rows(path: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of a table by experiment; empty if there is no table."""
    return {
        row["experiment"]: {str(column): value for column, value in row.items()}
        for row in _read_table(path).to_dict("records")
    }


def _read(params: Params, suite: str, folder: Path, rows: list[dict[str, Any]]) -> Comparison:
    curves, summary = pd.DataFrame(columns=["experiment", "epoch"]), {}
    if folder.exists():
        curves, summary = pd.read_csv(folder / CURVES_FILE), read_json(folder / SUMMARY_FILE)
    experiments, data = summary.get("experiments", {}), summary.get("data", {})
    findings = [
        Finding(
            row,
            curves[curves["experiment"] == row["experiment"]],
            experiments.get(row["experiment"], {}),
            data.get(row.get("view"), {}).get("examples", {}),
        )
        for row in rows
    ]
    title = summary.get("title") or params.suites[suite].title
    return Comparison(
        suite,
        title,
        folder,
        findings,
        pd.DataFrame(rows),
        _read_table(folder / PAIRS_FILE),
        _read_table(folder / BASELINES_FILE),
        _read_table(folder / AGAINST_BASELINES_FILE),
        summary,
    )


def as_difference(row: dict[Any, Any]) -> Difference:
    """Return the difference that a row of `pairs` or `against_baselines` holds."""
    return Difference(**{field.name: row[field.name] for field in fields(Difference)})


def _reversed(difference: Difference) -> Difference:
    """Return a difference with the first and the second exchanged."""
    return replace(
        difference,
        value=-difference.value,
        lower=-difference.upper,
        upper=-difference.lower,
        basis=BASIS_REVERSED[difference.basis],
    )


def main_finding(comparison: Comparison) -> str:
    """Return one sentence on what a suite shows, with intervals; empty if it has no scores.

    For each view it begins with the baseline that beats the best network, if there is one, and else
    with the experiments that may be the best.
    """
    clauses = {
        view: _what_is_best(findings, [comparison.against_best_baseline(one) for one in findings])
        for view, findings in comparison.findings_by_view().items()
    }
    if not clauses:
        return ""
    named = [f"on {view}, {clause}" for view, clause in clauses.items()]
    sentence = "; ".join(named if len(named) > 1 else clauses.values())
    return f"{sentence[0].upper()}{sentence[1:]}."


def _what_is_best(findings: list[Finding], against: list[dict[Any, Any] | None]) -> str:
    """Return a clause on the experiments of a view and their differences from its best baseline."""
    rows = [row for row in against if row]
    if not rows:
        return _first_ranks(findings)
    title, score = rows[0]["baseline_title"], with_interval(rows[0], "baseline_")
    verdicts = [row["verdict"] for row in rows]
    best = best_finding(findings)
    best_row = against[findings.index(best)]
    if best_row and best_row["verdict"] == Verdict.WORSE:
        beaten = f"{verdicts.count(Verdict.WORSE)} of {len(findings)}"
        return (
            f"{title} ({score}) beats the best recurrent network, {_scored(best)}, beyond chance,"
            f" and {beaten} networks in all"
        )
    won = f"{verdicts.count(Verdict.BETTER)} of {len(findings)}"
    return (
        f"{_first_ranks(findings)}; {won} beat the best baseline ({title}: {score}) beyond chance"
    )


def _first_ranks(findings: list[Finding]) -> str:
    """Return a clause on the experiments that no other beats beyond chance."""
    first = [finding for finding in findings if finding.number("rank_best") == 1]
    best, others = _scored(best_finding(findings)), len(findings) - 1
    if not others:
        return f"the only experiment is {best}"
    if len(first) == len(findings):
        return (
            f"no experiment is better than another beyond chance: the best mean is that of {best}"
        )
    if len(first) > MOST_NAMED:
        return (
            f"{len(first)} of {len(findings)} experiments share the first rank, and the best mean"
            f" is that of {best}"
        )
    if len(first) > 1:
        names = ", ".join(map(_scored, first))
        return f"{len(first)} of {len(findings)} experiments share the first rank: {names}"
    beaten = len(findings) - int(first[0].number("rank_worst"))
    return f"the best is {_scored(first[0])}, ahead of {beaten} of {others} others beyond chance"


def best_finding(findings: list[Finding]) -> Finding:
    """Return the experiment with the best mean, of experiments on one view."""
    higher = TASKS[findings[0].row["task"]].score.higher_is_better
    return (max if higher else min)(findings, key=lambda finding: finding.score)


def _scored(finding: Finding) -> str:
    return f"{finding.name} ({finding.score_with_interval})"


def with_interval(row: dict[str, Any], prefix: str) -> str:
    """Return the value of a row with its interval, if there is one; columns have the prefix."""
    value, lower, upper = (
        format(row[f"{prefix}{name}"], "#.3g") for name in ("value", "lower", "upper")
    )
    return value if lower == "nan" else f"{value} [{lower}, {upper}]"
