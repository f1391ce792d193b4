"""The README's tables, taken from the comparisons that `dvc repro` wrote."""

from pathlib import Path

from rnnbench.errors import RnnbenchError
from rnnbench.files import write_text
from rnnbench.params import Params
from rnnbench.reporting.compare import COMPARISONS_FOLDER, MARKDOWN_FILE

README_FILE = Path("README.md")
BEGIN = "<!-- results: written by `make readme` -->"
END = "<!-- end of results -->"


def with_results(readme: str, params: Params, comparisons: Path = COMPARISONS_FOLDER) -> str:
    """Return the README with the present comparisons between its marks.

    Raises
    ------
    RnnbenchError
        If the marks are not there, or a suite was not compared yet.
    """
    if BEGIN not in readme or END not in readme:
        raise RnnbenchError(f"the README has no lines {BEGIN!r} and {END!r} to write between")
    before, rest = readme.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    sections = [
        f"**{suite.title}** ([figure](comparisons/{name}/comparison.png))\n\n"
        + _read(comparisons / name / MARKDOWN_FILE)
        for name, suite in params.suites.items()
    ]
    return f"{before}{BEGIN}\n\n" + "\n".join(sections) + f"\n{END}{after}"


def update_readme(params: Params, readme: Path = README_FILE) -> None:
    """Write the present comparisons into the README."""
    write_text(readme, with_results(readme.read_text(encoding="utf-8"), params))


def _read(path: Path) -> str:
    if not path.exists():
        raise RnnbenchError(f"{path} does not exist; run `dvc repro` first")
    return path.read_text(encoding="utf-8")
