"""The report: one page on all suites, with its figures inside."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, select_autoescape

from rnnbench.files import atomic_folder, write_text
from rnnbench.layout import (
    CLAIMS_FILE,
    COMPARISONS_FOLDER,
    FIGURE_FILE,
    FIGURES_FOLDER,
    LAYERS_FOLDER,
    REPORT_FILE,
    REPORT_FOLDER,
    REPRODUCTION_FILE,
    RESULTS_FOLDER,
    TABLE_FILE,
)
from rnnbench.params import Params
from rnnbench.reporting.claims import judge_claims
from rnnbench.reporting.compare import suite_tables
from rnnbench.reporting.reproduction import tabulate_reproduction
from rnnbench.reporting.results import Result, read_results
from rnnbench.reporting.tables import ATLAS, as_text


@dataclass(frozen=True)
class SuiteSection:
    """What the page shows of a suite."""

    name: str
    title: str
    source: str
    tables: list[pd.DataFrame]
    reproduction: pd.DataFrame
    figure: str | None
    experiments: list["ExperimentSection"]


@dataclass(frozen=True)
class ExperimentSection:
    """What the page shows of an experiment."""

    name: str
    model: str
    view: str
    seeds: int
    remark: str
    explanation: str
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
        The page; it needs no other file. Beside it `reproduction.csv` has every reported number
        and ours, `claims.csv` every claim and its verdict.
    """
    found = {suite: read_results(params, suite, results) for suite in params.suites}
    every = [result for group in found.values() for result in group]
    claims = judge_claims({result.name: result for result in every})
    sections = [
        _suite_section(params, suite, group, comparisons / suite) for suite, group in found.items()
    ]
    environment = Environment(
        loader=PackageLoader("rnnbench.reporting"), autoescape=select_autoescape()
    )
    page = environment.get_template("report.html").render(
        claims=claims,
        suites=sections,
        layers=_layers(comparisons / LAYERS_FOLDER),
        atlas=params.atlas,
        data=_data_rows(every),
        machines=_machine_rows(every),
        missing=[result.name for result in every if result.scores is None],
    )
    with atomic_folder(report) as folder:
        write_text(folder / REPORT_FILE, page)
        claims.to_csv(folder / CLAIMS_FILE, index=False)
        reproduction = pd.concat([section.reproduction for section in sections])
        reproduction.to_csv(folder / REPRODUCTION_FILE, index=False)
    return report / REPORT_FILE


def _suite_section(
    params: Params, suite: str, results: list[Result], comparison: Path
) -> SuiteSection:
    figure = comparison / FIGURE_FILE
    return SuiteSection(
        name=suite,
        title=params.suites[suite].title,
        source=params.suites[suite].source,
        tables=suite_tables(results),
        reproduction=tabulate_reproduction(results, params.suites[suite].source),
        figure=_embedded(figure) if figure.exists() else None,
        experiments=[
            _experiment_section(result, params.experiments[result.name].view)
            for result in results
            if result.scores
        ],
    )


def _experiment_section(result: Result, view: str) -> ExperimentSection:
    drawn = sorted((result.folder / FIGURES_FOLDER).glob("seed-*/*.png"))
    return ExperimentSection(
        name=result.name,
        model=result.model,
        view=view,
        seeds=result.seeds,
        remark=result.reported.remark or "",
        explanation=result.reported.explanation or "",
        layers=(result.scores or {})["layer_parameters"],
        figures={
            f"{path.stem.replace('_', ' ')}, {path.parent.name}": _embedded(path) for path in drawn
        },
    )


def _layers(folder: Path) -> pd.DataFrame | None:
    """Return the atlas of layers as text, if its stage was run."""
    path = folder / TABLE_FILE
    return as_text(pd.read_csv(path, keep_default_na=False), ATLAS) if path.exists() else None


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
