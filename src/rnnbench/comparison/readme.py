"""The README's results, taken from `comparisons/`."""

from pathlib import Path

from rnnbench.comparison.claims import judge_claims
from rnnbench.comparison.findings import Comparison, read_comparisons
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
    sections = [*map(_section, found), _claims(found, literature), _cost(found)]
    return f"{before}{BEGIN}\n\n" + "\n".join(sections) + f"\n\n{END}{after}"


def update_readme(params: Params, literature: Literature, readme: Path = README_FILE) -> None:
    """Write the present results into the README."""
    write_text(readme, with_results(readme.read_text(encoding="utf-8"), params, literature))


def _section(comparison: Comparison) -> str:
    title = f"**{comparison.title}**\n\n"
    path = f"{COMPARISONS_FOLDER}/{comparison.suite}/{FIGURE_FILE}"
    figure = f"![{comparison.title}]({path})\n" if comparison.folder.exists() else ""
    if "length" in comparison.table and comparison.table["length"].notna().any():
        # The figure shows every score; one row per length and model would bury the other tables.
        return title + figure
    tables = "\n".join(map(to_markdown, readable_tables(comparison.table, short=True)))
    return f"{title}{tables}\n{figure}"


def _claims(comparisons: list[Comparison], literature: Literature) -> str:
    """Write the verdicts on the claims; the figures behind them are in the report."""
    columns = (Column("claim", "claim"), Column("verdict", "verdict"))
    verdicts = as_text(judge_claims(comparisons, literature), columns)
    return f"**What the notebooks claim**\n\n{to_markdown(verdicts)}"


def _cost(comparisons: list[Comparison]) -> str:
    machines = [one for part in comparisons for one in part.summary.get("environments", [])]
    if not machines:
        raise RnnbenchError("there are no results to write into the README; run `dvc repro` first")
    machine = machines[0]
    run = [one for part in comparisons for one in part.findings if one.was_run]
    minutes = sum(finding.number("training_seconds") for finding in run) / 60
    disturbed = sum(bool(finding.facts["timing_warnings"]) for finding in run)
    caution = (
        f" While {disturbed} of them trained, other programs shared the cores: wall-clock times are"
        " too long and vary; the processor time of an epoch, which the report adds, hardly does."
    )
    return (
        f"All runs added up, training and validating the {len(run)} experiments took"
        f" {minutes:.0f} minutes"
        f" on {machine['cores']} cores ({machine['processor']}, Keras"
        f" {machine['packages']['keras']} on {machine['backend']}).{caution if disturbed else ''}"
    )
