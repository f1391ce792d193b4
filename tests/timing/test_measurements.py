"""What is made of repeated measurements: quartiles, ratios, doubts."""

import math

import numpy as np
import pytest

from rnnbench.data.prepared import Split
from rnnbench.errors import RnnbenchError
from rnnbench.timing.experiment import batches_of_round
from rnnbench.timing.losses import require_same_losses
from rnnbench.timing.quartiles import quartiles, ratio_quartiles
from rnnbench.timing.training import Round, first_batches, timing_warnings


def round_of(loss: float = 0.5, loop: float = 30.0, others: float | None = 0.0) -> Round:
    return Round(loss, loss, [10.0, 10.0, 10.0], loop, others)


def test_quartiles_are_those_of_the_rounds() -> None:
    assert quartiles([5.0, 1.0, 2.0, 3.0, 4.0]) == {
        "median": 3.0,
        "lower_quartile": 2.0,
        "upper_quartile": 4.0,
    }


def test_a_ratio_is_taken_within_a_round() -> None:
    # The machine is ten times as slow in the last round; the ratio is the same.
    found = ratio_quartiles([2.0, 4.0, 20.0], [1.0, 2.0, 10.0])
    assert found == {"median": 2.0, "lower_quartile": 2.0, "upper_quartile": 2.0}


@pytest.mark.parametrize(("milliseconds", "batches"), [(2000.0, 3), (20.0, 25), (0.1, 200)])
def test_a_round_takes_half_a_second_within_limits(milliseconds: float, batches: int) -> None:
    assert batches_of_round(milliseconds) == batches


def test_the_last_batch_is_as_small_as_that_of_all_examples() -> None:
    split = Split(np.arange(10), np.arange(10))
    assert first_batches(split, 4, 2).inputs.tolist() == [0, 1, 2, 3, 4, 5]
    assert first_batches(split, 5, 1).inputs.tolist() == [0, 1, 2, 3, 4]


def test_a_small_split_is_used_over_again() -> None:
    split = Split(np.arange(3), np.arange(3))
    assert first_batches(split, 2, 3).targets.tolist() == [0, 1, 2, 0, 1]


def test_undisturbed_rounds_have_no_warnings() -> None:
    assert timing_warnings([round_of(), round_of(others=None)]) == []


@pytest.mark.parametrize(
    ("disturbed", "reason"),
    [
        (round_of(loop=40.0), "14.3 % of the loop's time is in no step"),
        (round_of(loss=math.nan), "the loss was not finite"),
        (round_of(others=1.0), "other programs used 0.5 of"),
    ],
)
def test_what_speaks_against_times_is_a_warning(disturbed: Round, reason: str) -> None:
    (warning,) = timing_warnings([round_of(), disturbed])
    assert warning.startswith(reason)


def test_a_program_that_woke_up_for_a_moment_is_no_warning() -> None:
    assert timing_warnings([round_of(others=0.3), *[round_of()] * 4]) == []


@pytest.mark.parametrize(
    ("compiled", "precision"),
    [(0.6905, "float32"), (0.70, "mixed_bfloat16"), (math.nan, "float32")],
)
def test_first_losses_may_differ_by_rounding(compiled: float, precision: str) -> None:
    stock = math.nan if math.isnan(compiled) else 0.69
    require_same_losses({"stock": stock, "compiled": compiled}, precision)


@pytest.mark.parametrize("compiled", [0.70, math.nan])
def test_ways_whose_first_losses_differ_are_not_compared(compiled: float) -> None:
    with pytest.raises(RnnbenchError, match=r"the first losses differ \(stock 0.69, compiled"):
        require_same_losses({"stock": 0.69, "compiled": compiled}, "float32")
