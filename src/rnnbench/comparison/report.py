"""The report: one page on all suites, with its figures inside."""

import base64
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, select_autoescape

from rnnbench.comparison.claims import judge_claims
from rnnbench.comparison.findings import Comparison, read_comparisons
from rnnbench.comparison.literature import Literature, SuiteLiterature
from rnnbench.comparison.reproduction import tabulate_reproduction
from rnnbench.comparison.table import readable_tables
from rnnbench.files import atomic_folder, write_text
from rnnbench.layout import (
    CLAIMS_FILE,
    COMPARISONS_FOLDER,
    LAYERS_FOLDER,
    MARKDOWN_FILE,
    REPORT_FILE,
    REPORT_FOLDER,
    REPRODUCTION_FILE,
)
from rnnbench.params import Params


def write_report(
    params: Params,
    literature: Literature,
    comparisons: Path = COMPARISONS_FOLDER,
    report: Path = REPORT_FOLDER,
) -> Path:
    """Write the report on every suite.

    Parameters
    ----------
    params : Params
        The names, titles and order of suites and experiments.
    literature : Literature
        What is reported and claimed.
    comparisons, report : Path
        Where comparisons are, and where `index.html` goes.

    Returns
    -------
    Path
        The page; it needs no other file. Beside it `reproduction.csv` has every reported number
        and the one found here, `claims.csv` every claim and its verdict.
    """
    found = read_comparisons(params, comparisons)
    claims = judge_claims(found, literature)
    suites = [_suite(comparison, literature.suite(comparison.suite)) for comparison in found]
    environment = Environment(
        loader=PackageLoader("rnnbench.comparison"), autoescape=select_autoescape()
    )
    page = environment.get_template("report.html").render(
        claims=claims,
        suites=suites,
        layers=_layers(comparisons / LAYERS_FOLDER / MARKDOWN_FILE),
        data={view: data for one in found for view, data in one.summary.get("data", {}).items()},
        machines=_machines(found),
        missing=[finding.name for one in found for finding in one.findings if not finding.was_run],
    )
    with atomic_folder(report) as folder:
        write_text(folder / REPORT_FILE, page)
        claims.to_csv(folder / CLAIMS_FILE, index=False)
        reproduction = pd.concat([suite["reproduction"] for suite in suites])
        reproduction.to_csv(folder / REPRODUCTION_FILE, index=False)
    return report / REPORT_FILE


def _suite(comparison: Comparison, literature: SuiteLiterature) -> dict[str, Any]:
    """Return what the page shows of a suite."""
    return {
        "name": comparison.suite,
        "title": comparison.title,
        "literature": literature,
        "tables": readable_tables(comparison.table),
        "figures": {
            path.stem.replace("_", " "): _embedded(path)
            for path in sorted(comparison.folder.glob("*.png"))
        },
        "reproduction": tabulate_reproduction(comparison, literature),
        "findings": [finding for finding in comparison.findings if finding.was_run],
    }


def _layers(path: Path) -> pd.DataFrame | None:
    """Return the table of layers, if its stage was run, from its Markdown."""
    if not path.exists():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    titles, _, *rows = [line.strip("| ").split(" | ") for line in lines]
    return pd.DataFrame(rows, columns=titles)


def _embedded(path: Path) -> str:
    """Return an image as a data URI, so that the page is one file."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def _machines(comparisons: list[Comparison]) -> list[dict[str, Any]]:
    """Return each machine and software environment that the runs used, once."""
    machines: list[dict[str, Any]] = []
    for comparison in comparisons:
        for environment in comparison.summary.get("environments", []):
            if environment not in machines:
                machines.append(environment)
    return machines
