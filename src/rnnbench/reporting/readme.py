"""The README's numbers, taken from the files that `dvc repro` wrote."""

from pathlib import Path

from rnnbench.errors import RnnbenchError
from rnnbench.files import write_text
from rnnbench.layout import COMPARISONS_FOLDER, FIGURE_FILE, RESULTS_FOLDER
from rnnbench.params import Params
from rnnbench.reporting.compare import suite_markdown
from rnnbench.reporting.results import Result, read_results
from rnnbench.reporting.tables import SUMMARY

README_FILE = Path("README.md")
BEGIN = "<!-- results: written by `make readme` -->"
END = "<!-- end of results -->"


def with_results(readme: str, params: Params, results: Path = RESULTS_FOLDER) -> str:
    """Return the README with the present results between its marks.

    Parameters
    ----------
    readme : str
        The README's text.
    params : Params
        Suites and experiments.
    results : Path, default results
        Where results are.

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
    cost = _cost([result for group in found.values() for result in group])
    return f"{before}{BEGIN}\n\n" + "\n".join(sections) + f"\n{cost}\n\n{END}{after}"


def update_readme(params: Params, readme: Path = README_FILE) -> None:
    """Write the present results into the README."""
    write_text(readme, with_results(readme.read_text(encoding="utf-8"), params))


def _section(title: str, suite: str, results: list[Result]) -> str:
    figure = f"![{title}]({COMPARISONS_FOLDER}/{suite}/{FIGURE_FILE})"
    return f"**{title}**\n\n{suite_markdown(results, SUMMARY)}\n{figure}\n"


def _cost(results: list[Result]) -> str:
    environments = [result.scores["environment"] for result in results if result.scores]
    if not environments:
        raise RnnbenchError("there are no results to write into the README; run `dvc repro` first")
    minutes = sum(result.training_seconds for result in results) / 60
    machine = environments[0]
    return (
        f"Training and validating all {len(environments)} experiments took {minutes:.0f} minutes"
        f" on {machine['cores']} cores ({machine['processor']}, Keras"
        f" {machine['packages']['keras']} on {machine['backend']}), one after another."
    )
