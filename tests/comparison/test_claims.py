"""Claims are judged by figures: what is beyond chance, and what is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rnnbench.comparison.claims import judge_claims
from rnnbench.comparison.findings import read_comparisons
from rnnbench.comparison.literature import Claim, Literature
from rnnbench.errors import RnnbenchError
from rnnbench.params import Params
from tests.comparison.made_up import compare_all, shares, write_result

KINDS = ("simple-rnn", "bidirectional-lstm", "stacked-lstm", "gru", "lstm")
SECONDS = {"simple-rnn": 1.0, "gru": 2.0, "lstm": 3.0, "stacked-lstm": 4.0}
GATED = {"gru": [0.87, 0.87], "lstm": [0.87, 0.87], "stacked-lstm": [0.9, 0.9]}

Judge = Callable[..., pd.DataFrame]


@pytest.fixture
def judged(params: Params, literature: Literature, tmp_path: Path, without_figures: None) -> Judge:
    """Judge all claims with accuracies by what an experiment's name ends in."""

    def judge(
        accuracies: dict[str, list[float]],
        seconds: dict[str, float] | None = None,
        leave_out: tuple[str, ...] = (),
        claims: dict[str, Claim] | None = None,
    ) -> pd.DataFrame:
        needed = {name for claim in literature.claims.values() for name in claim.needs}
        for name in sorted(needed - set(leave_out)):
            kind = next((kind for kind in KINDS if name.endswith(kind)), "lstm")
            spent = 9e3 if name.startswith("moving") else SECONDS.get(kind, 6.0)
            timing = {
                "epoch_seconds": [9.0],
                "epoch_processor_seconds": [(seconds or {}).get(name, spent)],
            }
            values = [0.5] if name.startswith("random") else accuracies.get(kind, [0.8, 0.8])
            write_result(params, tmp_path / "results", name, shares(*values), timing)
        suites = sorted({params.experiments[name].suite for name in needed})
        compare_all(params, literature, tmp_path, *suites)
        found = read_comparisons(params, tmp_path / "comparisons")
        read = literature.model_copy(update={"claims": claims or literature.claims})
        return judge_claims(found, read).set_index(pd.Index(claims or literature.claims))

    return judge


def test_claims_that_come_out_as_claimed_are_confirmed(judged: Judge) -> None:
    found = judged({**GATED, "bidirectional-lstm": [0.9, 0.9]})["verdict"]
    assert found.drop("smallest-difference").unique().tolist() == ["confirmed"]
    # A difference of 0.0001 is always smaller than what 2,000 examples can tell.
    assert found["smallest-difference"] == "refuted"


def test_claims_that_come_out_the_other_way_are_refuted(judged: Judge) -> None:
    found = judged({"simple-rnn": [0.9, 0.9], "gru": [0.8, 0.8], "lstm": [0.85, 0.85]})["verdict"]
    assert found["gated-layers"] == "refuted"
    assert found["fewer-parameters"] == "refuted"


def test_what_is_within_chance_is_undecided(judged: Judge) -> None:
    varying = [0.70, 0.90]
    found = judged(dict.fromkeys(("simple-rnn", "gru", "lstm"), varying))["verdict"]
    assert found["gated-layers"] == "undecided"
    # Nothing shows a GRU to be worse, and nothing shows it to be as good.
    assert found["fewer-parameters"] == "undecided"


def test_a_claim_may_hold_in_part_and_says_in_how_many_comparisons(judged: Judge) -> None:
    row = judged(GATED, seconds={"imdb-gru": 5.0}).loc["training-time"]
    assert row["verdict"] == "holds in part: 6 of 7 comparisons"
    assert "imdb-gru takes 1.67 times the time of imdb-lstm" in row["figures"]


def test_a_difference_is_beyond_chance_by_student_s_t_and_not_by_two_standard_errors(
    judged: Judge,
) -> None:
    # Two seeds each: with two degrees of freedom, the interval is 4.3 standard errors.
    found = judged({"simple-rnn": [0.79, 0.81], "gru": [0.85, 0.87], "lstm": [0.85, 0.87]})
    assert found["verdict"]["gated-layers"] == "undecided"
    assert "imdb-gru over imdb-simple-rnn +0.0600 ± 0.0" in found["figures"]["gated-layers"]


def test_models_with_one_seed_say_what_their_interval_covers(judged: Judge) -> None:
    figures = judged({"simple-rnn": [0.8], "gru": [0.9], "lstm": [0.9]})["figures"]
    assert "(these two trained models, other test examples)" in figures["gated-layers"]


def test_a_claim_whose_experiments_were_not_run_has_no_verdict(judged: Judge) -> None:
    row = judged(GATED, leave_out=("imdb-gru", "mnist-gru")).loc["gated-layers"]
    assert row["verdict"] == "not run"
    assert row["figures"] == "not run: imdb-gru, mnist-gru"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"judge": "scores_hihger"}, "did you mean 'scores_higher'"),
        ({"pairs": {"imdb-gru": "mnist-gru"}}, "imdb-gru and mnist-gru"),
    ],
    ids=["a judge that does not exist", "scores on different examples"],
)
def test_a_claim_that_cannot_be_judged_is_refused(
    change: dict[str, Any], message: str, judged: Judge, literature: Literature
) -> None:
    claim = literature.claims["gated-layers"].model_copy(update=change)
    with pytest.raises(RnnbenchError, match=message):
        judged(GATED, claims={"gated-layers": claim})
