"""Scores of sums, by hand and from a model whose answers are known."""

import numpy as np
import pytest

from rnnbench.data.datasets.adding import AddingView, draw
from rnnbench.tasks.regression import METRICS, RANGES, find_ranges, score_each_range
from rnnbench.tasks.task import TASKS, TrainedModel
from tests.tasks.manifests import make_manifest


def test_always_one_is_as_good_as_its_baseline() -> None:
    view = AddingView(dataset="adding", train_examples=1, test_examples=1, sequence_length=20)
    test = draw(view, 5_000, np.random.default_rng(0))
    manifest = make_manifest("regression", (20, 2), (1,))
    model = TrainedModel(lambda inputs: np.ones((len(inputs), 1)), manifest, False, 8)
    scored = TASKS["regression"].evaluate(model, test)
    assert scored.metrics["loss"] == pytest.approx(scored.baseline["loss"], rel=0.05)
    assert scored.metrics["correct"] == pytest.approx(0.08, abs=0.02)
    assert scored.confusions["count"].sum() == 5_000
    assert scored.details["test_examples"].sum() == 5_000


def test_sums_by_hand() -> None:
    scores = METRICS.measure(np.array([1.0, 0.5]), np.array([1.02, 1.5]))
    assert scores["loss"] == pytest.approx((0.02**2 + 1.0) / 2)
    assert scores["mean_absolute_error"] == pytest.approx(0.51)
    assert scores["correct"] == 0.5


def test_each_sum_falls_into_one_range_also_what_lies_outside() -> None:
    ranges = find_ranges(np.array([-1.0, 0.0, 0.3, 1.99, 5.0]))
    assert [RANGES[index] for index in ranges] == [
        "0 to 0.25",
        "0 to 0.25",
        "0.25 to 0.5",
        "1.75 to 2",
        "1.75 to 2",
    ]
    table = score_each_range(np.array([0.2, 0.4]), np.array([0.1, 0.1]))
    assert table["mean_error"][0] == pytest.approx(0.2)
    assert table["test_examples"].tolist() == [2, 0, 0, 0, 0, 0, 0, 0]
