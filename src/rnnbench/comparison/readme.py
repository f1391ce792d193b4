"""The README's results, taken from `comparisons/`."""

from pathlib import Path

import pandas as pd

from rnnbench.comparison.answers import readable_answers, tabulate_answers
from rnnbench.comparison.claims import compare_claims, tabulate_verdicts, unanimous_claims
from rnnbench.comparison.findings import Comparison, main_finding, read_comparisons
from rnnbench.comparison.literature import Literature
from rnnbench.comparison.table import NAME, SHORT_TIMES, readable_tables
from rnnbench.errors import RnnbenchError
from rnnbench.files import write_text
from rnnbench.layout import COMPARISONS_FOLDER, MARKDOWN_FILE
from rnnbench.params import Params
from rnnbench.tables import Column, as_text, to_markdown
from rnnbench.tasks.task import TASKS, Task

README_FILE = Path("README.md")
BEGIN = "<!-- results: written by `make readme` -->"
END = "<!-- end of results -->"
SCORES = ("", "reported_")  # prefixes of a score's columns
AGREED = "The claims whose comparisons all have the same outcome:\n"
BRACKETS = "Scores are means over seeds; brackets hold their 95 % intervals.\n"


def with_results(
    readme: str, params: Params, literature: Literature, comparisons: Path = COMPARISONS_FOLDER
) -> str:
    """Return the README with the current results between its marks.

    Parameters
    ----------
    readme : str
        The README's text.
    params : Params
        The names, titles and order of suites and experiments.
    literature : Literature
        The claims.
    comparisons : Path
        The folder of the comparisons.

    Raises
    ------
    RnnbenchError
        If the marks are missing, or nothing was run yet.
    """
    if BEGIN not in readme or END not in readme:
        raise RnnbenchError(f"the README has no lines {BEGIN!r} and {END!r} to write between")
    before, rest = readme.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    found = read_comparisons(params, comparisons)
    compared = compare_claims(found, literature)
    agreed = unanimous_claims(compared, literature)
    in_short = [AGREED, "".join(f"- {sentence}\n" for sentence in agreed)] if agreed else []
    answers = to_markdown(readable_answers(tabulate_answers(found)))
    suites, claims = map(_section, found), _claims(tabulate_verdicts(compared, literature))
    sections = [*in_short, BRACKETS, answers, *suites, claims, _cost(found)]
    return f"{before}{BEGIN}\n\n" + "\n".join(sections) + f"\n\n{END}{after}"


def update_readme(params: Params, literature: Literature, readme: Path = README_FILE) -> None:
    """Write the current results into the README."""
    write_text(readme, with_results(readme.read_text(encoding="utf-8"), params, literature))


def _section(comparison: Comparison) -> str:
    """Return a sentence on the finding of a suite, and a collapsed table."""
    path = comparison.folder / MARKDOWN_FILE
    linked = f"[{comparison.title}]({COMPARISONS_FOLDER}/{comparison.suite}/{path.name})"
    title = linked if path.exists() else comparison.title
    answer = " ".join(filter(None, (f"**{title}.**", main_finding(comparison))))
    tables = "\n".join(map(to_markdown, _small_tables(comparison)))
    return f"{answer}\n\n<details><summary>Scores</summary>\n\n{tables}\n</details>\n"


def _small_tables(comparison: Comparison) -> list[pd.DataFrame]:
    """Return the main scores and times, one table for each view."""
    tasks = {
        view: TASKS[findings[0].row["task"]]
        for view, findings in comparison.findings_by_view().items()
    }
    chosen = [_main_baselines(comparison.baselines, view, task) for view, task in tasks.items()]
    tables = readable_tables(comparison.table, True, pd.concat(chosen) if chosen else None)
    columns = [*NAME, *SHORT_TIMES, *(column for task in tasks.values() for column in task.summary)]
    wanted = {"experiment", "rank", "stock_milliseconds", "compiled_milliseconds"}
    wanted |= {f"{prefix}{task.score.name}" for task in tasks.values() for prefix in SCORES}
    titles = {column.title for column in columns if column.name in wanted}
    return [shown[[title for title in shown if title in titles]] for shown in tables]


def _main_baselines(baselines: pd.DataFrame, view: str, task: Task) -> pd.DataFrame:
    """Return the best fitted baseline of a view, and the task's own baseline if it was fitted."""
    if baselines.empty:
        return baselines
    ascending = not task.score.higher_is_better
    fitted = baselines[baselines["view"] == view].sort_values("value", ascending=ascending)
    own = fitted[fitted["baseline"] == task.baseline_name]
    return pd.concat([fitted.head(1), own]).drop_duplicates()


def _claims(verdicts: pd.DataFrame) -> str:
    """Return the verdicts on the claims as a table; the report has the comparisons behind them."""
    columns = (Column("text", "claim"), Column("source", "made in"), Column("verdict", "verdict"))
    return f"**What is claimed**\n\n{to_markdown(as_text(verdicts, columns))}"


def _cost(comparisons: list[Comparison]) -> str:
    measured = [part for part in comparisons if part.processors]
    if not measured:
        raise RnnbenchError("there are no results to write into the README; run `dvc repro` first")
    run = [one for part in measured for one in part.findings if one.was_run]
    speedup = pd.Series([finding.number("speedup") for finding in run]).median()
    warned = sum(bool(finding.facts["timing_warnings"]) for finding in run)
    sentences = [
        f"At the measured times, training all seeds of {len(run)} experiments one after another"
        f" takes {sum(map(_minutes, measured)):.0f} minutes, on {_by_processors(measured)}."
    ]
    if speedup > 0:
        sentences.append(
            f"A training step of stock Keras takes {speedup:.1f} times as long as one with compiled"
            " loops (median over the experiments)."
        )
    if warned:
        sentences.append(f"The times of {warned} experiments carry warnings; see the report.")
    return " ".join(sentences)


def _by_processors(comparisons: list[Comparison]) -> str:
    """Return the minutes of each suite, grouped by the processors that they were measured on."""
    suites: dict[str, list[str]] = {}
    for part in comparisons:
        processors = " and ".join(part.processors)
        suites.setdefault(processors, []).append(f"{part.suite} {_minutes(part):.0f}")
    return "; on ".join(f"{name}: {', '.join(parts)}" for name, parts in suites.items())


def _minutes(comparison: Comparison) -> float:
    """Return the minutes of training all seeds of a suite, one after another."""
    seconds = [finding.seconds_alone for finding in comparison.findings if finding.was_run]
    return float(pd.Series(seconds, dtype=float).sum()) / 60
