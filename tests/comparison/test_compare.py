"""A suite's table, differences, curves and figures, from results on disk."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rnnbench.comparison.literature import Literature
from rnnbench.comparison.statistics import compare_means
from rnnbench.params import Params
from tests.comparison.made_up import EXAMPLES, compare_all, shares, write_result


def compare(params: Params, literature: Literature, folder: Path, suite: str) -> pd.DataFrame:
    """Compare one suite and return its table by experiment."""
    compare_all(params, literature, folder, suite)
    return pd.read_csv(folder / "comparisons" / suite / "table.csv").set_index("experiment")


def test_rows_are_means_over_seeds_beside_what_is_reported(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    write_result(params, tmp_path / "results", "mnist-lstm", shares(0.98, 0.96))
    row = compare(params, literature, tmp_path, "digit-rows").loc["mnist-lstm"]
    assert row["accuracy"] == pytest.approx(0.97)
    assert row["accuracy_std"] == pytest.approx(0.02 / 2**0.5)
    assert (row["lowest_accuracy"], row["highest_accuracy"]) == (0.96, 0.98)
    assert row["score_lower"] < 0.97 < row["score_upper"]
    assert row["reported_accuracy"] == 0.9880
    assert row["epoch_seconds"] == 3.0
    assert row["step_milliseconds_p95"] == 12.0
    assert row["training_seconds"] == 12.0
    assert row["parameters"] == 1_010
    assert row["training_loss"] == pytest.approx(0.3)
    assert row["validation_loss"] == pytest.approx(0.4)


def test_an_experiment_without_results_stands_as_not_run(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    write_result(params, tmp_path / "results", "mnist-lstm", shares(0.98, 0.96))
    table = compare(params, literature, tmp_path, "digit-rows")
    assert table["status"].tolist() == ["not run", "evaluated", "not run"]
    written = (tmp_path / "comparisons" / "digit-rows" / "table.md").read_text()
    assert "| mnist-gru (not run) | - | - | - | 0.9900 |" in written
    assert "| mnist-lstm | 1,010 | 0.9700 | 0.0141 | 0.9880 | -0.0180 |" in written


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
    diverged = summary["experiments"]["mnist-lstm"]["diverged"]
    assert diverged == {"seed-44": "the loss is not finite in epoch 2"}


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
    assert set(compare(params, literature, tmp_path, "digit-rows")["status"]) == {"not run"}


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
        assert found[name] == getattr(expected, name)


def test_a_lower_loss_is_a_positive_difference(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    errors = np.random.default_rng(0).exponential(size=(2, EXAMPLES))
    for name, factor in (("adding-20-lstm", 1.0), ("adding-20-gru", 3.0)):
        write_result(params, tmp_path / "results", name, factor * errors)
    compare(params, literature, tmp_path, "adding")
    pair = pd.read_csv(tmp_path / "comparisons" / "adding" / "pairs.csv").iloc[0]
    assert (pair["first"], pair["second"]) == ("adding-20-lstm", "adding-20-gru")
    assert pair["value"] == pytest.approx(2 * errors.mean())


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
    assert "| adding-20-simple-rnn | 1,010 | 20 | 0.00200 | 0.00141 | 0.1000 | 0.500 |" in written
    assert "| adding-50-simple-rnn | 1,010 | 50 | 0.30000 | 0.21213 | 0.1000 | 0.500 |" in written
    assert (folder / "comparison.png").exists()


def test_the_frames_of_a_video_model_are_shown(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    folder = write_result(params, tmp_path / "results", "moving-mnist-conv-lstm")
    drawn = folder / "evaluation" / "figures" / "seed-42" / "frames.png"
    drawn.parent.mkdir(parents=True)
    drawn.write_bytes(b"a figure")
    compare(params, literature, tmp_path, "moving-mnist")
    shown = tmp_path / "comparisons" / "moving-mnist" / "moving-mnist-conv-lstm-frames.png"
    assert shown.read_bytes() == b"a figure"


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
    assert {"comparison.png", "learning_curves.png", "confusion_matrices.png"} <= set(made[0])


def test_a_matrix_of_too_many_classes_is_not_drawn_small(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    folder = write_result(params, tmp_path / "results", "reuters-gru")
    names = [f"topic {number}" for number in range(46)]
    pairs = [(actual, predicted, 1) for actual in names for predicted in names]
    table = pd.DataFrame(pairs, columns=["actual", "predicted", "count"])
    table.to_csv(folder / "confusion_matrix.csv", index=False)
    compare(params, literature, tmp_path, "reuters")
    drawn = {path.name for path in (tmp_path / "comparisons" / "reuters").glob("*.png")}
    assert drawn == {"comparison.png", "learning_curves.png"}


def test_a_task_without_confusions_has_no_matrix(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    folder = write_result(params, tmp_path / "results", "mnist-gru")
    (folder / "confusion_matrix.csv").write_text("actual,predicted,count\n")
    compare(params, literature, tmp_path, "digit-rows")
    assert not (tmp_path / "comparisons" / "digit-rows" / "confusion_matrices.png").exists()


def test_a_suite_that_the_literature_does_not_know_is_compared(
    params: Params, tmp_path: Path
) -> None:
    write_result(params, tmp_path / "results", "mnist-lstm")
    table = compare(params, Literature(), tmp_path, "digit-rows")
    assert not [column for column in table if "reported" in str(column)]
