"""The table of a sweep: the score of each combination, and the differences beyond chance."""

import math
from collections.abc import Iterable, Mapping, Sequence
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

DROPPED_FILE = "dropped.csv"
Array = npt.NDArray[np.float64]
BASIS = "other seeds, the same validation examples"
STYLE = ".4f"
SMALL = 0.01  # smaller scores are written with an exponent
STYLE_OF_SMALL = ".2e"


@dataclass(frozen=True)
class Row:
    """A combination that is saved as an experiment of DVC.

    Attributes
    ----------
    name : str
        The name of the experiment.
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
    """The scores of an experiment with each combination.

    Attributes
    ----------
    experiment : str
        The experiment.
    content : DataFrame
        One row per combination.
    keys : list of str
        The columns with values of parameters.
    metric : str
        The validation metric: `validation_accuracy` or `validation_loss`.
    test_metric : str
        The title of the test score.
    notes : list of str
        Sentences on limits of the comparison.
    """

    experiment: str
    content: pd.DataFrame
    keys: list[str]
    metric: str
    test_metric: str
    notes: list[str]

    @property
    def title(self) -> str:
        """The heading of the table."""
        return f"{self.experiment}: {self.metric.replace('_', ' ')} of the trained model"

    @property
    def shown(self) -> pd.DataFrame:
        """The table as text."""
        style = _style(self.content[["score", "test_score"]])
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


@dataclass(frozen=True)
class Dropped:
    """The combinations that successive halving dropped.

    Attributes
    ----------
    content : DataFrame
        One row per combination and experiment: `combination`, a column for each key, the `rung`
        after which it was dropped, `experiment`, `epochs`, `metric` and `score`.
    keys : list of str
        The columns with values of parameters.
    """

    content: pd.DataFrame
    keys: list[str]

    title = "Dropped before the last rung"

    @property
    def shown(self) -> pd.DataFrame:
        """The table as text."""
        names = _short(self.keys)
        columns = [
            Column("combination", "combination"),
            *(Column(key, names[key]) for key in self.keys),
            Column("rung", "rung", "d"),
            Column("epochs", "epochs trained", "d"),
            Column("experiment", "experiment"),
            Column("metric", "metric"),
            Column("score", "validation score", _style(self.content[["score"]])),
        ]
        spelled = self.content["metric"].str.replace("_", " ")
        return as_text(self.content.assign(metric=spelled), columns)


def _style(scores: pd.DataFrame) -> str:
    """Return how the scores of a table are written."""
    return STYLE_OF_SMALL if scores.abs().min().min() < SMALL else STYLE


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
    root: Path,
    sweep: str,
    rows: Sequence[Row],
    experiments: Sequence[str],
    baseline: str,
    dropped: Dropped | None = None,
) -> list[Table]:
    """Compare combinations, one table per experiment.

    Validation scores are means over seeds, compared by Welch's test. If all combinations were
    scored on the test split, those scores stand beside them, with seeds and test examples crossed.
    P-values are adjusted for the number of differences in all tables together (Holm 1979), those of
    test scores apart. Each dropped combination counts as a difference with the p-value 1: scores
    have selected which differences remain, and an adjustment for these alone would be too weak.

    Parameters
    ----------
    root : Path
        The repository.
    sweep : str
        The sweep's name.
    rows : sequence of Row
        The combinations, at least one.
    experiments : sequence of str
        The experiments that were trained with each.
    baseline : str
        The combination that the others are compared with.
    dropped : Dropped or None
        The combinations that successive halving dropped.
    """
    seeds = [read_seeds(root, sweep, row.commit) for row in rows]
    tables = [_tabulate(root, rows, seeds, name, baseline) for name in experiments]
    for prefix in ("", "test_"):
        _adjust(
            tables, prefix, rows[0].params.margin, 0 if dropped is None else len(dropped.content)
        )
    return tables


def _tabulate(
    root: Path, rows: Sequence[Row], seeds: Sequence[pd.DataFrame], name: str, baseline: str
) -> Table:
    histories = [one[one["experiment"] == name] for one in seeds]
    metric = validation_metric(histories)
    sign = 1.0 if higher_is_better(metric) else -1.0
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


def validation_metric(histories: Iterable[pd.DataFrame]) -> str:
    """Return the metric of an experiment by which combinations are compared.

    It is the accuracy if all combinations have it, else the loss. `histories` has one table per
    combination, with one row per seed.
    """
    accuracy = "validation_accuracy"
    measured = all(accuracy in one and one[accuracy].notna().any() for one in histories)
    return accuracy if measured else "validation_loss"


def higher_is_better(metric: str) -> bool:
    """Whether a higher value of a validation metric is better."""
    return metric == "validation_accuracy"


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
    """Compare two combinations; None if one has fewer than two seeds."""
    if estimate is None or other is None or min(len(scores), len(others)) < 2:  # noqa: PLR2004
        return None
    if scores.ndim == 1:
        return subtract_estimates(estimate, other, BASIS)
    same_examples = scores.shape[1] == others.shape[1]
    return compare_means(scores, others) if same_examples else None


def _signed(estimate: Estimate | None, sign: float, name: str) -> dict[str, float]:
    """Return an estimate in the unit of the metric, its interval cut to the metric's range."""
    if estimate is None:
        return dict.fromkeys((name, *_ends(name)), math.nan)
    lower, upper = sorted((sign * estimate.lower, sign * estimate.upper))
    if name.endswith("score"):  # neither an accuracy nor a loss is negative
        lower, upper = max(lower, 0.0), min(upper, 1.0) if sign > 0 else upper
    return dict(zip((name, *_ends(name)), (sign * estimate.value, lower, upper), strict=True))


def _adjust(tables: Sequence[Table], prefix: str, margin: float, dropped: int) -> None:
    """Add p-values adjusted for all differences of a sweep, dropped ones included, and verdicts."""
    raw = pd.concat([table.content[f"{prefix}p_value"] for table in tables]).dropna()
    adjusted = iter(adjust_holm([*raw, *[1.0] * dropped]).tolist())
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
            "Combinations with one seed have no interval and no verdict, because the variation"
            " between seeds is unknown. Set more with `seeds`."
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


def write_tables(
    root: Path,
    sweep: str,
    tables: Sequence[Table],
    failed: Sequence[str],
    dropped: Dropped | None = None,
) -> None:
    """Write the tables of a sweep as CSV and as Markdown into `sweeps/SWEEP/`."""
    folder = root / SWEEPS_FOLDER / sweep
    whole = pd.concat([table.content for table in tables])
    write_table(folder / TABLE_FILE, whole.dropna(axis="columns", how="all"))
    parts = [f"# Sweep {sweep}\n", *(f"{line}\n" for line in summary(tables, failed, dropped))]
    for table in tables:
        parts += [f"## {table.title}\n", to_markdown(table.shown)]
        parts += [f"{note}\n" for note in table.notes]
    if dropped is None:
        (folder / DROPPED_FILE).unlink(missing_ok=True)  # of an earlier run of the sweep
    else:
        write_table(folder / DROPPED_FILE, dropped.content)
        parts += [f"## {dropped.title}\n", to_markdown(dropped.shown)]
    write_text(folder / MARKDOWN_FILE, "\n".join(parts))


def summary(
    tables: Sequence[Table], failed: Sequence[str], dropped: Dropped | None = None
) -> list[str]:
    """Return sentences on what the tables show, and on what they do not show."""
    lines = []
    for table in tables:
        scores = table.content["score"]
        if scores.notna().any():
            best = int(scores.argmax() if higher_is_better(table.metric) else scores.argmin())
            name = table.content["combination"].iloc[best]
            lines.append(f"{table.experiment}: best mean of {name}.")
    differences = pd.concat([table.content["p_holm"] for table in tables]).dropna()
    verdicts = pd.concat([table.content["verdict"] for table in tables])
    beyond = int(verdicts.isin(["better", "worse"]).sum())
    if len(differences):
        first = tables[0].content["baseline"].iloc[0]
        number = "their number" if dropped is None else "their number and that of the dropped ones"
        lines.append(
            f"{beyond} of {len(differences)} differences from {first} are beyond chance, by"
            f" p-values adjusted for {number} (Holm). Intervals cover other seeds, not other"
            " validation examples, and are not adjusted."
        )
    lines.append(
        "These are scores on the validation split. The best of many is higher than it would be on"
        " new examples; the test split has not chosen it, and says how good it is."
    )
    if failed:
        lines.append(f"Failed, and not in the table: {', '.join(failed)}.")
    return lines
