"""Comparing the experiments of a suite."""

from pathlib import Path

import pandas as pd

from rnnbench.evaluation.figures import save_figure
from rnnbench.files import atomic_folder, write_text
from rnnbench.layout import (
    COMPARISONS_FOLDER,
    FIGURE_FILE,
    MARKDOWN_FILE,
    RESULTS_FOLDER,
    TABLE_FILE,
)
from rnnbench.params import Params
from rnnbench.reporting.figures import draw_comparison
from rnnbench.reporting.results import Result, read_results, tabulate
from rnnbench.reporting.tables import (
    EVERYTHING,
    Columns,
    for_people,
    to_markdown,
)


def compare(
    suite: str,
    params: Params,
    results: Path = RESULTS_FOLDER,
    comparisons: Path = COMPARISONS_FOLDER,
) -> Path:
    """Compare a suite's experiments with each other and with what is reported.

    Parameters
    ----------
    suite : str
        A suite of `params.yaml`.
    params : Params
        The parameters.
    results, comparisons : Path
        Where results are, and where SUITE/ with `table.csv`, `table.md` and `comparison.png`
        goes.

    Returns
    -------
    Path
        The comparison's folder. Experiments without results stand in it as not run.
    """
    found = read_results(params, suite, results)
    table = tabulate(found)
    with atomic_folder(comparisons / suite) as folder:
        table.to_csv(folder / TABLE_FILE, index=False)
        write_text(folder / MARKDOWN_FILE, suite_markdown(found))
        save_figure(draw_comparison(table, params.suites[suite].title), folder / FIGURE_FILE)
    return comparisons / suite


def suite_markdown(results: list[Result], columns: Columns = EVERYTHING) -> str:
    """Write a suite's tables as Markdown."""
    return "\n".join(to_markdown(table) for table in suite_tables(results, columns))


def suite_tables(results: list[Result], columns: Columns = EVERYTHING) -> list[pd.DataFrame]:
    """Return a suite's tables for people, one for each kind of targets."""
    groups = {kind: [result for result in results if result.kind == kind] for kind in columns}
    return [for_people(tabulate(group), columns[kind]) for kind, group in groups.items() if group]
