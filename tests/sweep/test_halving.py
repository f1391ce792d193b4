"""Successive halving: the epochs of rungs, and the choice by validation scores."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from rnnbench.cli import main
from rnnbench.errors import RnnbenchError
from rnnbench.params import Params
from rnnbench.sweep.combinations import grid
from rnnbench.sweep.halving import best, plan_rungs, rank
from rnnbench.sweep.sweep import plan
from tests.conftest import ROOT
from tests.sweep.clone import EPOCHS, RATE

LSTM = "adding-20-lstm"


@pytest.mark.parametrize(
    ("combinations", "eta", "min_epochs", "expected"),
    [
        (27, 3, 1, [(2, 9), (6, 3)]),
        (10, 2, 1, [(2, 5), (5, 3), (10, 2)]),
        (10, 2, 3, [(5, 5), (10, 3)]),
        (28, 3, 1, [(2, 10), (6, 4)]),
        (4, 3, 6, [(6, 2)]),
    ],
)
def test_rungs_have_eta_times_the_epochs_and_a_share_of_the_combinations(
    params: Params, combinations: int, eta: int, min_epochs: int, expected: list[tuple[int, int]]
) -> None:
    assert params.experiments[LSTM].training.epochs == 20
    rungs = plan_rungs([params] * combinations, [LSTM], eta, min_epochs)
    assert [(rung.epochs[LSTM], rung.keep) for rung in rungs] == expected


def test_experiments_keep_the_proportion_of_their_epochs(params: Params) -> None:
    names = ["sentiment-simple-rnn", "sentiment-gru"]
    assert [params.experiments[name].training.epochs for name in names] == [10, 4]
    rungs = plan_rungs([params] * 8, names, eta=2)
    assert [rung.epochs for rung in rungs] == [
        {"sentiment-simple-rnn": 2, "sentiment-gru": 1},
        {"sentiment-simple-rnn": 5, "sentiment-gru": 2},
    ]
    assert [rung.suffix for rung in rungs] == [".epochs-2-1", ".epochs-5-2"]


def test_what_cannot_be_halved_is_refused_with_what_to_do(
    params: Params, changed: Callable[..., Params]
) -> None:
    with pytest.raises(RnnbenchError, match="there are 3: give more than 3, a smaller --eta"):
        plan_rungs([params] * 3, [LSTM])
    with pytest.raises(RnnbenchError, match="20 epochs, and the rung before would have 6, fewer"):
        plan_rungs([params] * 4, [LSTM], min_epochs=7)
    with pytest.raises(RnnbenchError, match="--eta 1: one of so many"):
        plan_rungs([params] * 4, [LSTM], eta=1)
    planned = plan(grid([f"{EPOCHS}=5,10", f"{RATE}=0.001,0.002"]), [LSTM], ROOT)
    with pytest.raises(RnnbenchError, match=f"give 5, 10 epochs to {LSTM}: give one number"):
        plan_rungs(planned.params, planned.experiments)


def test_options_of_halving_without_it_are_refused() -> None:
    answer = CliRunner().invoke(main, ["sweep", f"{RATE}=0.1,0.2", "--eta", "2"])
    assert answer.exit_code == 1
    assert "--eta and --min-epochs belong to --halving" in answer.output


def seeds(**metrics: dict[str, list[float]]) -> pd.DataFrame:
    """Return the metrics of two seeds per experiment."""
    return pd.concat(
        pd.DataFrame({"experiment": name.replace("_", "-"), "seed": [1, 2], **values})
        for name, values in metrics.items()
    )


def test_the_best_are_those_with_the_lowest_mean_rank_whatever_the_metrics() -> None:
    accuracies = {"a": [0.9, 1.0], "b": [0.75, 1.0], "c": [0.1, 0.3], "d": [0.875, 0.875]}
    losses = {"a": [5.0, 7.0], "b": [0.2, 0.2], "c": [0.1, 0.1], "d": [4.0, 4.0]}
    ranked = rank(
        {
            name: seeds(
                copying={"validation_accuracy": accuracies[name], "validation_loss": [9.0, 9.0]},
                adding={"validation_loss": losses[name]},
            )
            for name in accuracies
        }
    )
    found = ranked.set_index(["experiment", "combination"])
    assert found["rank"].loc["copying"].to_dict() == {"a": 1.0, "b": 2.5, "c": 4.0, "d": 2.5}
    assert found["rank"].loc["adding"].to_dict() == {"a": 4.0, "b": 2.0, "c": 1.0, "d": 3.0}
    assert found["score"]["adding", "a"] == 6.0
    assert found["metric"]["copying", "a"] == "validation_accuracy"
    assert best(ranked, 3) == ["b", "a", "c"], "a and c have the same mean rank, and a is first"


def test_a_combination_of_which_a_seed_diverged_is_behind_all_others() -> None:
    losses = {"a": [0.1, np.nan], "b": [8.0, 9.0], "c": [0.1, np.inf]}
    ranked = rank({name: seeds(x={"validation_loss": values}) for name, values in losses.items()})
    assert best(ranked, 1) == ["b"]
