"""The README's results, taken from `comparisons/`."""

from pathlib import Path

import pandas as pd

from rnnbench.comparison.claims import compare_claims, tabulate_verdicts
from rnnbench.comparison.findings import Comparison, main_finding, read_comparisons
from rnnbench.comparison.literature import Literature
from rnnbench.comparison.table import readable_tables
from rnnbench.errors import RnnbenchError
from rnnbench.files import write_text
from rnnbench.layout import COMPARISONS_FOLDER, FIGURE_FILE
from rnnbench.params import Params
from rnnbench.tables import Column, as_text, to_markdown

README_FILE = Path("README.md")
BEGIN = "<!-- results: written by `make readme` -->"
END = "<!-- end of results -->"
BRACKETS = "Scores are means over seeds; brackets hold their 95 % intervals.\n"


def with_results(
    readme: str, params: Params, literature: Literature, comparisons: Path = COMPARISONS_FOLDER
) -> str:
    """Return the README with the present results between its marks.

    Parameters
    ----------
    readme : str
        The README's text.
    params : Params
        The names, titles and order of suites and experiments.
    literature : Literature
        What is claimed.
    comparisons : Path
        Where comparisons are.

    Raises
    ------
    RnnbenchError
        If the marks are not there, or nothing was run yet.
    """
    if BEGIN not in readme or END not in readme:
        raise RnnbenchError(f"the README has no lines {BEGIN!r} and {END!r} to write between")
    before, rest = readme.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    found = read_comparisons(params, comparisons)
    sections = [BRACKETS, *map(_section, found), _claims(found, literature), _cost(found)]
    return f"{before}{BEGIN}\n\n" + "\n".join(sections) + f"\n\n{END}{after}"


def update_readme(params: Params, literature: Literature, readme: Path = README_FILE) -> None:
    """Write the present results into the README."""
    write_text(readme, with_results(readme.read_text(encoding="utf-8"), params, literature))


def _section(comparison: Comparison) -> str:
    title = (
        "\n\n".join(filter(None, (f"**{comparison.title}**", main_finding(comparison)))) + "\n\n"
    )
    path = f"{COMPARISONS_FOLDER}/{comparison.suite}/{FIGURE_FILE}"
    figure = f"![{comparison.title}]({path})\n" if comparison.folder.exists() else ""
    if "length" in comparison.table and comparison.table["length"].notna().any():
        # The figure shows every score; one row per length and model would bury the other tables.
        return title + figure
    tables = "\n".join(
        map(to_markdown, readable_tables(comparison.table, True, comparison.baselines))
    )
    return f"{title}{tables}\n{figure}"


def _claims(comparisons: list[Comparison], literature: Literature) -> str:
    """Write the verdicts on the claims; the comparisons behind them are in the report."""
    verdicts = tabulate_verdicts(compare_claims(comparisons, literature), literature)
    columns = (Column("text", "claim"), Column("source", "made in"), Column("verdict", "verdict"))
    return f"**What is claimed**\n\n{to_markdown(as_text(verdicts, columns))}"


def _cost(comparisons: list[Comparison]) -> str:
    machines = [one for part in comparisons for one in part.summary.get("environments", [])]
    if not machines:
        raise RnnbenchError("there are no results to write into the README; run `dvc repro` first")
    machine = machines[0]
    run = [one for part in comparisons for one in part.findings if one.was_run]
    minutes = pd.Series([finding.seconds_alone for finding in run]).sum() / 60
    speedup = pd.Series([finding.number("speedup") for finding in run]).median()
    warned = sum(bool(finding.facts["timing_warnings"]) for finding in run)
    sentences = [
        f"By the times of a step, training all seeds of {len(run)} experiments one after another"
        f" takes {minutes:.0f} minutes on {machine['cores']} cores ({machine['processor']}, Keras"
        f" {machine['packages']['keras']} on {machine['backend']})."
    ]
    if speedup > 0:
        sentences.append(
            f"A training step of stock Keras takes {speedup:.1f} times as long as one with compiled"
            " loops (median over the experiments)."
        )
    if warned:
        sentences.append(f"The times of {warned} experiments carry warnings; see the report.")
    return " ".join(sentences)
