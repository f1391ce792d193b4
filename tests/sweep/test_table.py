"""The table of a sweep: intervals, differences and verdicts from what commits hold."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from rnnbench.params import Params
from rnnbench.sweep.table import Dropped, Row, Table, summary, tabulate, write_tables

GIT = ("git", "-c", "user.name=Test", "-c", "user.email=test@example.org")
COPYING, ADDING = "copying-5-lstm", "adding-20-lstm"
# Of each combination, the validation metric of each seed.
ACCURACIES = {"s-1": [0.5, 0.52, 0.54], "s-2": [0.7, 0.72, 0.74], "s-3": [0.51, 0.53, np.nan]}
LOSSES = {"s-1": [0.05, 0.06, 0.07], "s-2": [0.2, 0.21, 0.22], "s-3": [0.05, 0.055, 0.08]}


def tables_of(
    root: Path,
    params: Params,
    *scores: tuple[str, str, Mapping[str, Sequence[float]]],
    of_last: Params | None = None,
) -> list[Table]:
    """Commit the seeds of combinations, and tabulate them."""
    subprocess.run([*GIT, "init", "--quiet"], cwd=root, check=True)
    names = list(scores[0][2])
    rows = []
    for name in names:
        seeds = pd.concat(
            pd.DataFrame({"experiment": experiment, "seed": range(len(of[name])), metric: of[name]})
            for experiment, metric, of in scores
        )
        (root / "sweeps" / "s").mkdir(parents=True, exist_ok=True)
        seeds.to_csv(root / "sweeps" / "s" / "seeds.csv", index=False)
        subprocess.run([*GIT, "add", "--all"], cwd=root, check=True)
        subprocess.run([*GIT, "commit", "--quiet", "--message", name], cwd=root, check=True)
        commit = subprocess.check_output([*GIT, "rev-parse", "HEAD"], cwd=root, text=True).strip()
        those = of_last if of_last and name == names[-1] else params
        rows.append(Row(name, commit, False, {"a.rate": name[-1]}, those))
    return tabulate(root, "s", rows, [experiment for experiment, _, _ in scores], names[0])


def test_differences_are_tested_by_welch_and_adjusted_for_all_in_the_sweep(
    tmp_path: Path, params: Params
) -> None:
    accuracy = (COPYING, "validation_accuracy", ACCURACIES)
    loss = (ADDING, "validation_loss", LOSSES)
    copying, adding = (one.content for one in tables_of(tmp_path, params, accuracy, loss))
    finite = {name: [x for x in values if np.isfinite(x)] for name, values in ACCURACIES.items()}
    pairs = [(finite[name], finite["s-1"]) for name in ("s-2", "s-3")]
    pairs += [(LOSSES[name], LOSSES["s-1"]) for name in ("s-2", "s-3")]
    p_values = [stats.ttest_ind(*pair, equal_var=False).pvalue for pair in pairs]
    found = pd.concat([copying, adding])
    assert found["p_value"].dropna().tolist() == pytest.approx(p_values)
    assert found["p_holm"].dropna().tolist() == pytest.approx(
        multipletests(p_values, method="holm")[1]
    )
    assert copying["verdict"].tolist() == ["", "better", "undecided"]
    assert adding["verdict"].tolist() == ["", "worse", "undecided"]
    assert copying["seeds"].tolist() == ["3", "3", "2 of 3"]
    interval = stats.t.interval(0.95, 2, 0.52, stats.sem(ACCURACIES["s-1"]))
    ends = copying[["score_lower", "score_upper"]].to_numpy(dtype=float)[0]
    assert ends == pytest.approx(interval)
    lower, upper = adding[["difference_lower", "difference_upper"]].to_numpy(dtype=float)[1]
    assert lower < 0.15 < upper


def test_an_interval_stays_within_what_a_metric_can_be(tmp_path: Path, params: Params) -> None:
    accuracy = (COPYING, "validation_accuracy", {"s-1": [0.9, 1.0], "s-2": [0.99, 1.0]})
    loss = (ADDING, "validation_loss", {"s-1": [0.0, 0.1], "s-2": [0.0, 9.0]})
    copying, adding = (one.content for one in tables_of(tmp_path, params, accuracy, loss))
    assert copying["score_upper"].tolist() == [1.0, 1.0]
    assert adding["score_lower"].tolist() == [0.0, 0.0]
    assert adding["score_upper"][1] > 9.0


def test_one_seed_has_no_interval_and_no_verdict(tmp_path: Path, params: Params) -> None:
    (table,) = tables_of(
        tmp_path, params, (ADDING, "validation_loss", {"s-1": [0.1], "s-2": [0.2]})
    )
    assert table.content["score"].tolist() == [0.1, 0.2]
    assert table.content[["score_lower", "difference", "p_holm"]].isna().all().all()
    assert table.content["verdict"].tolist() == ["", ""]
    assert any("one seed have no interval" in note for note in table.notes)
    assert not any("beyond chance" in line for line in summary([table], []))


def test_a_combination_without_any_finite_seed_stands_in_the_table(
    tmp_path: Path, params: Params
) -> None:
    losses = {"s-1": [0.1, 0.2], "s-2": [np.nan, np.inf]}
    (table,) = tables_of(tmp_path, params, (ADDING, "validation_loss", losses))
    assert table.content["seeds"].tolist() == ["2", "0 of 2"]
    assert "best mean of s-1" in summary([table], [])[0]


def test_values_that_change_the_validation_examples_are_named(
    tmp_path: Path, params: Params, changed: Callable[..., Params]
) -> None:
    other = changed("views", "adding-20", validation_fraction=0.2)
    losses = {"s-1": [0.1, 0.2], "s-2": [0.1, 0.3]}
    (table,) = tables_of(tmp_path, params, (ADDING, "validation_loss", losses), of_last=other)
    assert any("which examples are the validation split" in note for note in table.notes)


def test_tables_are_written_as_csv_and_as_markdown(tmp_path: Path, params: Params) -> None:
    tables = tables_of(tmp_path, params, (COPYING, "validation_accuracy", ACCURACIES))
    write_tables(tmp_path, "s", tables, ["s-4"])
    written = pd.read_csv(tmp_path / "sweeps/s/table.csv")
    assert written["score"].tolist() == pytest.approx([0.52, 0.72, 0.52])
    assert written["a.rate"].tolist() == [1, 2, 3]
    page = (tmp_path / "sweeps/s/table.md").read_text()
    assert "| s-2 | 2 | 3 | 0.7200 [0.6703, 0.7697] | +0.2000 [" in page
    assert "1 of 2 differences from s-1 are beyond chance" in page
    assert "Failed, and not in the table: s-4." in page


def test_dropped_combinations_are_written_and_those_of_an_earlier_run_are_removed(
    tmp_path: Path, params: Params
) -> None:
    tables = tables_of(tmp_path, params, (ADDING, "validation_loss", LOSSES))
    row = {"combination": "s-4", "a.rate": "4", "rung": 1, "epochs": 2, "experiment": ADDING}
    content = pd.DataFrame([{**row, "metric": "validation_loss", "score": np.nan}])
    write_tables(tmp_path, "s", tables, [], Dropped(content, ["a.rate"]))
    page = (tmp_path / "sweeps/s/table.md").read_text()
    assert "| s-4 | 4 | 1 | 2 | adding-20-lstm | validation loss |" in page
    assert "adjusted for their number and that of the dropped ones" in page
    assert pd.read_csv(tmp_path / "sweeps/s/dropped.csv")["combination"].tolist() == ["s-4"]
    write_tables(tmp_path, "s", tables, [])
    assert not (tmp_path / "sweeps/s/dropped.csv").exists()
    assert "ropped" not in (tmp_path / "sweeps/s/table.md").read_text()
