"""Forecasts: errors in the units of the series, MASE, and what is known of each step ahead."""

import numpy as np
import pytest

from rnnbench.baselines.baseline import BASELINES
from rnnbench.data.prepared import Split, TrainingData
from rnnbench.tasks.forecasting import mae, mase, repeat_season, rmse
from rnnbench.tasks.task import TASKS, TrainedModel
from tests.baselines.views import SERIES
from tests.tasks.manifests import make_manifest

MANIFEST = make_manifest("forecasting", (4, 2), (6,), facts=SERIES)


def test_errors_are_what_they_are_by_hand() -> None:
    # One example, two steps, two series: errors 3 and 4 of the first, 0 and 1 of the second.
    actual = np.array([[[10.0, 1.0], [20.0, 2.0]]])
    predicted = actual + np.array([[[3.0, 0.0], [-4.0, 1.0]]])
    units = np.array([2.0, 0.5])
    assert mae(predicted, actual, units) == 2.0
    assert mase(predicted, actual, units) == (1.5 + 2.0 + 0.0 + 2.0) / 4
    assert rmse(predicted, actual, units) == pytest.approx((np.sqrt(12.5) + np.sqrt(0.5)) / 2)


def test_a_season_is_repeated_until_the_horizon() -> None:
    seen = np.arange(8.0).reshape(1, 4, 2)
    assert repeat_season(seen, 3, 2)[0].tolist() == [[4, 5], [6, 7], [4, 5]]
    assert repeat_season(seen, 2, 1)[0].tolist() == [[6, 7], [6, 7]]


def test_the_naive_forecast_of_a_model_scores_as_the_baseline_beside_it() -> None:
    generator = np.random.default_rng(0)
    test = Split(
        generator.normal(size=(9, 4, 2)).astype(np.float32),
        generator.normal(size=(9, 6)).astype(np.float32),
    )
    predict = BASELINES["seasonal_naive"].fit(TrainingData(test, None, MANIFEST, None))
    model = TrainedModel(predict, MANIFEST, False, 8)
    evaluation = TASKS["forecasting"].evaluate(model, test)
    assert evaluation.metrics == pytest.approx(evaluation.baseline)
    details = evaluation.details
    assert details["steps_ahead"].tolist() == [1, 1, 2, 2, 3, 3]
    assert details["series"].tolist() == ["a", "b"] * 3
    assert details["mase"].mean() == pytest.approx(evaluation.metrics["mase"])
    assert details["seasonal_naive_mase"].tolist() == pytest.approx(details["mase"].tolist())
    # In units of the series: a standardised error of 1 is 10 of the first.
    errors = np.abs(predict(test.inputs) - test.targets).reshape(9, 3, 2) * [10.0, 2.0]
    assert evaluation.metrics["mae"] == pytest.approx(errors.mean(), rel=1e-5)


def test_the_linear_baseline_finds_a_linear_rule() -> None:
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(400, 4, 2)).astype(np.float32)
    targets = inputs.reshape(400, 8)[:, 2:]
    data = TrainingData(Split(inputs[:300], targets[:300]), None, MANIFEST, None)
    predicted = BASELINES["linear"].fit(data)(inputs[300:])
    assert np.abs(predicted - targets[300:]).max() < 0.05


def test_what_a_person_gives_is_scaled_and_answers_are_in_the_units_of_the_series() -> None:
    task, model = TASKS["forecasting"], TrainedModel(lambda inputs: inputs, MANIFEST, False, 8)
    given = np.array([[[110.0, 2.0]] * 4])
    stored = task.as_stored(given, model)
    assert stored.tolist() == [[[1.0, 1.0]] * 4]
    assert task.as_given(stored, model).tolist() == given.tolist()
    outputs = np.array([0.0, 0.0, 1.0, -1.0, 2.0, 0.5])
    assert task.answers(outputs[np.newaxis], model)[0].tolist() == [[100, 0], [110, -2], [120, 1]]
    assert task.answer(outputs, model, "prices.csv", None).splitlines() == [  # type: ignore[arg-type]
        "prices.csv: after its last step",
        "+1  a 100  b 0",
        "+2  a 110  b -2",
        "+3  a 120  b 1",
    ]
