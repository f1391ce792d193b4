"""What `comparisons/` holds of every experiment in `params.yaml`: all that page and README show."""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from rnnbench.comparison.results import NAN, NOT_RUN
from rnnbench.comparison.statistics import BASIS_OF_DIFFERENCE, Difference
from rnnbench.comparison.table import not_run
from rnnbench.files import read_json
from rnnbench.layout import (
    COMPARISONS_FOLDER,
    CURVES_FILE,
    PAIRS_FILE,
    SUMMARY_FILE,
    TABLE_FILE,
)
from rnnbench.params import Params

BASIS_REVERSED = {
    basis: BASIS_OF_DIFFERENCE[second, first]
    for (first, second), basis in BASIS_OF_DIFFERENCE.items()
}


@dataclass(frozen=True)
class Finding:
    """What is known of one experiment.

    Attributes
    ----------
    row : dict
        Its row of the suite's table.
    curves : DataFrame
        Its metrics by epoch.
    facts : dict
        Its `layer_parameters`, `diverged` and `timing_warnings`; empty if it was not run.
    examples : dict
        Numbers of examples of its view's splits.
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

    def number(self, column: str) -> float:
        """Return a number of the table; not a number where there is none."""
        return float(self.row.get(column, NAN))

    @property
    def layer_parameters(self) -> dict[str, int]:
        """Parameters by layer."""
        counts: dict[str, int] = self.facts.get("layer_parameters", {})
        return counts

    def at_epoch(self, metric: str, epoch: int | None = None) -> float:
        """Return a metric's mean over seeds at an epoch, by default the last; else no number."""
        values = self.curves.set_index("epoch").get(metric, pd.Series(dtype=float)).dropna()
        if epoch is None:
            return float(values.iloc[-1]) if len(values) else NAN
        return float(values.get(epoch, NAN))


@dataclass(frozen=True)
class Comparison:
    """What is known of one suite.

    Attributes
    ----------
    suite, title : str
        Its names.
    folder : Path
        Where its comparison is; it does not exist where none was made.
    findings : list of Finding
        One for each experiment of `params.yaml`, in its order.
    table : DataFrame
        Their rows.
    summary : dict
        What `summary.json` says.
    """

    suite: str
    title: str
    folder: Path
    findings: list[Finding]
    table: pd.DataFrame
    summary: dict[str, Any]

    @cached_property
    def differences(self) -> dict[tuple[str, str], Difference]:
        """The differences of scores, each pair in both orders."""
        path = self.folder / PAIRS_FILE
        pairs = pd.read_csv(path).to_dict("records") if path.exists() else []
        names = [field.name for field in fields(Difference)]
        found = {}
        for pair in pairs:
            difference = Difference(**{name: pair[name] for name in names})
            found[pair["first"], pair["second"]] = difference
            found[pair["second"], pair["first"]] = _reversed(difference)
        return found


def read_comparisons(params: Params, comparisons: Path = COMPARISONS_FOLDER) -> list[Comparison]:
    """Read the comparison of every suite of `params.yaml`.

    Names and their order are those of `params.yaml`, where an experiment that no comparison has is
    found as not run; everything else is taken from `comparisons/`.
    """
    rows = {suite: _rows(comparisons / suite / TABLE_FILE) for suite in params.suites}
    compared = {name for table in rows.values() for name in table}
    for name in params.experiments:
        if name not in compared:
            rows[params.experiments[name].suite][name] = not_run(name)
    return [
        _read(
            params,
            suite,
            comparisons / suite,
            [table[name] for name in params.experiments if name in table],
        )
        for suite, table in rows.items()
    ]


def _rows(path: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of a table by experiment, none where there is no table."""
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    return {
        row["experiment"]: {str(column): value for column, value in row.items()} for row in rows
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
    return Comparison(suite, title, folder, findings, pd.DataFrame(rows), summary)


def _reversed(difference: Difference) -> Difference:
    """Return the difference of the second and the first."""
    return replace(
        difference,
        value=-difference.value,
        lower=-difference.upper,
        upper=-difference.lower,
        basis=BASIS_REVERSED[difference.basis],
    )
