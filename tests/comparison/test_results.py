"""What results say of an experiment: how soon it reached a target, and its times."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.comparison.results import Result
from rnnbench.params import Target
from tests.comparison.made_up import measured

HISTORY = pd.DataFrame(
    [
        (1, 1, 0.70, 0.6),
        (1, 2, 0.80, 0.5),
        (1, 3, 0.75, 0.4),
        (2, 1, 0.85, 0.5),
        (2, 2, 0.70, 0.3),
        (2, 3, 0.90, 0.3),
    ],
    columns=["seed", "epoch", "validation_accuracy", "validation_loss"],
)
RUNS = {"seed-1": {"ssim": 0.4}, "seed-2": {"ssim": 0.6}}


def result(times: dict[str, Any] | None = None, history: pd.DataFrame = HISTORY) -> Result:
    data = {"examples": {"train": 130}}
    scores = {"task": "classification", "runs": RUNS, "diverged": {}, "data": data}
    return Result("x", Path("x"), scores, {}, times or {}, history)


@pytest.mark.parametrize(
    ("metric", "value", "epochs"),
    [
        ("validation_accuracy", 0.8, (2 + 1) / 2),
        ("validation_loss", 0.4, (3 + 2) / 2),
        ("validation_loss", 0.9, 1.0),
    ],
)
def test_a_target_is_reached_in_the_first_epoch_that_is_as_good(
    metric: Any, value: float, epochs: float
) -> None:
    assert result().epochs_to_target(Target(metric=metric, value=value)) == epochs


@pytest.mark.parametrize(
    "target",
    [None, Target(metric="validation_accuracy", value=0.88)],
    ids=["no target", "one seed did not reach it"],
)
def test_a_target_that_not_every_seed_reached_takes_no_number_of_epochs(
    target: Target | None,
) -> None:
    assert np.isnan(result().epochs_to_target(target))


def test_metrics_of_training_are_those_of_the_epochs_that_are_kept() -> None:
    assert result().at_kept_epoch("validation_loss") == pytest.approx((0.4 + 0.3) / 2)
    assert result().stopping == {}
    stopped = HISTORY.assign(kept=[0, 1, 0, 1, 0, 0]).drop(index=5)
    of_best = result(history=stopped)
    assert of_best.at_kept_epoch("validation_accuracy") == pytest.approx((0.80 + 0.85) / 2)
    assert of_best.stopping == {"kept_epoch": 1.5, "trained_epochs": 5}


def test_an_epoch_takes_as_many_median_steps_as_it_has_batches() -> None:
    assert result(measured(stock=20.0, batch_size=64)).epoch_seconds("stock") == 3 * 0.020


def test_what_was_not_measured_is_not_zero() -> None:
    assert np.isnan(result().time("multiply_adds"))
    assert np.isnan(result().epoch_seconds("compiled"))
    assert np.isnan(result(measured()).time("stock", "joules_per_step"))
