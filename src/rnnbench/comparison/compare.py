"""Comparing the experiments of a suite."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from rnnbench.comparison.figures import (
    draw_comparison,
    draw_confusion_matrices,
    draw_learning_curves,
)
from rnnbench.comparison.literature import SuiteLiterature
from rnnbench.comparison.results import Result, Results, read_results
from rnnbench.comparison.table import (
    readable_tables,
    tabulate,
    tabulate_curves,
    tabulate_pairs,
)
from rnnbench.figures import save_figure
from rnnbench.files import atomic_folder, read_json, write_json, write_text
from rnnbench.layout import (
    COMPARISONS_FOLDER,
    CURVES_FILE,
    FIGURE_FILE,
    MARKDOWN_FILE,
    MEMBERS_FOLDER,
    PAIRS_FILE,
    RESULTS_FOLDER,
    SUMMARY_FILE,
    TABLE_FILE,
)
from rnnbench.params import Suite
from rnnbench.tables import to_markdown

LEARNING_CURVES_FIGURE = "learning_curves.png"
CONFUSIONS_FIGURE = "confusion_matrices.png"
FRAMES_FIGURE = "frames.png"  # of evaluation, where a task draws it
CURVE_DIGITS = "%.6g"  # Keras's metrics have 32 bits


def compare(
    suite: str,
    facts: Suite,
    literature: SuiteLiterature,
    results: Path = RESULTS_FOLDER,
    comparisons: Path = COMPARISONS_FOLDER,
) -> Path:
    """Write what page and README show of a suite.

    Parameters
    ----------
    suite : str
        Its name.
    facts : Suite
        Its title and target, of `params.yaml`.
    literature : SuiteLiterature
        What is reported for its experiments.
    results, comparisons : Path
        Where results and the list of members are, and where the folder SUITE goes.

    Returns
    -------
    Path
        The folder: `table.csv` with every number and `table.md` for people, `pairs.csv` with
        differences, `curves.csv` with the metrics of each epoch, `summary.json` with facts about
        layers, data and machines, and figures. An experiment without results is in it as not run.
    """
    members = read_json(results / MEMBERS_FOLDER.name / f"{suite}.json")
    found = read_results(members, suite, results)
    table = tabulate(found, literature, facts.target)
    curves = tabulate_curves(found)
    with atomic_folder(comparisons / suite) as folder:
        table.to_csv(folder / TABLE_FILE, index=False)
        markdown = "\n".join(to_markdown(part) for part in readable_tables(table))
        write_text(folder / MARKDOWN_FILE, markdown)
        tabulate_pairs(found).to_csv(folder / PAIRS_FILE, index=False)
        curves.to_csv(folder / CURVES_FILE, index=False, float_format=CURVE_DIGITS)
        write_json(folder / SUMMARY_FILE, _summary(facts.title, found))
        save_figure(draw_comparison(table, facts.title), folder / FIGURE_FILE)
        _draw_details([result for result in found.values() if result], curves, facts.title, folder)
    return comparisons / suite


def _draw_details(results: list[Result], curves: pd.DataFrame, title: str, folder: Path) -> None:
    evaluated = [result for result in results if result.runs]
    if not evaluated:
        return
    metrics = {result.name: _curve_metric(result) for result in evaluated}
    save_figure(draw_learning_curves(curves, metrics, title), folder / LEARNING_CURVES_FIGURE)
    confusions = {result.name: result.confusions for result in evaluated}
    drawn = draw_confusion_matrices(confusions, title)
    if drawn is not None:
        save_figure(drawn, folder / CONFUSIONS_FIGURE)
    for result in evaluated:
        frames = result.figure(FRAMES_FIGURE)
        if frames.exists():
            shutil.copyfile(frames, folder / f"{result.name}-{FRAMES_FIGURE}")


def _curve_metric(result: Result) -> str:
    """Return the task's score where it is measured while training, else the loss."""
    score = result.task.score.name
    return score if score in result.history else "loss"


def _summary(title: str, results: Results) -> dict[str, Any]:
    """Return the facts that are not numbers of a table: layers, warnings, data, machines."""
    found = [result for result in results.values() if result]
    environments: list[dict[str, Any]] = []
    for result in found:
        if result.scores["environment"] not in environments:
            environments.append(result.scores["environment"])
    return {
        "title": title,
        "experiments": {
            result.name: {
                "layer_parameters": result.scores["layer_parameters"],
                "diverged": result.diverged,
                "timing_warnings": result.timing_warnings,
            }
            for result in found
        },
        "data": {result.view: result.scores["data"] for result in found},
        "environments": environments,
    }
