"""A suite's table, differences, curves and figures, from results on disk."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from rnnbench.comparison.figures import draw_comparison, draw_learning_curves
from rnnbench.comparison.findings import read_comparisons
from rnnbench.comparison.literature import Literature
from rnnbench.comparison.results import read_results
from rnnbench.errors import RnnbenchError
from rnnbench.params import Params, Target
from rnnbench.statistics import (
    ALPHA,
    BASIS_OF_MEAN,
    BASIS_OF_SEED_MEAN,
    adjust_holm,
    compare_means,
    estimate_seed_mean,
    seeds_needed,
)
from tests.comparison.made_up import (
    ENVIRONMENT,
    EXAMPLES,
    compare_all,
    measured,
    shares,
    write_baselines,
    write_result,
)

# On one view: two equal models, one that is worse, and one that may be anywhere.
RIGHT = {
    "random-simple-rnn": shares(0.50, 0.51),
    "random-stacked-simple-rnn": shares(0.45, 0.75),
    "random-lstm": shares(0.70, 0.71),
    "random-gru": shares(0.70, 0.71),
}


def compare(params: Params, literature: Literature, folder: Path, suite: str) -> pd.DataFrame:
    """Compare one suite and return its table by experiment."""
    compare_all(params, literature, folder, suite)
    return pd.read_csv(folder / "comparisons" / suite / "table.csv").set_index("experiment")


def test_rows_are_means_over_seeds_beside_what_is_reported(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    times = measured(stock=20.0, compiled=8.0)
    write_result(params, tmp_path / "results", "mnist-lstm", shares(0.98, 0.96), times)
    row = compare(params, literature, tmp_path, "digit-rows").loc["mnist-lstm"]
    assert row["accuracy"] == pytest.approx(0.97)
    assert row["accuracy_std"] == pytest.approx(0.02 / 2**0.5)
    assert (row["lowest_accuracy"], row["highest_accuracy"]) == (0.96, 0.98)
    assert row["score_lower"] < 0.97 < row["score_upper"]
    assert row["reported_accuracy"] == 0.9880
    assert (row["stock_milliseconds"], row["compiled_milliseconds"]) == (20.0, 8.0)
    assert (row["stock_milliseconds_lower"], row["stock_milliseconds_upper"]) == (18.0, 24.0)
    assert row["stock_epoch_seconds"] == pytest.approx(16 * 0.020)
    assert (row["speedup"], row["compiled_compile_seconds"]) == (2.5, 8.0)
    assert row["training_seconds"] == 12.0
    assert (row["parameters"], row["multiply_adds"]) == (1_010, 5_000)
    assert row["training_loss"] == pytest.approx(0.3)
    assert row["validation_loss"] == pytest.approx(0.4)


def test_an_experiment_without_results_stands_as_not_run(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    write_result(params, tmp_path / "results", "mnist-lstm", shares(0.98, 0.96))
    table = compare(params, literature, tmp_path, "digit-rows")
    assert dict(table["status"].value_counts()) == {"not run": len(table) - 1, "evaluated": 1}
    written = (tmp_path / "comparisons" / "digit-rows" / "table.md").read_text()
    assert "| mnist-gru (not run) | - | - | - | 0.9900 |" in written
    ends = f"{table['score_lower']['mnist-lstm']:.4f}, {table['score_upper']['mnist-lstm']:.4f}"
    assert f"| mnist-lstm | 1 | 1,010 | 0.9700 [{ends}] | 0.9880 | -0.0180 |" in written
    assert "| majority class (baseline) | - | - | 0.1000 | - |" in written


def test_a_seed_that_diverged_is_counted_and_not_averaged(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    write_result(params, tmp_path / "results", "mnist-lstm", shares(0.98, 0.96), diverged=1)
    row = compare(params, literature, tmp_path, "digit-rows").loc["mnist-lstm"]
    assert (row["status"], row["seeds"]) == ("2 of 3 seeds", 2)
    assert row["accuracy"] == pytest.approx(0.97)
    folder = tmp_path / "comparisons" / "digit-rows"
    assert "| mnist-lstm (2 of 3 seeds) |" in (folder / "table.md").read_text()
    summary = json.loads((folder / "summary.json").read_text())
    facts = summary["experiments"]["mnist-lstm"]
    assert facts["diverged"] == {"seed-44": "the loss is not finite in epoch 2"}
    assert facts["seeds"] == [42, 43]
    assert row["reason"] == "seed-44 has no scores: the loss is not finite in epoch 2"


def test_an_experiment_whose_seeds_all_diverged_has_a_row_without_scores(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    none = np.zeros((0, EXAMPLES), dtype=bool)
    write_result(params, tmp_path / "results", "mnist-lstm", none, diverged=2)
    table = compare(params, literature, tmp_path, "digit-rows")
    assert table.loc["mnist-lstm", "status"] == "0 of 2 seeds"
    assert "accuracy" not in table


@pytest.mark.parametrize("missing", ["history.csv", "evaluation/scores.json"])
def test_what_outlived_a_failed_training_is_not_shown(
    missing: str, params: Params, literature: Literature, tmp_path: Path
) -> None:
    (write_result(params, tmp_path / "results", "mnist-lstm") / missing).unlink()
    table = compare(params, literature, tmp_path, "digit-rows")
    assert set(table["status"]) == {"not run"}
    why = {
        "history.csv": "training left no history",
        "evaluation/scores.json": "evaluation left no scores",
    }
    assert why[missing] in table["reason"]["mnist-lstm"]
    assert why[missing] in (tmp_path / "comparisons" / "digit-rows" / "table.md").read_text()


def test_every_two_experiments_on_one_view_are_compared(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    right = {"random-lstm": shares(0.6, 0.7), "random-gru": shares(0.5, 0.5)}
    right["random-time-distributed-lstm"] = shares(0.5)  # on a view of its own
    for name, rows in right.items():
        write_result(params, tmp_path / "results", name, rows)
    compare(params, literature, tmp_path, "random-labels")
    pairs = pd.read_csv(tmp_path / "comparisons" / "random-labels" / "pairs.csv")
    assert pairs[["first", "second"]].to_numpy().tolist() == [["random-lstm", "random-gru"]]
    expected = compare_means(right["random-lstm"], right["random-gru"])
    found = pairs.iloc[0]
    assert found["score"] == "accuracy"
    assert found["value"] == pytest.approx(0.15)
    for name in ("standard_error", "degrees_of_freedom", "lower", "upper", "p_value"):
        assert found[name] == pytest.approx(getattr(expected, name), rel=1e-5)
    assert found["adjusted_p_value"] == found["p_value"], "the only pair of its view"


def test_views_of_the_same_texts_are_compared_and_views_of_other_examples_are_not(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    at_start, at_end = "practice-imdb-gru", "practice-imdb-gru-end"
    write_result(params, tmp_path / "results", at_start, shares(0.86, 0.87))
    write_result(params, tmp_path / "results", at_end, shares(0.70, 0.71))
    write_result(params, tmp_path / "results", "adding-20-gru")
    write_result(params, tmp_path / "results", "adding-50-gru")
    comparisons = compare_all(params, literature, tmp_path, "practice-imdb", "adding")
    (pair,) = pd.read_csv(comparisons / "practice-imdb" / "pairs.csv").to_dict("records")
    assert (pair["first"], pair["second"], pair["verdict"]) == (at_start, at_end, "better")
    assert pd.read_csv(comparisons / "adding" / "pairs.csv").empty
    # Ranks are those of a table, which has the rows of one view.
    table = pd.read_csv(comparisons / "practice-imdb" / "table.csv").set_index("experiment")
    ranks = table[["rank_best", "rank_worst"]].dropna().to_numpy()
    np.testing.assert_array_equal(ranks, np.ones((2, 2)))


def test_a_lower_loss_is_a_positive_difference(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    errors = np.random.default_rng(0).exponential(size=(2, EXAMPLES))
    for name, factor in (("adding-20-lstm", 1.0), ("adding-20-gru", 3.0)):
        write_result(params, tmp_path / "results", name, factor * errors)
    compare(params, literature, tmp_path, "adding")
    pair = pd.read_csv(tmp_path / "comparisons" / "adding" / "pairs.csv").iloc[0]
    assert (pair["first"], pair["second"]) == ("adding-20-lstm", "adding-20-gru")
    assert pair["value"] == pytest.approx(2 * errors.mean(), rel=1e-5)


def test_curves_are_means_and_extremes_of_the_seeds_by_epoch(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    folder = write_result(params, tmp_path / "results", "mnist-gru", shares(0.9, 0.9), diverged=1)
    seeds = [(42, 1, 0.5), (42, 2, 0.3), (43, 1, 0.7), (43, 2, 0.2), (44, 1, 1e9)]
    history = pd.DataFrame(seeds, columns=["seed", "epoch", "loss"])
    history.to_csv(folder / "history.csv", index=False)
    compare(params, literature, tmp_path, "digit-rows")
    curves = pd.read_csv(tmp_path / "comparisons" / "digit-rows" / "curves.csv")
    assert curves["experiment"].tolist() == ["mnist-gru"] * 2
    assert curves["loss"].tolist() == pytest.approx([0.6, 0.25])
    assert curves["loss_lowest"].tolist() == [0.5, 0.2]
    assert curves["loss_highest"].tolist() == [0.7, 0.3]


def test_seeds_that_stopped_early_count_the_epochs_that_they_were_trained(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    folder = write_result(params, tmp_path / "results", "mnist-gru", shares(0.9, 0.9), measured())
    seeds = [(42, 1, 0.5, 0), (42, 2, 0.3, 1), (42, 3, 0.4, 0), (43, 1, 0.7, 1), (43, 2, 0.9, 0)]
    history = pd.DataFrame(seeds, columns=["seed", "epoch", "loss", "kept"])
    history.to_csv(folder / "history.csv", index=False)
    write_result(params, tmp_path / "results", "mnist-lstm", shares(0.9, 0.9), measured())
    compare(params, literature, tmp_path, "digit-rows")
    found = {
        one.name: one
        for part in read_comparisons(params, tmp_path / "comparisons")
        for one in part.findings
    }
    stopped, to_the_end = found["mnist-gru"], found["mnist-lstm"]
    assert (stopped.trained_epochs, to_the_end.trained_epochs) == (3 + 2, 2 * 2)
    assert stopped.number("kept_epoch") == 1.5
    assert stopped.number("training_loss") == pytest.approx(0.5)
    epoch_seconds = stopped.number("compiled_epoch_seconds")
    assert stopped.seconds_alone == pytest.approx(5 * epoch_seconds)


def test_a_suite_of_lengths_is_drawn_and_listed_by_length(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    for steps, loss in ((20, 0.001), (50, 0.15)):
        runs = np.full((2, EXAMPLES), loss) * [[1.0], [3.0]]
        name = f"adding-{steps}-simple-rnn"
        write_result(params, tmp_path / "results", name, runs, correct=0.5)
    row = compare(params, literature, tmp_path, "adding").loc["adding-50-simple-rnn"]
    assert (row["lowest_loss"], row["highest_loss"]) == pytest.approx((0.15, 0.45))
    folder = tmp_path / "comparisons" / "adding"
    written = (folder / "table.md").read_text()
    assert "| adding-20-simple-rnn | 1 | 1,010 | 20 | 0.00200 [" in written
    assert "| adding-50-simple-rnn | 1 | 1,010 | 50 | 0.30000 [" in written
    assert written.count("| always one (baseline) |") == 2, "a table for each view"
    drawn = (folder / "comparison.svg").read_text()
    assert "sequence length in steps" in drawn
    assert "always one (baseline)" in drawn


def test_the_same_results_give_the_same_files(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    made = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        write_result(params, folder / "results", "mnist-lstm", shares(0.98, 0.96))
        compare(params, literature, folder, "digit-rows")
        files = sorted((folder / "comparisons" / "digit-rows").iterdir())
        made.append({path.name: path.read_bytes() for path in files})
    assert made[0] == made[1]
    assert {"comparison.svg", "learning_curves.svg", "confusion_matrices.svg"} <= set(made[0])


def test_a_matrix_of_too_many_classes_is_not_drawn_small(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    folder = write_result(params, tmp_path / "results", "reuters-gru")
    names = [f"topic {number}" for number in range(46)]
    pairs = [(actual, predicted, 1) for actual in names for predicted in names]
    table = pd.DataFrame(pairs, columns=["actual", "predicted", "count"])
    table.to_csv(folder / "confusion_matrix.csv", index=False)
    compare(params, literature, tmp_path, "reuters")
    folder = tmp_path / "comparisons" / "reuters"
    assert {path.name for path in folder.glob("*.svg")} == {
        "comparison.svg",
        "learning_curves.svg",
    }
    listed = pd.read_csv(folder / "confusions.csv")
    assert len(listed) == 5
    assert (listed["actual"] != listed["predicted"]).all()
    assert listed["share"].tolist() == pytest.approx([1 / 46] * 5, rel=1e-3)


def test_a_task_without_confusions_has_no_matrix(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    folder = write_result(params, tmp_path / "results", "mnist-gru")
    (folder / "confusion_matrix.csv").write_text("actual,predicted,count\n")
    compare(params, literature, tmp_path, "digit-rows")
    assert not (tmp_path / "comparisons" / "digit-rows" / "confusion_matrices.svg").exists()


def test_a_suite_that_the_literature_does_not_know_is_compared(
    params: Params, tmp_path: Path
) -> None:
    write_result(params, tmp_path / "results", "mnist-lstm")
    table = compare(params, Literature(), tmp_path, "digit-rows")
    assert not [column for column in table if "reported" in str(column)]


def read(folder: Path, suite: str, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "comparisons" / suite / name)


def read_summary(folder: Path, suite: str) -> dict[str, Any]:
    path = folder / "comparisons" / suite / "summary.json"
    summary: dict[str, Any] = json.loads(path.read_text())
    return summary


def labels_of(drawn: Axes | Figure) -> list[str]:
    legend = drawn.legends[0] if isinstance(drawn, Figure) else drawn.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


@pytest.fixture
def four(params: Params, literature: Literature, tmp_path: Path, without_figures: None) -> Path:
    """A folder with the comparison of the models of `RIGHT`."""
    for name, right in RIGHT.items():
        write_result(params, tmp_path / "results", name, right)
    compare_all(params, literature, tmp_path, "random-labels")
    return tmp_path


def test_a_row_has_the_ranks_that_chance_leaves_open(four: Path) -> None:
    table = read(four, "random-labels", "table.csv").set_index("experiment")
    ranks = table[["rank_best", "rank_worst"]].dropna().T.to_dict("list")
    assert ranks == {
        "random-simple-rnn": [3, 4],
        "random-stacked-simple-rnn": [1, 4],
        "random-lstm": [1, 3],
        "random-gru": [1, 3],
    }
    written = (four / "comparisons" / "random-labels" / "table.md").read_text()
    assert "| random-lstm | 1\N{EN DASH}3 |" in written


def test_a_pair_says_how_many_seeds_would_settle_it_at_the_level_of_all_pairs(four: Path) -> None:
    pairs = read(four, "random-labels", "pairs.csv").set_index(["first", "second"])
    first, second = "random-simple-rnn", "random-stacked-simple-rnn"
    distinct = 3  # of the six, as LSTM and GRU have the same runs
    expected = seeds_needed(RIGHT[first], RIGHT[second], alpha=ALPHA / distinct)
    assert expected != seeds_needed(RIGHT[first], RIGHT[second])
    assert pairs["seeds_needed"][first, second] == expected
    assert np.isnan(pairs["seeds_needed"]["random-lstm", "random-gru"]), "they are equal"


def test_experiments_with_the_same_runs_count_once_for_chance(
    four: Path,
) -> None:
    pairs = read(four, "random-labels", "pairs.csv").set_index(["first", "second"])
    others = ["random-simple-rnn", "random-stacked-simple-rnn"]
    for gated in ("random-lstm", "random-gru"):
        tested = pairs.loc[[tuple(others), *((other, gated) for other in others)]]
        expected = adjust_holm(tested["p_value"].tolist())
        assert tested["adjusted_p_value"].tolist() == pytest.approx(expected, rel=1e-3)


def test_the_undecided_pair_closest_to_a_decision_is_named(four: Path) -> None:
    power = read_summary(four, "random-labels")["power"]["random-labels-10x1"]
    pairs = read(four, "random-labels", "pairs.csv")
    closest = pairs[pairs["verdict"] == "undecided"].sort_values("p_value").iloc[0]
    first, second = closest["first"], closest["second"]
    assert power["closest_undecided"] == [first, second]
    assert power["seeds_needed"] == closest["seeds_needed"]
    # Of answers that are right or wrong, 2.80 times the root of the share that differs.
    share = closest["share_differing"]
    visible = power["smallest_visible_difference"]
    assert visible == pytest.approx(2.80 * (share / EXAMPLES) ** 0.5, rel=1e-3)
    assert power["text"].startswith(f"Of the undecided pairs, {first} and {second} are the closest")
    assert power["text"] in (four / "comparisons" / "random-labels" / "table.md").read_text()


def test_where_every_pair_is_decided_nothing_more_is_needed(
    params: Params, literature: Literature, tmp_path: Path, without_figures: None
) -> None:
    for name in ("random-simple-rnn", "random-lstm"):
        write_result(params, tmp_path / "results", name, RIGHT[name])
    compare(params, literature, tmp_path, "random-labels")
    power = read_summary(tmp_path, "random-labels")["power"]["random-labels-10x1"]
    assert (power["closest_undecided"], power["seeds_needed"]) == (None, None)
    assert power["text"].startswith("Every pair is decided.")


def test_p_values_are_adjusted_for_the_pairs_of_their_view_alone(
    params: Params, literature: Literature, tmp_path: Path, without_figures: None
) -> None:
    generator = np.random.default_rng(0)
    for steps in (20, 50):
        for kind in ("simple-rnn", "lstm", "gru"):
            errors = generator.exponential(generator.uniform(1.0, 1.1), size=(2, EXAMPLES))
            write_result(params, tmp_path / "results", f"adding-{steps}-{kind}", errors)
    compare(params, literature, tmp_path, "adding")
    pairs = read(tmp_path, "adding", "pairs.csv")
    assert len(pairs) == 6
    for _, of_view in pairs.groupby(pairs["first"].str[:9]):
        expected = adjust_holm(of_view["p_value"].tolist())
        assert of_view["adjusted_p_value"].to_numpy() == pytest.approx(expected, rel=1e-4)
    by_adjustment = pairs[(pairs["p_value"] < ALPHA) & (pairs["adjusted_p_value"] >= ALPHA)]
    assert by_adjustment["verdict"].tolist() == ["undecided"]


def test_the_margin_decides_what_is_practically_equal(
    four: Path, params: Params, literature: Literature
) -> None:
    assert "practically equal" not in set(read(four, "random-labels", "pairs.csv")["verdict"])
    wide = params.model_copy(update={"margin": 0.1})
    compare(wide, literature, four, "random-labels")
    pairs = read(four, "random-labels", "pairs.csv").set_index(["first", "second"])
    assert pairs["verdict"]["random-lstm", "random-gru"] == "practically equal"
    assert pairs["verdict"]["random-simple-rnn", "random-lstm"] == "worse", "beyond chance"
    assert read_summary(four, "random-labels")["margin"] == 0.1


def test_one_seed_is_marked_and_says_what_its_interval_covers(
    params: Params, literature: Literature, tmp_path: Path, without_figures: None
) -> None:
    for name, right in (("random-lstm", shares(0.6)), ("random-gru", shares(0.6, 0.61))):
        write_result(params, tmp_path / "results", name, right)
    table = compare(params, literature, tmp_path, "random-labels")
    assert table["score_basis"]["random-lstm"] == BASIS_OF_MEAN[False]
    assert table["score_basis"]["random-gru"] == BASIS_OF_MEAN[True]
    assert read(tmp_path, "random-labels", "pairs.csv")["seeds_needed"].isna().all()
    text = read_summary(tmp_path, "random-labels")["power"]["random-labels-10x1"]["text"]
    assert "how many seeds would settle it is not known from a single one" in text
    written = (tmp_path / "comparisons" / "random-labels" / "table.md").read_text()
    assert "| random-lstm (1 seed) |" in written
    assert "| random-gru |" in written


def test_a_score_that_no_example_has_alone_is_known_over_seeds(
    params: Params, literature: Literature, tmp_path: Path, without_figures: None
) -> None:
    for name in ("random-lstm", "random-gru"):
        folder = write_result(params, tmp_path / "results", name, shares(0.6, 0.7))
        for path in (folder / "evaluation" / "predictions").iterdir():
            np.savez(path, probabilities=np.zeros(3))
    row = compare(params, literature, tmp_path, "random-labels").loc["random-lstm"]
    expected = estimate_seed_mean([0.6, 0.7])
    assert (row["score_lower"], row["score_upper"]) == (expected.lower, expected.upper)
    assert row["score_basis"] == BASIS_OF_SEED_MEAN[True]
    assert (row["rank_best"], row["rank_worst"]) == (1, 2)
    assert read(tmp_path, "random-labels", "pairs.csv").empty


def test_a_baseline_above_all_networks_is_ahead_in_every_row(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    for name, right in (("mnist-lstm", shares(0.80, 0.81)), ("mnist-gru", shares(0.70, 0.71))):
        write_result(params, tmp_path / "results", name, right)
    (best,) = shares(0.9)
    write_baselines(tmp_path / "results", "mnist-rows", word_counts=best)
    compare(params, literature, tmp_path, "digit-rows")
    against = read(tmp_path, "digit-rows", "against_baselines.csv").set_index("experiment")
    assert against["value"].to_dict() == pytest.approx({"mnist-lstm": -0.095, "mnist-gru": -0.195})
    assert set(against["verdict"]) == {"worse"}
    assert set(against["baseline"]) == {"word_counts"}
    expected = adjust_holm(against["p_value"].tolist())
    assert against["adjusted_p_value"].to_numpy() == pytest.approx(expected, rel=1e-4)
    found = read(tmp_path, "digit-rows", "baselines.csv").iloc[0]
    assert (found["view"], found["title"], found["score"]) == (
        "mnist-rows",
        "word counts",
        "accuracy",
    )
    assert found["lower"] < found["value"] < found["upper"]
    written = (tmp_path / "comparisons" / "digit-rows" / "table.md").read_text()
    ends = f"{found['lower']:.4f}, {found['upper']:.4f}"
    assert f"| word counts (baseline) | - | - | 0.9000 [{ends}] |" in written


def test_a_baseline_with_a_smaller_error_is_ahead(
    params: Params, literature: Literature, tmp_path: Path, without_figures: None
) -> None:
    errors = np.random.default_rng(0).exponential(size=(3, EXAMPLES))
    for steps in (20, 50):
        write_result(params, tmp_path / "results", f"adding-{steps}-lstm", 2 * errors[:2])
        write_baselines(tmp_path / "results", f"adding-{steps}", linear=steps / 20 * errors[2])
    compare(params, literature, tmp_path, "adding")
    rows = read(tmp_path, "adding", "against_baselines.csv").set_index("experiment")
    ahead = {
        f"adding-{steps}-lstm": steps / 20 * errors[2].mean() - 2 * errors[:2].mean()
        for steps in (20, 50)
    }
    assert rows["value"].to_dict() == pytest.approx(ahead, rel=1e-4), "one baseline for each view"
    assert rows["verdict"].tolist() == ["worse", "better"]


def test_a_baseline_without_the_score_of_the_task_is_listed_with_what_it_has(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    write_result(params, tmp_path / "results", "moving-mnist-conv-lstm")
    write_baselines(tmp_path / "results", "moving-mnist-1k", floor=shares(0.5)[0])
    (tmp_path / "results" / "baselines" / "moving-mnist-1k" / "predictions.npz").unlink()
    compare(params, literature, tmp_path, "moving-mnist")
    found = read(tmp_path, "moving-mnist", "baselines.csv").iloc[0]
    assert np.isnan([found["value"], found["lower"], found["upper"]]).all()
    assert found["loss"] == 0.25
    assert read(tmp_path, "moving-mnist", "against_baselines.csv").empty
    written = (tmp_path / "comparisons" / "moving-mnist" / "table.md").read_text()
    assert "| floor (baseline) | - | - | 0.2500 |" in written


@pytest.mark.parametrize("content", [None, "{}"], ids=["no folder", "an empty file"])
def test_a_view_without_baselines_has_none(
    content: str | None,
    params: Params,
    literature: Literature,
    tmp_path: Path,
    without_figures: None,
) -> None:
    write_result(params, tmp_path / "results", "mnist-lstm")
    if content:
        path = tmp_path / "results" / "baselines" / "mnist-rows" / "scores.json"
        path.parent.mkdir(parents=True)
        path.write_text(content)
    compare(params, literature, tmp_path, "digit-rows")
    assert read(tmp_path, "digit-rows", "baselines.csv").empty
    assert read(tmp_path, "digit-rows", "against_baselines.csv").empty


def test_an_experiment_that_was_not_timed_has_empty_cells(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    write_result(params, tmp_path / "results", "mnist-lstm", times=measured())
    write_result(params, tmp_path / "results", "mnist-gru")
    row = compare(params, literature, tmp_path, "digit-rows").loc["mnist-gru"]
    times = [name for name in row.index if name.startswith(("stock_", "compiled_"))]
    assert len(times) == 10
    assert row[[*times, "speedup", "multiply_adds"]].isna().all()
    assert row["training_seconds"] == 6.0
    written = (tmp_path / "comparisons" / "digit-rows" / "table.md").read_text()
    assert "20.0 [18.0, 24.0]" in next(line for line in written.splitlines() if "lstm" in line)


def test_warnings_and_machines_of_timing_are_kept(
    params: Params, literature: Literature, tmp_path: Path, without_figures: None
) -> None:
    alone = {**ENVIRONMENT, "cores": 64}
    times = measured(timing_warnings=["other programs used 1.0 of 2 cores"], environment=alone)
    write_result(params, tmp_path / "results", "mnist-lstm", times=times)
    compare(params, literature, tmp_path, "digit-rows")
    summary = read_summary(tmp_path, "digit-rows")
    assert summary["experiments"]["mnist-lstm"]["timing_warnings"] == times["timing_warnings"]
    assert summary["environments"] == [ENVIRONMENT, alone]


@pytest.mark.parametrize(
    ("name", "target", "met"),
    [
        ("random-lstm", Target(metric="validation_accuracy", value=0.1), True),
        ("random-lstm", Target(metric="validation_accuracy", value=0.11), False),
        ("adding-20-lstm", Target(metric="validation_loss", value=0.1), True),
        ("adding-20-lstm", Target(metric="validation_loss", value=0.09), False),
        ("random-lstm", Target(metric="validation_loss", value=0.9), False),  # not measured
    ],
)
def test_a_target_that_the_baseline_meets_is_refused(
    name: str,
    target: Target,
    met: bool,
    params: Params,
    literature: Literature,
    tmp_path: Path,
    without_figures: None,
) -> None:
    write_result(params, tmp_path / "results", name)
    suite = params.experiments[name].suite
    facts = params.suites[suite].model_copy(update={"target": target})
    changed = params.model_copy(update={"suites": {suite: facts}})
    if not met:
        compare(changed, literature, tmp_path, suite)
        return
    with pytest.raises(
        RnnbenchError, match=rf"suites\.{suite}\.target .* is 0\.1; choose a harder"
    ):
        compare(changed, literature, tmp_path, suite)


def test_curves_have_the_metric_that_is_shown(
    params: Params, literature: Literature, tmp_path: Path, without_figures: None
) -> None:
    write_result(params, tmp_path / "results", "mnist-gru")
    compare(params, literature, tmp_path, "digit-rows")
    curves = read(tmp_path, "digit-rows", "curves.csv")
    shown = ["accuracy", "accuracy_highest", "accuracy_lowest"]
    assert curves.columns.tolist() == ["experiment", "epoch", *shown]


def test_the_axis_of_scores_shows_differences_and_no_baseline_stretches_it_to_chance(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    for name, right in (("mnist-lstm", shares(0.97, 0.96)), ("mnist-gru", shares(0.98, 0.98))):
        write_result(params, tmp_path / "results", name, right, measured())
    write_baselines(tmp_path / "results", "mnist-rows", pixels=shares(0.95)[0])
    table = compare(params, Literature(), tmp_path, "digit-rows").reset_index()
    baselines = read(tmp_path, "digit-rows", "baselines.csv")
    figure = draw_comparison(table, baselines)
    scores, times = figure.axes
    left, right_end = scores.get_xlim()
    assert 0.8 < left < min(0.95, table["score_lower"].min())
    assert right_end > table["score_upper"].max()
    assert "majority class: 0.1, off the axis" in scores.get_xlabel()
    assert labels_of(figure) == ["mean over seeds, 95 % interval", "pixels: 0.95"]
    beside = [label.get_text() for label in times.get_yticklabels()]
    assert beside == ["20\N{NO-BREAK SPACE}ms"] * 2
    untimed = table.assign(stock_milliseconds=np.nan)
    assert len(draw_comparison(untimed, baselines).axes) == 1


def test_a_figure_marks_what_was_trained_once(
    params: Params, tmp_path: Path, without_figures: None
) -> None:
    write_result(params, tmp_path / "results", "mnist-lstm", shares(0.97, 0.96))
    write_result(params, tmp_path / "results", "mnist-gru", shares(0.98))
    table = compare(params, Literature(), tmp_path, "digit-rows").reset_index()
    figure = draw_comparison(table, read(tmp_path, "digit-rows", "baselines.csv"))
    assert labels_of(figure)[:2] == [
        "mean over seeds, 95 % interval",
        "one seed, 95 % interval of test examples",
    ]


def test_every_interval_of_a_suite_of_lengths_is_that_of_the_table(
    params: Params, tmp_path: Path, without_figures: None
) -> None:
    for steps in (20, 50):
        runs = np.full((2, EXAMPLES), 0.1) * [[1.0], [1.1]]
        write_result(params, tmp_path / "results", f"adding-{steps}-gru", runs)
    table = compare(params, Literature(), tmp_path, "adding").reset_index()
    figure = draw_comparison(table, read(tmp_path, "adding", "baselines.csv"))
    (bars,) = figure.axes[0].collections
    assert isinstance(bars, LineCollection)
    ends = [[low, high] for (_, low), (_, high) in bars.get_segments()]
    run = table[table["seeds"] > 0]
    np.testing.assert_allclose(ends, run[["score_lower", "score_upper"]])


def test_experiments_with_one_model_share_a_panel_of_learning_curves(
    params: Params, literature: Literature, tmp_path: Path, without_figures: None
) -> None:
    names = params.experiment_names("optimizers")
    for name in names:
        write_result(params, tmp_path / "results", name)
    compare(params, literature, tmp_path, "optimizers")
    found = read_results(names, "optimizers", tmp_path / "results")
    curves = read(tmp_path, "optimizers", "curves.csv")
    figure = draw_learning_curves(curves, [one for one in found.values() if one])
    panels = [axis for axis in figure.axes if axis.get_visible()]
    assert [len(axis.lines) for axis in panels] == [5, 5, 5]
    assert labels_of(panels[0])[:2] == ["rmsprop", "rmsprop-summed"]
