"""How long it took until validation was as good as params.yaml asks for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnbench.errors import RnnbenchError
from rnnbench.params import Params, Reported, Target
from rnnbench.reporting.results import Result

HISTORY = """\
seed,epoch,validation_accuracy,validation_loss
1,1,0.70,0.6
1,2,0.80,0.5
1,3,0.75,0.4
2,1,0.85,0.5
2,2,0.70,0.3
2,3,0.90,0.3
"""
TIMING: dict[str, dict[str, Any]] = {
    "seed-1": {"epoch_seconds": [8.0, 2.0, 2.0], "compile_seconds": 5.0},
    "seed-2": {"epoch_seconds": [4.0, 1.0, 1.0]},
}
ENERGY = {"seed-1": [30.0, 20.0, 20.0], "seed-2": [40.0, 10.0, 10.0]}


@pytest.fixture
def result(tmp_path: Path) -> Callable[..., Result]:
    (tmp_path / "history.csv").write_text(HISTORY)

    def make(target: Target | None, energy: bool = True) -> Result:
        said: dict[str, Any] = {"runs": {"seed-1": {}, "seed-2": {}}}
        timing: dict[str, Any] = {
            seed: {**times, **({"gpu_epoch_energy_joules": ENERGY[seed]} if energy else {})}
            for seed, times in TIMING.items()
        }
        return Result("x", tmp_path, said, timing, Reported(), "classes", None, "", target)

    return make


@pytest.mark.parametrize(
    ("metric", "value", "seconds"),
    [
        ("validation_accuracy", 0.8, ((3 + 2) + 4) / 2),
        ("validation_loss", 0.4, ((3 + 2 + 2) + (4 + 1)) / 2),
        ("validation_loss", 0.9, (3 + 4) / 2),
    ],
)
def test_the_time_to_a_target_is_that_of_all_epochs_up_to_it_without_compiling(
    result: Callable[..., Result], metric: Any, value: float, seconds: float
) -> None:
    found = result(Target(metric=metric, value=value))
    assert found.seconds_to_target == pytest.approx(seconds)
    assert found.joules_to_target == pytest.approx(10 * seconds)


@pytest.mark.parametrize(
    "target",
    [None, Target(metric="validation_accuracy", value=0.88)],
    ids=["no target", "one seed did not reach it"],
)
def test_a_target_that_not_every_seed_reached_has_no_time(
    result: Callable[..., Result], target: Target | None
) -> None:
    assert np.isnan(result(target).seconds_to_target)


def test_what_was_not_measured_is_not_zero(result: Callable[..., Result]) -> None:
    found = result(Target(metric="validation_loss", value=0.9), energy=False)
    assert np.isnan(found.joules_to_target)


def test_a_target_of_an_unknown_view_is_refused(changed: Callable[..., Params]) -> None:
    target = {"metric": "validation_loss", "value": 1}
    with pytest.raises(RnnbenchError, match=r"suites\.adding\.targets"):
        changed("suites", "adding", targets={"imbd-20k-200": target})
