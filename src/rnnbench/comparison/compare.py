"""Comparing the experiments of a suite."""

from itertools import zip_longest
from pathlib import Path
from typing import Any

import pandas as pd

from rnnbench.comparison.evidence import write_evidence
from rnnbench.comparison.figures import draw_comparison
from rnnbench.comparison.literature import SuiteLiterature
from rnnbench.comparison.pairs import (
    by_view,
    find_ranks,
    summarise_power,
    tabulate_against_baselines,
    tabulate_baselines,
    tabulate_pairs,
)
from rnnbench.comparison.results import Results, read_baselines, read_results, why_not_run
from rnnbench.comparison.table import readable_tables, tabulate, tabulate_curves
from rnnbench.errors import RnnbenchError
from rnnbench.figures import save_figure
from rnnbench.files import atomic_folder, read_json, write_json, write_text
from rnnbench.layout import (
    AGAINST_BASELINES_FILE,
    BASELINES_FILE,
    COMPARISONS_FOLDER,
    CURVES_FILE,
    FIGURE_FILE,
    MARKDOWN_FILE,
    MEMBERS_FOLDER,
    PAIRS_FILE,
    RESULTS_FOLDER,
    SUMMARY_FILE,
    TABLE_FILE,
    seed_of,
)
from rnnbench.params import Suite, Target
from rnnbench.tables import to_markdown

CURVE_DIGITS = "%.4g"  # as many as the page shows
DIFFERENCE_DIGITS = "%.6g"


def compare(
    suite: str,
    facts: Suite,
    literature: SuiteLiterature,
    margin: float,
    results: Path = RESULTS_FOLDER,
    comparisons: Path = COMPARISONS_FOLDER,
) -> Path:
    """Write the comparison of a suite, which the report and the README show.

    Parameters
    ----------
    suite : str
        Its name.
    facts : Suite
        Its title and target, from `params.yaml`.
    literature : SuiteLiterature
        The results reported for its experiments.
    margin : float
        The largest difference of scores without practical importance, from `params.yaml`.
    results, comparisons : Path
        The folder of the results and the lists of members, and the folder for the folder SUITE.

    Returns
    -------
    Path
        The folder: `table.csv` with every number and `table.md` for readers, `pairs.csv` with the
        differences of every two experiments, `baselines.csv`, `against_baselines.csv` with the
        differences from them, `curves.csv` with a metric of each epoch, `summary.json` with facts
        about layers, data, machines and what more seeds would decide, and figures. An experiment
        without results is listed as not run.

    Raises
    ------
    RnnbenchError
        If the target is met without learning anything, by the task's own baseline.
    """
    members = read_json(results / MEMBERS_FOLDER.name / f"{suite}.json")
    found = read_results(members, suite, results)
    _require_target_is_not_met(suite, facts.target, found)
    fitted = read_baselines(by_view(found), results)
    pairs, baselines = tabulate_pairs(found, margin), tabulate_baselines(found, fitted)
    missing = {name: why_not_run(results / suite / name) for name, one in found.items() if not one}
    table = tabulate(found, literature, find_ranks(found, pairs), facts.target, missing)
    curves, power = tabulate_curves(found), summarise_power(found, pairs)
    with atomic_folder(comparisons / suite) as folder:
        table.to_csv(folder / TABLE_FILE, index=False)
        write_text(folder / MARKDOWN_FILE, _markdown(table, baselines, power))
        pairs.to_csv(folder / PAIRS_FILE, index=False, float_format=DIFFERENCE_DIGITS)
        baselines.to_csv(folder / BASELINES_FILE, index=False)
        against = tabulate_against_baselines(found, fitted, margin)
        path = folder / AGAINST_BASELINES_FILE
        against.to_csv(path, index=False, float_format=DIFFERENCE_DIGITS)
        curves.to_csv(folder / CURVES_FILE, index=False, float_format=CURVE_DIGITS)
        write_json(folder / SUMMARY_FILE, {**_summary(facts.title, margin, found), "power": power})
        save_figure(draw_comparison(table, baselines), folder / FIGURE_FILE)
        write_evidence(filter(None, found.values()), curves, folder)
    return comparisons / suite


def _require_target_is_not_met(suite: str, target: Target | None, results: Results) -> None:
    if target is None:
        return
    metric = target.metric.removeprefix("validation_")
    for view, (result, *_) in by_view(results).items():
        name = result.task.baseline_name
        value = result.metrics().get(f"{name}_{metric}")
        if value is not None and target.is_reached_by(value):
            raise RnnbenchError(
                f"suites.{suite}.target in params.yaml is {target}, which the baseline"
                f" {name.replace('_', ' ')} meets without learning: on the test split of {view} its"
                f" {metric} is {value:.4g}; choose a harder value, or leave the target out"
            )


def _markdown(
    table: pd.DataFrame, baselines: pd.DataFrame, power: dict[str, dict[str, Any]]
) -> str:
    """Return a table for each view, and below it a text on what more seeds would decide."""
    views = table.get("view", pd.Series(dtype=str)).dropna().unique()
    shown = readable_tables(table, baselines=baselines)
    parts = []
    for part, view in zip_longest(shown, views):
        text = power.get(view, {}).get("text", "")
        parts.append(to_markdown(part) + (f"\n{text}\n" if text else ""))
    return "\n".join(parts)


def _summary(title: str, margin: float, results: Results) -> dict[str, Any]:
    """Return the facts that are not in the table: layers, warnings, data and machines."""
    found = [result for result in results.values() if result]
    environments: list[dict[str, Any]] = []
    for environment in [
        part.get("environment") for one in found for part in (one.scores, one.times)
    ]:
        if environment and environment not in environments:
            environments.append(environment)
    return {
        "title": title,
        "margin": margin,
        "experiments": {
            result.name: {
                "layer_parameters": result.scores["layer_parameters"],
                "seeds": [seed_of(seed) for seed in result.runs],
                "diverged": result.diverged,
                "timing_warnings": result.times.get("timing_warnings", []),
            }
            for result in found
        },
        "data": {result.view: result.scores["data"] for result in found},
        "environments": environments,
    }
