"""Every comparison of a claim has an outcome, and a verdict counts them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnnbench.comparison.claims import (
    compare_claims,
    readable_comparisons,
    tabulate_verdicts,
    unanimous_claims,
)
from rnnbench.comparison.findings import Comparison, read_comparisons
from rnnbench.comparison.literature import Literature
from rnnbench.errors import RnnbenchError
from rnnbench.params import Params
from tests.comparison.made_up import compare_all, measured, shares, write_baselines, write_result

BASE = "imdb-lstm"  # always 0.8
BETTER, WORSE, EQUAL = "imdb-gru", "imdb-simple-rnn", "imdb-rnn-lstm-cell"
VARYING = "imdb-rnn-gru-cell"  # between seeds
NOT_WORSE = "imdb-rnn-stacked-cells"
ONE_SEED = "imdb-matched-gru"
MISSING = "imdb-matched-simple-rnn"
OTHER_VIEW = "moving-mnist-conv-lstm"
ACCURACIES = {
    BASE: [0.8, 0.8],
    BETTER: [0.9, 0.9],
    WORSE: [0.7, 0.7],
    EQUAL: [0.8, 0.8],
    VARYING: [0.78, 0.88],
    NOT_WORSE: [0.80, 0.82, 0.83, 0.85],
    ONE_SEED: [0.8],
    OTHER_VIEW: [0.8, 0.8],
    "random-lstm": [0.50, 0.51],
    "random-gru": [0.60, 0.60],
    "random-simple-rnn": [0.40, 0.60],
}
MILLISECONDS = {BASE: 20.0, BETTER: 40.0, WORSE: 10.0, VARYING: 16.0, OTHER_VIEW: 100.0}

Judge = Callable[..., tuple[Any, str]]  # a DataFrame and a text


@pytest.fixture(scope="module")
def comparisons(params: Params, tmp_path_factory: pytest.TempPathFactory) -> list[Comparison]:
    """What is found where accuracies and times are those above."""
    folder = tmp_path_factory.mktemp("made")
    times = {name: measured(stock=median) for name, median in MILLISECONDS.items()}
    for name, exact in ((EQUAL, 19.0), (NOT_WORSE, 20.0)):
        step = dict.fromkeys(("median", "lower_quartile", "upper_quartile"), exact)
        times[name] = measured() | {"stock": {"step_milliseconds": step, "compile_seconds": 3.0}}
    for name, values in ACCURACIES.items():
        write_result(params, folder / "results", name, shares(*values), times.get(name))
    baselines = {"words": shares(0.84)[0], "n_grams": shares(0.86)[0]}
    write_baselines(folder / "results", "imdb-20k-200", **baselines)
    made = compare_all(params, Literature(), folder, "imdb", "moving-mnist", "random-labels")
    return read_comparisons(params, made)


@pytest.fixture
def judged(comparisons: list[Comparison]) -> Judge:
    """Judge one claim: the comparisons and the verdict."""

    def judge(*pair: str, **claim: Any) -> tuple[Any, str]:
        pairs = {"pairs": {pair[0]: pair[1]}} if pair else {}
        content = {"text": "It is so.", "source": "here", **pairs, **claim}
        literature = Literature.model_validate({"claims": {"it": content}})
        rows = compare_claims(comparisons, literature)
        return rows, str(tabulate_verdicts(rows, literature)["verdict"][0])

    return judge


def test_a_verdict_counts_every_outcome_and_says_how_many_seeds_would_decide(judged: Judge) -> None:
    pairs = dict.fromkeys([BETTER, WORSE, EQUAL, VARYING], BASE)
    rows, verdict = judged(relation="higher", pairs=pairs)
    outcomes = ["as claimed", "the opposite", "practically equal", "undecided"]
    assert rows["outcome"].tolist() == outcomes
    needed = rows["seeds_needed"].dropna()
    assert needed.index.tolist() == [3], "only where it is undecided"
    assert needed[3] > 2, "two seeds did not decide it"
    assert verdict == (
        "holds for 1 of 4, the opposite for 1, practically equal 1,"
        f" undecided 1 (about {needed[3]:.0f} seeds would decide it)"
    )


@pytest.mark.parametrize(
    ("relation", "outcomes"),
    [
        ("higher", ("as claimed", "the opposite", "practically equal", "undecided", "undecided")),
        ("lower", ("the opposite", "as claimed", "practically equal", "undecided", "undecided")),
        ("different", ("as claimed", "as claimed", "practically equal", "undecided", "undecided")),
        ("equal", ("the opposite", "the opposite", "as claimed", "undecided", "undecided")),
        ("as_good", ("as claimed", "the opposite", "as claimed", "undecided", "as claimed")),
    ],
)
def test_a_relation_says_what_a_difference_means(
    relation: str, outcomes: tuple[str, ...], judged: Judge
) -> None:
    for first, outcome in zip((BETTER, WORSE, EQUAL, VARYING, NOT_WORSE), outcomes, strict=True):
        assert judged(first, BASE, relation=relation)[0]["outcome"].tolist() == [outcome], first


def test_a_comparison_turned_round_comes_out_the_other_way(judged: Judge) -> None:
    forwards, backwards = (
        judged(WORSE, BASE, relation="higher"),
        judged(BASE, WORSE, relation="higher"),
    )
    assert [forwards[1], backwards[1]] == [
        "holds for 0 of 1, the opposite for 1",
        "holds for 1 of 1",
    ]
    for name, other in (("difference", "difference"), ("lower", "upper"), ("upper", "lower")):
        assert forwards[0].loc[0, name] == -backwards[0].loc[0, other]


def test_a_claim_has_the_margin_of_params_or_its_own(judged: Judge, params: Params) -> None:
    rows, _ = judged(NOT_WORSE, BASE, relation="equal")
    assert rows.loc[0, "margin"] == params.margin
    assert judged(NOT_WORSE, BASE, relation="equal", margin=0.1)[1] == "holds for 1 of 1"


def test_p_values_are_adjusted_for_the_comparisons_of_the_claim(judged: Judge) -> None:
    alone, _ = judged(NOT_WORSE, BASE, relation="higher")
    both, _ = judged(relation="higher", pairs={NOT_WORSE: BASE, VARYING: BASE})
    assert both.loc[0, "p"] == pytest.approx(2 * alone.loc[0, "p"])


def test_a_difference_smaller_than_what_runs_can_show_is_not_visible(judged: Judge) -> None:
    _, verdict = judged(VARYING, BASE, relation="visible", margin=0.0001)
    assert verdict == "holds for 0 of 1, the opposite for 1"
    assert judged(EQUAL, BASE, relation="visible", margin=0.02)[1] == "holds for 1 of 1"


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (WORSE, BASE, "as claimed"),
        (BETTER, BASE, "the opposite"),
        (VARYING, BASE, "undecided"),  # the quartiles overlap
        (EQUAL, BETTER, "as claimed"),
        (BASE, ONE_SEED, "not run"),  # the second was not timed
    ],
)
def test_times_differ_where_quartiles_do_not_overlap(
    first: str, second: str, outcome: str, judged: Judge
) -> None:
    rows, _ = judged(first, second, measure="step_time", relation="lower")
    assert rows["outcome"].tolist() == [outcome]


def test_times_are_equal_within_a_tolerance_however_sure_they_are(judged: Judge) -> None:
    rows, _ = judged(EQUAL, NOT_WORSE, measure="step_time", relation="lower")
    assert rows.loc[0, "upper"] < 0.0
    assert rows["outcome"].tolist() == ["practically equal"]


def test_claims_on_time_are_judged_on_stock_keras_and_shown_beside_compiled_loops(
    judged: Judge,
) -> None:
    rows, _ = judged(WORSE, BASE, measure="step_time", relation="lower")
    row = rows.iloc[0]
    assert (row["difference"], row["stock_time_ratio"]) == pytest.approx((-0.5, 0.5))
    assert (row["lower"], row["upper"]) == pytest.approx((0.375 - 1.0, 0.5 / 0.75 - 1.0))
    assert row["compiled_time_ratio"] == 1.0
    assert np.isnan(row["p"])
    assert readable_comparisons(rows)["difference [interval]"].tolist() == [
        "-50.0% [-62.5%, -33.3%]"
    ]


def test_times_of_different_views_are_compared_by_example(judged: Judge) -> None:
    rows, _ = judged(BASE, OTHER_VIEW, measure="step_time", relation="lower")
    assert rows.loc[0, "difference"] == pytest.approx(0.2 - 1.0)


def test_experiments_are_compared_with_a_number(judged: Judge) -> None:
    names = ["random-lstm", "random-gru", "random-simple-rnn"]
    rows, _ = judged(relation="equal", margin=0.05, against=0.5, experiments=names)
    assert rows["second"].tolist() == ["0.5"] * 3
    assert rows["difference"].tolist() == pytest.approx([0.005, 0.1, 0.0])
    assert rows["outcome"].tolist() == ["as claimed", "the opposite", "undecided"]


def test_experiments_are_compared_with_the_best_baseline_of_their_view(judged: Judge) -> None:
    names = [BETTER, BASE, "random-lstm"]
    rows, verdict = judged(relation="higher", against="best_baseline", experiments=names)
    assert rows["second"].tolist() == ["n grams", "n grams", "best baseline"]
    assert rows["outcome"].tolist() == ["as claimed", "the opposite", "not run"]
    assert verdict == "holds for 1 of 3, the opposite for 1, not run 1"


def test_a_comparison_whose_second_experiment_was_not_run_says_so(judged: Judge) -> None:
    rows, verdict = judged(relation="higher", pairs={BETTER: BASE, BASE: MISSING})
    assert rows["outcome"].tolist() == ["as claimed", "not run"]
    assert rows.loc[1, "second"] == MISSING
    assert verdict == "holds for 1 of 2, not run 1"
    assert judged(BASE, MISSING, relation="higher")[1] == "not run"


def test_a_single_seed_is_named_and_leaves_the_number_of_seeds_open(judged: Judge) -> None:
    rows, verdict = judged(ONE_SEED, VARYING, relation="higher")
    assert rows.loc[0, "basis"].startswith("this trained first model")
    assert verdict == "holds for 0 of 1, undecided 1"


def test_scores_on_different_examples_are_not_compared(judged: Judge) -> None:
    with pytest.raises(RnnbenchError, match=f"{BASE} and {OTHER_VIEW}"):
        judged(BASE, OTHER_VIEW, relation="higher")


def test_only_claims_whose_comparisons_agree_are_told_in_short_and_undecided_ones_last(
    comparisons: list[Comparison],
) -> None:
    pairs = {
        "Left open": {VARYING: BASE, ONE_SEED: VARYING},
        "So": {BETTER: BASE, BASE: WORSE},
        "Not so": {WORSE: BASE, BASE: BETTER},
        "One comparison is not enough": {BETTER: BASE},
        "They differ": {BETTER: BASE, WORSE: BASE},
        "Not run": {BASE: MISSING, MISSING: BASE},
    }
    claims = {
        text.lower().replace(" ", "-"): {
            "text": f"{text}.",
            "source": "here",
            "relation": "higher",
            "pairs": compared,
        }
        for text, compared in pairs.items()
    }
    literature = Literature.model_validate({"claims": claims})
    assert unanimous_claims(compare_claims(comparisons, literature), literature) == [
        "So: as claimed in all 2 comparisons.",
        "Not so: the opposite in all 2 comparisons.",
        "Left open: undecided in all 2 comparisons.",
    ]
