"""How long it took until validation was as good as params.yaml asks for."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.comparison.results import Result
from rnnbench.params import Target

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
TIMING: dict[str, dict[str, Any]] = {
    "seed-1": {"epoch_seconds": [8.0, 2.0, 2.0], "compile_seconds": 5.0, "timing_warnings": ["x"]},
    "seed-2": {"epoch_seconds": [4.0, 1.0, 1.0], "timing_warnings": ["x"]},
}


@pytest.fixture
def result() -> Result:
    scores: dict[str, Any] = {"runs": {"seed-1": {}, "seed-2": {}}, "diverged": {}}
    return Result("x", Path("x"), scores, TIMING, HISTORY)


@pytest.mark.parametrize(
    ("metric", "value", "seconds"),
    [
        ("validation_accuracy", 0.8, ((3 + 2) + 4) / 2),
        ("validation_loss", 0.4, ((3 + 2 + 2) + (4 + 1)) / 2),
        ("validation_loss", 0.9, (3 + 4) / 2),
    ],
)
def test_the_cost_of_a_target_is_that_of_all_epochs_up_to_it_without_compiling(
    result: Result, metric: Any, value: float, seconds: float
) -> None:
    target = Target(metric=metric, value=value)
    assert result.until_target(target, "epoch_seconds", once="compile_seconds") == seconds
    assert result.until_target(target, "epoch_seconds") == seconds + 5 / 2


@pytest.mark.parametrize(
    "target",
    [None, Target(metric="validation_accuracy", value=0.88)],
    ids=["no target", "one seed did not reach it"],
)
def test_a_target_that_not_every_seed_reached_has_no_cost(
    result: Result, target: Target | None
) -> None:
    assert np.isnan(result.until_target(target, "epoch_seconds"))


def test_what_was_not_measured_is_not_zero(result: Result) -> None:
    target = Target(metric="validation_loss", value=0.9)
    assert np.isnan(result.until_target(target, "gpu_epoch_energy_joules"))
    assert np.isnan(result.time("step_milliseconds", "p50"))


def test_times_are_means_over_seeds_of_the_median_epoch(result: Result) -> None:
    assert result.time("epoch_seconds") == (2.0 + 1.0) / 2


def test_a_warning_that_all_seeds_have_is_listed_once(result: Result) -> None:
    assert result.timing_warnings == ["x"]
