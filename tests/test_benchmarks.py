"""What benchmarks refuse to report, that they train as they say, and that the page is of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import ACCELERATED, CASES, FRAME, STOCK, Case
from keras_steps import build
from measure import Worker, measure, workers
from operations import operations
from page import write_page

import results
from rnnbench.errors import RnnbenchError

SMALL = Case("rows", "lstm", units=4, steps=5, batch_size=8, batches=4)
GOOD = {
    "losses": [2.0, 1.0],
    "early_loss": 2.2,
    "milliseconds": [10.0, 10.0],
    "loop_milliseconds": 20.0,
}


class ToldWorker(Worker):
    """A way of training that answers what it was told."""

    def __init__(self, way: str, **answers: Any) -> None:
        self.way = way
        self._answers = {**GOOD, **answers}

    def prepare(self, case: Case) -> dict[str, Any]:
        return self._answers

    def round(self) -> dict[str, Any]:
        return {**self._answers, "loss": self._answers.get("loss", 0.5)}


def test_a_round_counts_by_its_median_step() -> None:
    told = ToldWorker(STOCK, milliseconds=[1.0, 2.0, 30.0], loop_milliseconds=33.0)
    assert measure(SMALL, [told], rounds=2) == {STOCK: [2.0, 2.0]}


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"early_loss": 2.3}, "first losses differ"),
        ({"loss": float("nan")}, "the loss goes from 2.0 to nan"),
        ({"loss": 2.0}, "the loss goes from 2.0 to 2.0"),
        ({"loop_milliseconds": 21.0}, "4.8 % of the loop's time is in no step"),
    ],
)
def test_a_measurement_that_cannot_be_believed_is_refused(
    answers: dict[str, Any], reason: str
) -> None:
    running = [ToldWorker(STOCK), ToldWorker(ACCELERATED, **answers)]
    with pytest.raises(RnnbenchError, match=reason):
        measure(SMALL, running, rounds=3)


def test_the_loss_of_one_round_may_leap() -> None:
    assert measure(SMALL, [ToldWorker(STOCK, loss=2.5)], rounds=1) == {STOCK: [10.0]}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_operations_counted_from_a_model_are_those_that_its_shapes_say(case: Case) -> None:
    inputs, _ = case.data()
    assert operations(build(case, inputs.shape[1:]), case.batch_size) == operations_by_shape(case)


def operations_by_shape(case: Case) -> float:
    """Count a training step's: once forward and twice backward, two for each kernel entry."""
    if case.layer == "conv_lstm_2d":
        entries = 9 * (1 + case.units) * 4 * case.units * FRAME * FRAME
        return 6.0 * entries * case.batch_size * case.steps
    gates = {"simple_rnn": 1, "lstm": 4, "gru": 3}[case.layer]
    directions = 2 if case.bidirectional else 1
    entries, features = 0, case.features
    for _ in range(case.layers):
        entries += directions * gates * case.units * (features + case.units)
        features = directions * case.units
    return 6.0 * entries * case.batch_size * case.steps


def test_the_page_on_speed_says_what_the_measurements_beside_the_benchmarks_say(
    tmp_path: Path, root: Path
) -> None:
    write_page(tmp_path)
    assert (tmp_path / "speed.md").read_text() == (root / "docs" / "speed.md").read_text()
    assert (tmp_path / "speed.png").stat().st_size > 0


def test_rows_measured_again_take_the_place_of_the_old_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    results.write_csv("steps", pd.DataFrame({"case": ["a", "b", "c"], "stock": [1.0, 2.0, 3.0]}))
    results.update_csv("steps", pd.DataFrame({"case": ["b", "d"], "stock": [2.5, 4.0]}), key="case")
    table = results.read_csv("steps")
    assert dict(zip(table["case"], table["stock"], strict=True)) == {
        "a": 1.0,
        "b": 2.5,
        "c": 3.0,
        "d": 4.0,
    }


def test_rows_of_two_machines_do_not_stand_in_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    results.write_csv("steps", pd.DataFrame({"case": ["a", "b"], "stock": [1.0, 2.0]}))
    monkeypatch.setattr(results, "processor_name", lambda: "Another Processor")
    with pytest.raises(results.OtherMachineError, match="not this machine: measure all cases"):
        results.update_csv("steps", pd.DataFrame({"case": ["b"], "stock": [2.5]}), key="case")
    assert results.read_csv("steps")["stock"].tolist() == [1.0, 2.0]


@pytest.mark.slow
def test_processes_train_a_case_in_each_way_to_the_same_loss() -> None:
    with workers((STOCK, ACCELERATED)) as running:
        milliseconds = measure(SMALL, running, rounds=1)
    assert set(milliseconds) == {STOCK, ACCELERATED}
    assert np.all(np.array(list(milliseconds.values())) > 0)
