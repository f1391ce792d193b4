"""The report: one page on all suites, with its figures inside."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, select_autoescape

from rnnbench.files import atomic_folder, write_text
from rnnbench.layout import (
    COMPARISONS_FOLDER,
    FIGURE_FILE,
    FIGURES_FOLDER,
    REPORT_FILE,
    REPORT_FOLDER,
    RESULTS_FOLDER,
)
from rnnbench.params import Params
from rnnbench.reporting.compare import suite_tables
from rnnbench.reporting.results import Result, read_results


@dataclass(frozen=True)
class SuiteSection:
    """What the page shows of a suite."""

    title: str
    source: str
    tables: list[pd.DataFrame]
    figure: str | None
    experiments: list["ExperimentSection"]


@dataclass(frozen=True)
class ExperimentSection:
    """What the page shows of an experiment."""

    name: str
    remark: str
    layers: dict[str, int]
    figures: dict[str, str]


def write_report(
    params: Params,
    results: Path = RESULTS_FOLDER,
    comparisons: Path = COMPARISONS_FOLDER,
    report: Path = REPORT_FOLDER,
) -> Path:
    """Write the report on every suite of `params.yaml`.

    Parameters
    ----------
    params : Params
        The parameters.
    results, comparisons, report : Path
        Where results and comparisons are, and where `index.html` goes.

    Returns
    -------
    Path
        The page. It needs no other file.
    """
    found = {suite: read_results(params, suite, results) for suite in params.suites}
    every = [result for group in found.values() for result in group]
    environment = Environment(
        loader=PackageLoader("rnnbench.reporting"), autoescape=select_autoescape()
    )
    page = environment.get_template("report.html").render(
        suites=[
            _suite_section(params, suite, group, comparisons / suite)
            for suite, group in found.items()
        ],
        data=_data_rows(every),
        machines=_machine_rows(every),
        missing=[result.name for result in every if result.scores is None],
        seeds=params.seeds,
    )
    with atomic_folder(report) as folder:
        write_text(folder / REPORT_FILE, page)
    return report / REPORT_FILE


def _suite_section(
    params: Params, suite: str, results: list[Result], comparison: Path
) -> SuiteSection:
    figure = comparison / FIGURE_FILE
    return SuiteSection(
        title=params.suites[suite].title,
        source=params.suites[suite].source,
        tables=suite_tables(results),
        figure=_embedded(figure) if figure.exists() else None,
        experiments=[_experiment_section(result) for result in results if result.scores],
    )


def _experiment_section(result: Result) -> ExperimentSection:
    drawn = sorted((result.folder / FIGURES_FOLDER).glob("seed-*/*.png"))
    return ExperimentSection(
        name=result.name,
        remark=result.reported.remark or "",
        layers=(result.scores or {})["layer_parameters"],
        figures={
            f"{path.stem.replace('_', ' ')}, {path.parent.name}": _embedded(path) for path in drawn
        },
    )


def _embedded(path: Path) -> str:
    """Return an image as a data URI, so that the page is one file."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def _data_rows(results: list[Result]) -> list[dict[str, Any]]:
    """Return what is said of each view, once."""
    views = {}
    for result in results:
        if result.scores:
            views[result.scores["data"]["view"]] = result.scores["data"]
    return list(views.values())


def _machine_rows(results: list[Result]) -> list[dict[str, Any]]:
    """Return each machine and software environment the runs used, once."""
    machines: list[dict[str, Any]] = []
    for result in results:
        environment = (result.scores or {}).get("environment")
        if environment and environment not in machines:
            machines.append(environment)
    return machines
