"""The README's numbers, taken from the files that `dvc repro` wrote."""

from pathlib import Path

import pandas as pd

from rnnbench.errors import RnnbenchError
from rnnbench.files import write_text
from rnnbench.layout import (
    CLAIMS_FILE,
    COMPARISONS_FOLDER,
    FIGURE_FILE,
    REPORT_FOLDER,
    RESULTS_FOLDER,
)
from rnnbench.params import Params
from rnnbench.reporting.compare import suite_markdown
from rnnbench.reporting.results import Result, read_results
from rnnbench.reporting.tables import SUMMARY, Column, as_text, to_markdown

README_FILE = Path("README.md")
BEGIN = "<!-- results: written by `make readme` -->"
END = "<!-- end of results -->"


def with_results(
    readme: str,
    params: Params,
    results: Path = RESULTS_FOLDER,
    report: Path = REPORT_FOLDER,
) -> str:
    """Return the README with the present results between its marks.

    Parameters
    ----------
    readme : str
        The README's text.
    params : Params
        Suites and experiments.
    results, report : Path
        Where results are, and the report with its verdicts on claims.

    Raises
    ------
    RnnbenchError
        If the marks are not there, or nothing was run yet.
    """
    if BEGIN not in readme or END not in readme:
        raise RnnbenchError(f"the README has no lines {BEGIN!r} and {END!r} to write between")
    before, rest = readme.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    found = {suite: read_results(params, suite, results) for suite in params.suites}
    sections = [_section(params.suites[suite].title, suite, found[suite]) for suite in found]
    sections.append(_claims(report / CLAIMS_FILE))
    sections.append(_cost([result for group in found.values() for result in group]))
    return f"{before}{BEGIN}\n\n" + "\n".join(sections) + f"\n\n{END}{after}"


def update_readme(params: Params, readme: Path = README_FILE) -> None:
    """Write the present results into the README."""
    write_text(readme, with_results(readme.read_text(encoding="utf-8"), params))


def _section(title: str, suite: str, results: list[Result]) -> str:
    figure = f"![{title}]({COMPARISONS_FOLDER}/{suite}/{FIGURE_FILE})\n"
    if any(result.length is not None for result in results):
        # The figure says it all; a row for each length and model would bury the rest.
        return f"**{title}**\n\n{figure}"
    return f"**{title}**\n\n{suite_markdown(results, SUMMARY)}\n{figure}"


def _claims(path: Path) -> str:
    """Write the verdicts on the notebooks' claims; the figures behind them are in the report."""
    if not path.exists():
        raise RnnbenchError(f"{path} does not exist; `dvc repro report` writes it")
    columns = (Column("claim", "claim"), Column("verdict", "verdict"))
    return f"**What the notebooks claim**\n\n{to_markdown(as_text(pd.read_csv(path), columns))}"


def _cost(results: list[Result]) -> str:
    environments = [result.scores["environment"] for result in results if result.scores]
    if not environments:
        raise RnnbenchError("there are no results to write into the README; run `dvc repro` first")
    minutes = sum(result.training_seconds for result in results) / 60
    machine = environments[0]
    unfit = sum(bool(result.unfit) for result in results)
    caution = (
        f" While {unfit} of them trained, other programs shared the cores: wall-clock times are"
        " too long and vary; the processor time of an epoch, which the report adds, hardly does."
    )
    return (
        f"All runs added up, training and validating the {len(environments)} experiments took"
        f" {minutes:.0f} minutes"
        f" on {machine['cores']} cores ({machine['processor']}, Keras"
        f" {machine['packages']['keras']} on {machine['backend']}).{caution if unfit else ''}"
    )
