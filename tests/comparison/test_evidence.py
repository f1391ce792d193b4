"""What models get wrong: calibration, confusions, mistakes, lengths and frames."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rnnbench.comparison.evidence import (
    expected_calibration_error,
    list_confusions,
    list_mistakes,
    measure_reliability,
)
from rnnbench.comparison.evidence_figures import draw_lengths, draw_reliability
from rnnbench.comparison.literature import Literature
from rnnbench.comparison.report import write_report
from rnnbench.params import Params
from tests.comparison.made_up import EXAMPLES, compare_all, write_result


def probabilities(*confidences: float) -> np.ndarray:
    """Of two classes, the first with these probabilities."""
    first = np.asarray(confidences)
    return np.stack([first, 1.0 - first], axis=1)


def test_a_calibrated_run_has_no_error_and_one_that_is_too_sure_has_its_gap() -> None:
    labels = np.array([0, 0, 0, 1])
    calibrated = measure_reliability(probabilities(*[0.75] * 4), labels)
    assert calibrated[["confidence", "accuracy", "answers"]].to_numpy().tolist() == [
        [0.75, 0.75, 4]
    ]
    assert expected_calibration_error(calibrated) == 0.0
    sure = measure_reliability(probabilities(*[0.95] * 4), labels)
    assert expected_calibration_error(sure) == pytest.approx(0.2)


def test_bins_count_by_their_answers() -> None:
    # Three answers of 0.9, two of them right; one of 0.6, which is wrong; one that is certain.
    table = measure_reliability(probabilities(0.9, 0.9, 0.9, 0.6, 1.0), np.array([0, 0, 1, 1, 0]))
    assert table["answers"].tolist() == [1, 3, 1]
    expected = (1 * 0.6 + 3 * (0.9 - 2 / 3) + 0.0) / 5
    assert expected_calibration_error(table) == pytest.approx(expected)


def test_the_most_frequent_confusions_come_first_and_right_answers_are_none() -> None:
    rows = [("a", "a", 90), ("a", "b", 10), ("b", "a", 30), ("b", "b", 20), ("c", "c", 5)]
    table = list_confusions(pd.DataFrame(rows, columns=["actual", "predicted", "count"]))
    assert table["actual"].tolist() == ["b", "a"]
    assert table["share"].tolist() == [0.6, 0.1]


def test_an_example_is_listed_once_for_each_experiment() -> None:
    columns = ["experiment", "run", "example", "probability", "actual", "predicted", "text"]
    rows = [
        ("slow", "seed-1", 7, 0.9, "a", "b", "x"),
        ("slow", "seed-2", 7, 0.99, "a", "b", "x"),
        ("slow", "seed-1", 8, 0.8, "a", "b", "y"),
        ("fast", "seed-1", 7, 0.7, "a", "b", "x"),
    ]
    listed = list_mistakes(pd.DataFrame(rows, columns=columns))
    assert listed["experiment"].tolist() == ["slow", "slow", "fast"], "in the order of the table"
    assert listed["run"].tolist() == ["seed-2", "seed-1", "seed-1"]


def test_lines_are_means_over_seeds_and_bands_their_range() -> None:
    lengths = pd.DataFrame(
        {
            "experiment": "one",
            "run": ["seed-1", "seed-1", "seed-2", "seed-2"],
            "shortest": [1, 10, 1, 10],
            "longest": [9, 10, 9, 10],
            "accuracy": [0.8, 0.6, 0.9, 0.7],
        }
    )
    axis = draw_lengths(lengths).axes[0]
    np.testing.assert_allclose(np.asarray(axis.lines[0].get_ydata()), [0.85, 0.65])
    extents = axis.collections[0].get_paths()[0].get_extents()
    assert (extents.ymin, extents.ymax) == (0.6, 0.9)
    assert [text.get_text() for text in axis.get_xticklabels()] == [
        "1\N{EN DASH}9",
        "10, or cut",
    ]


def test_a_bin_of_few_answers_is_no_point() -> None:
    table = pd.DataFrame(
        {
            "experiment": "one",
            "bin": [8, 14],
            "answers": [9, 10],
            "confidence": [0.55, 0.95],
            "accuracy": [0.1, 0.9],
        }
    )
    axis = draw_reliability(table, pd.Series({"one": 0.05})).axes[0]
    assert np.asarray(axis.lines[1].get_xdata()).tolist() == [0.95]
    assert axis.get_title() == "one\nECE\N{NO-BREAK SPACE}0.050"


def test_all_evidence_of_an_evaluation_reaches_the_page(params: Params, tmp_path: Path) -> None:
    video = write_result(params, tmp_path / "results", "moving-mnist-conv-lstm") / "evaluation"
    (video / "shown").mkdir()
    frames = {name: np.zeros((3, 8, 8), np.uint8) for name in ("seen", "predicted", "actual")}
    frames["predicted"][1] = 255
    np.savez(video / "shown" / "seed-42.npz", allow_pickle=False, **frames)
    columns = ("frames_ahead", "mse_per_pixel", "ssim")
    copied = [f"copy_last_frame_{name}" for name in columns[1:]]
    horizons = pd.DataFrame([[1, 0.1, 0.5, 0.2, 0.4]], columns=[*columns, *copied])
    horizons.to_csv(video / "details.csv", index=False)
    text = write_result(params, tmp_path / "results", "imdb-gru") / "evaluation"
    right = np.arange(EXAMPLES) < 0.8 * EXAMPLES
    arrays = {"probabilities": probabilities(*[0.9] * EXAMPLES), "labels": 1 - right.astype(int)}
    path = text / "predictions" / "seed-42.npz"
    np.savez(path, allow_pickle=False, score=right, **arrays)
    (text / "lengths.csv").write_text(
        "shortest,longest,test_examples,accuracy,run\n1,9,5,1,seed-42\n"
    )
    (text / "gradients.csv").write_text("lag,share,run\n0,0.9,seed-42\n1,0.1,seed-42\n")
    (text / "mistakes.csv").write_text(
        "example,actual,predicted,probability,text,run\n3,good,bad,0.9,so <b>bad,seed-42\n"
    )
    comparisons = compare_all(params, Literature(), tmp_path, "imdb", "moving-mnist")
    with Image.open(comparisons / "moving-mnist" / "moving-mnist-conv-lstm-frames.gif") as film:
        assert getattr(film, "n_frames", 1) > 1, "equal frames may be joined"
        assert film.size == (8 + 2 + 8, 8)
    assert pd.read_csv(comparisons / "imdb" / "calibration.csv").iloc[0].tolist() == [
        "imdb-gru",
        "seed-42",
        pytest.approx(0.1),
    ]
    page = write_report(params, Literature(), comparisons, tmp_path / "report").read_text()
    for title in (
        "Learning curves",
        "Confusion matrices",
        "Reliability",
        "From how far back an answer comes",
        "Accuracy by length of the text",
        "Worst mistakes",
        "Error by frames ahead",
        "Frames of moving-mnist-conv-lstm",
    ):
        assert f"<summary>{title}</summary>" in page
    assert "so &lt;b&gt;bad" in page
    assert page.count('<img class="gif" src="data:image/gif;base64,') == 1
    assert page.count('<img class="png" src="data:image/png;base64,') == 1
