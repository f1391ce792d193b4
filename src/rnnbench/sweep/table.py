"""The table of a sweep: what each combination scores, and which differences are beyond chance."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from rnnbench.data.dataset import DATASETS
from rnnbench.files import write_table, write_text
from rnnbench.layout import MARKDOWN_FILE, TABLE_FILE
from rnnbench.loading import LoadedExperiment, RevisionFiles
from rnnbench.params import Params
from rnnbench.statistics import (
    Difference,
    Estimate,
    adjust_holm,
    compare_means,
    estimate_mean,
    estimate_seed_mean,
    judge,
    subtract_estimates,
)
from rnnbench.sweep.experiments import SWEEPS_FOLDER, read_seeds
from rnnbench.tables import Column, as_text, to_markdown
from rnnbench.tasks.task import SCORE_ARRAY, TASKS

Array = npt.NDArray[np.float64]
BASIS = "other seeds, the same validation examples"
STYLE = ".4f"
SMALL = 0.01  # below it, four digits after the point say little
STYLE_OF_SMALL = ".2e"


@dataclass(frozen=True)
class Row:
    """A combination that is kept.

    Attributes
    ----------
    name : str
        The experiment of DVC.
    commit : str
        Its commit.
    tested : bool
        Whether it was scored on the test split.
    values : mapping
        The value of each key as text.
    params : Params
        The parameters with these values.
    """

    name: str
    commit: str
    tested: bool
    values: Mapping[str, str]
    params: Params


@dataclass(frozen=True)
class Table:
    """What the combinations did to an experiment.

    Attributes
    ----------
    experiment : str
        The experiment.
    content : DataFrame
        One row per combination.
    keys : list of str
        The columns with values of parameters.
    metric : str
        What the validation score is, such as `validation_accuracy`.
    test_metric : str
        What the test score is called.
    notes : list of str
        What limits the comparison.
    """

    experiment: str
    content: pd.DataFrame
    keys: list[str]
    metric: str
    test_metric: str
    notes: list[str]

    @property
    def title(self) -> str:
        """What stands above the table."""
        return f"{self.experiment}: {self.metric.replace('_', ' ')} of the trained model"

    @property
    def shown(self) -> pd.DataFrame:
        """The table as text."""
        known = self.content[["score", "test_score"]].abs().min().min()
        style = STYLE_OF_SMALL if known < SMALL else STYLE
        names = _short(self.keys)
        columns = [
            Column("combination", "combination"),
            *(Column(key, names[key]) for key in self.keys),
            Column("seeds", "seeds"),
            Column("score", "validation score [95 %]", style, ("score_lower", "score_upper")),
            *_difference_columns("", f"difference from {self.content['baseline'].iloc[0]}", style),
            Column(
                "test_score", f"test split: {self.test_metric} [95 %]", style, _ends("test_score")
            ),
            *_difference_columns("test_", "its difference", style),
        ]
        return as_text(self.content, columns)


def _difference_columns(prefix: str, title: str, style: str) -> list[Column]:
    name = f"{prefix}difference"
    return [
        Column(name, f"{title} [95 %]", f"+{style}", _ends(name)),
        Column(f"{prefix}p_holm", "p (Holm)", ".2g"),
        Column(f"{prefix}verdict", "verdict"),
    ]


def _ends(name: str) -> tuple[str, str]:
    return f"{name}_lower", f"{name}_upper"


def _short(keys: Sequence[str]) -> dict[str, str]:
    """Return the last part of each key, or all of it where two have the same."""
    last = {key: key.rpartition(".")[2] for key in keys}
    return {key: key if list(last.values()).count(name) > 1 else name for key, name in last.items()}


def tabulate(
    root: Path, sweep: str, rows: Sequence[Row], experiments: Sequence[str], baseline: str
) -> list[Table]:
    """Compare combinations, one table per experiment.

    Validation scores are means over seeds, compared by Welch's test. If all combinations were
    scored on the test split, those scores stand beside them, with seeds and test examples crossed.
    P-values are adjusted for the number of differences in all tables together (Holm 1979), those of
    test scores apart.

    Parameters
    ----------
    root : Path
        The repository.
    sweep : str
        The sweep's name.
    rows : sequence of Row
        The combinations, at least one.
    experiments : sequence of str
        What was trained with each.
    baseline : str
        The combination that the others are compared with.
    """
    seeds = [read_seeds(root, sweep, row.commit) for row in rows]
    tables = [_tabulate(root, rows, seeds, name, baseline) for name in experiments]
    for prefix in ("", "test_"):
        _adjust(tables, prefix, rows[0].params.margin)
    return tables


def _tabulate(
    root: Path, rows: Sequence[Row], seeds: Sequence[pd.DataFrame], name: str, baseline: str
) -> Table:
    histories = [one[one["experiment"] == name] for one in seeds]
    metric = "validation_loss"
    if all(
        "validation_accuracy" in one and one["validation_accuracy"].notna().any()
        for one in histories
    ):
        metric = "validation_accuracy"
    sign = 1.0 if metric == "validation_accuracy" else -1.0
    scores = [sign * _finite(history[metric]) for history in histories]
    content = pd.DataFrame(
        {
            "experiment": name,
            "combination": [row.name for row in rows],
            "baseline": baseline,
            **{key: [row.values.get(key, "") for row in rows] for key in _keys(rows)},
            "seeds": [
                f"{len(score)} of {len(history)}" if len(score) < len(history) else f"{len(score)}"
                for score, history in zip(scores, histories, strict=True)
            ],
        }
    )
    first = content["combination"].tolist().index(baseline)
    content = content.join(_compared(scores, first, sign, ""))
    test_metric, test_sign, tests = _test_scores(root, rows, name)
    content = content.join(_compared(tests, first, test_sign, "test_"))
    return Table(name, content, _keys(rows), metric, test_metric, _notes(rows, name, scores))


def _keys(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row.values))


def _finite(values: pd.Series) -> Array:
    """Leave out seeds whose training diverged."""
    array = values.to_numpy(dtype=float)
    return np.asarray(array[np.isfinite(array)])


def _test_scores(root: Path, rows: Sequence[Row], name: str) -> tuple[str, float, list[Array]]:
    """Return the test metric, its sign, and the scores of each combination, if all have them.

    Scores have the shape (seeds, examples); higher is better.
    """
    experiment = rows[0].params.experiments[name]
    score = TASKS[DATASETS[rows[0].params.views[experiment.view].dataset].task].score
    sign = 1.0 if score.higher_is_better else -1.0
    if not all(row.tested for row in rows):
        return score.title, sign, [np.empty((0, 0)) for _ in rows]
    found = []
    for row in rows:
        suite = row.params.experiments[name].suite
        loaded = LoadedExperiment(name, suite, RevisionFiles(root, row.commit))
        arrays = [sign * one[SCORE_ARRAY].astype(float) for one in loaded.predictions.values()]
        found.append(np.stack(arrays) if arrays else np.empty((0, 0)))
    return score.title, sign, found


def _compared(scores: Sequence[Array], first: int, sign: float, prefix: str) -> pd.DataFrame:
    """Return the columns of scores, differences from the first and their p-values.

    Scores have higher as better, and the shape (seeds,) or (seeds, examples).
    """
    estimates = [_estimate(score) for score in scores]
    rows = []
    for position, estimate in enumerate(estimates):
        difference = (
            None
            if position == first
            else _difference(scores[position], scores[first], estimate, estimates[first])
        )
        rows.append(
            {
                **_signed(estimate, sign, f"{prefix}score"),
                **_signed(difference, sign, f"{prefix}difference"),
                f"{prefix}p_value": difference.p_value if difference else math.nan,
                f"{prefix}_difference": difference,
            }
        )
    return pd.DataFrame(rows)


def _estimate(scores: Array) -> Estimate | None:
    if not len(scores):
        return None
    return estimate_mean(scores) if scores.ndim > 1 else estimate_seed_mean(scores)


def _difference(
    scores: Array, others: Array, estimate: Estimate | None, other: Estimate | None
) -> Difference | None:
    """Compare two combinations; None if there is nothing that says how far seeds differ."""
    if estimate is None or other is None or min(len(scores), len(others)) < 2:  # noqa: PLR2004
        return None
    if scores.ndim == 1:
        return subtract_estimates(estimate, other, BASIS)
    same_examples = scores.shape[1] == others.shape[1]
    return compare_means(scores, others) if same_examples else None


def _signed(estimate: Estimate | None, sign: float, name: str) -> dict[str, float]:
    """Return an estimate in the unit of the metric; an interval stays within what it can be."""
    if estimate is None:
        return dict.fromkeys((name, *_ends(name)), math.nan)
    lower, upper = sorted((sign * estimate.lower, sign * estimate.upper))
    if name.endswith("score"):  # neither an accuracy nor a loss is negative
        lower, upper = max(lower, 0.0), min(upper, 1.0) if sign > 0 else upper
    return dict(zip((name, *_ends(name)), (sign * estimate.value, lower, upper), strict=True))


def _adjust(tables: Sequence[Table], prefix: str, margin: float) -> None:
    """Add p-values adjusted for all differences of a sweep, and verdicts."""
    raw = pd.concat([table.content[f"{prefix}p_value"] for table in tables]).dropna()
    adjusted = iter(adjust_holm(raw.tolist()).tolist())
    for table in tables:
        differences = table.content.pop(f"{prefix}_difference")
        p_values = [next(adjusted) if one is not None else math.nan for one in differences]
        table.content[f"{prefix}p_holm"] = p_values
        table.content[f"{prefix}verdict"] = [
            "" if one is None else str(judge(one, margin, p))
            for one, p in zip(differences, p_values, strict=True)
        ]


def _notes(rows: Sequence[Row], name: str, scores: Sequence[Array]) -> list[str]:
    notes = []
    if any(len(score) < 2 for score in scores):  # noqa: PLR2004
        notes.append(
            "Combinations with one seed have no interval and no verdict: nothing says how far"
            " another seed would come out from it. Give more with `seeds`."
        )
    views = [row.params.views[row.params.experiments[name].view] for row in rows]
    sets = {
        (
            view.dataset,
            view.train_examples,
            view.validation_fraction,
            row.params.datasets[view.dataset],
        )
        for view, row in zip(views, rows, strict=True)
    }
    if len(sets) > 1:
        notes.append(
            "The values decide which examples are the validation split, so part of a difference may"
            " be that of the examples."
        )
    return notes


def write_tables(root: Path, sweep: str, tables: Sequence[Table], failed: Sequence[str]) -> None:
    """Write the tables of a sweep as CSV and as Markdown into `sweeps/SWEEP/`."""
    folder = root / SWEEPS_FOLDER / sweep
    whole = pd.concat([table.content for table in tables])
    write_table(folder / TABLE_FILE, whole.dropna(axis="columns", how="all"))
    parts = [f"# Sweep {sweep}\n", *(f"{line}\n" for line in summary(tables, failed))]
    for table in tables:
        parts += [f"## {table.title}\n", to_markdown(table.shown)]
        parts += [f"{note}\n" for note in table.notes]
    write_text(folder / MARKDOWN_FILE, "\n".join(parts))


def summary(tables: Sequence[Table], failed: Sequence[str]) -> list[str]:
    """Say what the tables show, and what they do not."""
    lines = []
    for table in tables:
        scores = table.content["score"]
        if scores.notna().any():
            higher_is_better = table.metric == "validation_accuracy"
            best = int(scores.argmax() if higher_is_better else scores.argmin())
            name = table.content["combination"].iloc[best]
            lines.append(f"{table.experiment}: best mean of {name}.")
    differences = pd.concat([table.content["p_holm"] for table in tables]).dropna()
    verdicts = pd.concat([table.content["verdict"] for table in tables])
    beyond = int(verdicts.isin(["better", "worse"]).sum())
    if len(differences):
        first = tables[0].content["baseline"].iloc[0]
        lines.append(
            f"{beyond} of {len(differences)} differences from {first} are beyond chance, by"
            " p-values adjusted for their number (Holm). Intervals cover other seeds, not other"
            " validation examples, and are not adjusted."
        )
    lines.append(
        "These are scores on the validation split. The best of many is higher than it would be on"
        " new examples; the test split has not chosen it, and says how good it is."
    )
    if failed:
        lines.append(f"Failed, and not in the table: {', '.join(failed)}.")
    return lines
