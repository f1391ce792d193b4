"""Claims and reported numbers are judged by figures: what is beyond chance, and what is not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.errors import RnnbenchError
from rnnbench.params import Params
from rnnbench.reporting.claims import CLAIMS, judge_claims
from rnnbench.reporting.reproduction import tabulate_reproduction
from rnnbench.reporting.results import Result, read_results

EXAMPLES = 2_000
SECONDS = {"simple_rnn": 1.0, "gru": 2.0, "lstm": 3.0}


def result(
    params: Params, folder: Path, name: str, accuracies: list[float], seconds: float = 1.0
) -> Result:
    """A result whose runs are right about the first so many examples."""
    suite = params.experiments[name].suite
    plain = next(r for r in read_results(params, suite, folder) if r.name == name)
    predictions = folder / name / "predictions"
    predictions.mkdir(parents=True)
    labels = np.zeros(EXAMPLES, dtype=np.int64)
    for seed, accuracy in enumerate(accuracies):
        right = np.arange(EXAMPLES) < accuracy * EXAMPLES
        probabilities = np.stack([right, ~right], axis=1).astype(np.float32)
        np.savez(predictions / f"seed-{seed}.npz", probabilities=probabilities, labels=labels)
    layer = "layer_2_gru" if "gru" in name else "layer_2_lstm"
    scores: dict[str, Any] = {
        "runs": {f"seed-{seed}": {"accuracy": value} for seed, value in enumerate(accuracies)},
        "layer_parameters": {layer: 75 if "gru" in name else 100},
        "data": {"examples": {"train": 1_000, "test": EXAMPLES}},
    }
    timing = {"seed-0": {"epoch_seconds": [9.0], "epoch_processor_seconds": [seconds]}}
    return replace(plain, folder=folder / name, scores=scores, timing=timing)


def everything(params: Params, folder: Path, **accuracies: list[float]) -> dict[str, Result]:
    """All results that claims need; accuracies by what a name ends in."""
    found = {}
    for name in sorted({name for claim in CLAIMS for name in claim.needs}):
        kind = next(
            (kind for kind in ("simple_rnn", "bidirectional_lstm", "stacked_lstm", "gru", "lstm")
             if name.endswith(kind.replace("_", "-"))),
            "lstm",
        )  # fmt: skip
        values = [0.5] if name.startswith("random") else accuracies.get(kind, [0.8, 0.8])
        seconds = SECONDS.get(kind, 4.0 if kind == "stacked_lstm" else 6.0)
        seconds = 9e3 if name == "moving-mnist-conv-lstm" else seconds
        found[name] = result(params, folder, name, values, seconds)
    return found


def verdicts(table: pd.DataFrame) -> dict[str, str]:
    names = table["claim"].str.split(r"[:.]", regex=True).str[0]
    return dict(zip(names, table["verdict"], strict=True))


GATED = {"gru": [0.87, 0.87], "lstm": [0.87, 0.87], "stacked_lstm": [0.9, 0.9]}


def test_claims_that_come_out_as_claimed_are_confirmed(params: Params, tmp_path: Path) -> None:
    results = everything(params, tmp_path, bidirectional_lstm=[0.9, 0.9], **GATED)
    found = verdicts(judge_claims(results))
    assert found["Gated layers beat SimpleRNN"] == "confirmed"
    assert found["Training time"] == "confirmed"
    assert found["GRU reaches LSTM's accuracy with three quarters of its parameters"] == "confirmed"
    assert found["Bidirectional and stacked layers add a little accuracy for much time"] == (
        "confirmed"
    )
    assert found["A stacked LSTM trains faster than a bidirectional one"] == "confirmed"
    assert found["Random labels can teach nothing"] == "confirmed"
    # A difference of 0.0001 is always smaller than what 2,000 examples can tell.
    assert found["0"] == "refuted"


def test_claims_that_come_out_the_other_way_are_refuted(params: Params, tmp_path: Path) -> None:
    worse = {"simple_rnn": [0.9, 0.9], "gru": [0.8, 0.8], "lstm": [0.85, 0.85]}
    found = verdicts(judge_claims(everything(params, tmp_path, **worse)))
    assert found["Gated layers beat SimpleRNN"] == "refuted"
    assert found["GRU reaches LSTM's accuracy with three quarters of its parameters"] == "refuted"


def test_what_is_within_chance_is_undecided(params: Params, tmp_path: Path) -> None:
    varying = [0.70, 0.90]
    same = dict.fromkeys(("simple_rnn", "gru", "lstm"), varying)
    found = verdicts(judge_claims(everything(params, tmp_path, **same)))
    assert found["Gated layers beat SimpleRNN"] == "undecided"


def test_a_claim_may_hold_in_part_and_says_in_how_many_comparisons(
    params: Params, tmp_path: Path
) -> None:
    results = everything(params, tmp_path, **GATED)
    slower = {"seed-0": {"epoch_seconds": [9.0], "epoch_processor_seconds": [5.0]}}
    results["imdb-gru"] = replace(results["imdb-gru"], timing=slower)
    table = judge_claims(results)
    row = table[table["claim"].str.startswith("Training time")].iloc[0]
    assert row["verdict"] == "holds in part: 6 of 7 comparisons"
    assert "imdb-gru takes 1.67 times the time of imdb-lstm" in row["figures"]


def test_a_claim_whose_experiments_were_not_run_has_no_verdict(
    params: Params, tmp_path: Path
) -> None:
    results = everything(params, tmp_path, **GATED)
    results["imdb-gru"] = replace(results["imdb-gru"], scores=None)
    del results["mnist-gru"]
    table = judge_claims(results).set_index("claim")
    row = table.loc["Gated layers beat SimpleRNN."]
    assert row["verdict"] == "not run"
    assert row["figures"] == "not run: imdb-gru, mnist-gru"


def test_missing_predictions_are_said_with_what_brings_them(params: Params, tmp_path: Path) -> None:
    found = result(params, tmp_path, "imdb-lstm", [0.8])
    (tmp_path / "imdb-lstm" / "predictions" / "seed-0.npz").unlink()
    with pytest.raises(RnnbenchError, match=r"`dvc repro evaluate@imdb-lstm`"):
        found.correct()


def test_a_reported_accuracy_is_judged_by_what_another_run_could_give(
    params: Params, tmp_path: Path
) -> None:
    reported = params.suites["first-look"].reported["imdb-simple-rnn"].accuracy
    assert reported is not None
    near = result(params, tmp_path / "near", "imdb-simple-rnn", [reported - 0.05, reported + 0.06])
    far = result(params, tmp_path / "far", "imdb-simple-rnn", [reported + 0.10, reported + 0.101])
    once = result(params, tmp_path / "once", "imdb-simple-rnn", [reported + 0.2])
    rows = [tabulate_reproduction([one], "notebook 000").iloc[0] for one in (near, far, once)]
    assert [row["judgement"] for row in rows] == ["within chance", "beyond chance", ""]
    assert rows[0]["reported"] == "0.7502"
    assert rows[0]["difference"] == "+0.0050"


def test_every_reported_number_has_its_row(params: Params, tmp_path: Path) -> None:
    for suite, facts in params.suites.items():
        results = read_results(params, suite, tmp_path)
        table = tabulate_reproduction(results, facts.source)
        for name, reported in facts.reported.items():
            given = reported.model_dump(exclude_none=True)
            wanted = len(given.pop("layer_parameters", {}))
            wanted += len([key for key in given if key not in ("remark", "explanation")])
            assert len(table[table["experiment"] == name]) == wanted, name
        assert (table["reported"] != "").all()
