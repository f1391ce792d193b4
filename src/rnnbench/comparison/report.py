"""The report: one page on all suites, with its figures inside."""

import base64
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, select_autoescape

from rnnbench.comparison.claims import compare_claims, readable_comparisons, tabulate_verdicts
from rnnbench.comparison.findings import Comparison, main_finding, read_comparisons
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
    VERDICTS_FILE,
)
from rnnbench.params import Params
from rnnbench.tables import Column, as_text

AGAINST_COLUMNS = (
    Column("experiment", "experiment"),
    Column("baseline", "baseline"),
    Column("value", "difference [95 % interval]", "+.4f", ("lower", "upper")),
    Column("adjusted_p_value", "p (Holm)", ".2g"),
    Column("verdict", "the experiment is"),
)


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
        and the one found here, `claims.csv` every comparison of every claim, and `verdicts.csv` the
        verdict on each claim.
    """
    literature = literature.about(params.experiments)
    found = read_comparisons(params, comparisons)
    compared = compare_claims(found, literature)
    verdicts = tabulate_verdicts(compared, literature)
    suites = [_suite(comparison, literature.suite(comparison.suite)) for comparison in found]
    environment = Environment(
        loader=PackageLoader("rnnbench.comparison"), autoescape=select_autoescape()
    )
    page = environment.get_template("report.html").render(
        verdicts=verdicts,
        compared={name: readable_comparisons(rows) for name, rows in compared.groupby("claim")},
        suites=suites,
        layers=_layers(comparisons / LAYERS_FOLDER / MARKDOWN_FILE),
        data={view: data for one in found for view, data in one.summary.get("data", {}).items()},
        machines=_machines(found),
        missing=[finding.name for one in found for finding in one.findings if not finding.was_run],
    )
    with atomic_folder(report) as folder:
        write_text(folder / REPORT_FILE, page)
        compared.to_csv(folder / CLAIMS_FILE, index=False)
        verdicts.to_csv(folder / VERDICTS_FILE, index=False)
        reproduction = pd.concat([suite["reproduction"] for suite in suites])
        reproduction.to_csv(folder / REPRODUCTION_FILE, index=False)
    return report / REPORT_FILE


def _suite(comparison: Comparison, literature: SuiteLiterature) -> dict[str, Any]:
    """Return what the page shows of a suite."""
    return {
        "name": comparison.suite,
        "title": comparison.title,
        "literature": literature,
        "main_finding": main_finding(comparison),
        "tables": readable_tables(comparison.table, baselines=comparison.baselines),
        "power": comparison.summary.get("power", {}),
        "against_baselines": _against_baselines(comparison),
        "figures": {
            path.stem.replace("_", " "): _embedded(path)
            for path in sorted(comparison.folder.glob("*.png"))
        },
        "reproduction": tabulate_reproduction(comparison, literature),
        "findings": [finding for finding in comparison.findings if finding.was_run],
    }


def _against_baselines(comparison: Comparison) -> pd.DataFrame | None:
    """Return every experiment's difference from every baseline, if there are any."""
    if comparison.against_baselines.empty:
        return None
    titles = comparison.baselines.drop_duplicates("baseline").set_index("baseline")["title"]
    rows = comparison.against_baselines
    return as_text(rows.assign(baseline=rows["baseline"].map(titles)), AGAINST_COLUMNS)


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
