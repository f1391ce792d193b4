"""What to choose follows from the numbers, and is undecided where they leave it open."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rnnbench.comparison.answers import tabulate_answers
from rnnbench.comparison.findings import read_comparisons
from rnnbench.comparison.literature import Literature
from rnnbench.params import Params
from tests.comparison.made_up import (
    EXAMPLES,
    compare_all,
    measured,
    shares,
    write_baselines,
    write_result,
)

FAST, SLOW, LITTLE_FASTER = (measured(stock=stock) for stock in (5.0, 50.0, 46.0))
Answers = Callable[..., list[dict[str, str]]]


@pytest.fixture
def answers(params: Params, tmp_path: Path, without_figures: None) -> Answers:
    """The answers on IMDB by the accuracies of its experiments' seeds, and its baselines.

    The SimpleRNN is fast, the others are slow, the GRU a little less so.
    """

    def find(accuracies: dict[str, list[float]], **baselines: float) -> list[dict[str, str]]:
        for name, values in accuracies.items():
            times = {"imdb-simple-rnn": FAST, "imdb-gru": LITTLE_FASTER}.get(name, SLOW)
            write_result(params, tmp_path / "results", name, shares(*values), times)
        fitted = {name: shares(value)[0] for name, value in baselines.items()}
        write_baselines(tmp_path / "results", "imdb-20k-200", **fitted)
        compare_all(params, Literature(), tmp_path, "imdb")
        found = read_comparisons(params, tmp_path / "comparisons")
        return tabulate_answers(found).to_dict("records")  # type: ignore[return-value]

    return find


def test_the_best_is_chosen_where_the_others_are_worse(answers: Answers) -> None:
    (answer,) = answers({"imdb-simple-rnn": [0.8, 0.8], "imdb-lstm": [0.9, 0.9]})
    assert answer["question"] == "First look: sentiment of reviews"
    assert answer["choice"] == "imdb-lstm"
    assert answer["score"].startswith("test accuracy 0.900 [")
    assert answer["cost"] == "50.0 ms/step (10.0 compiled); 1,010 parameters"
    assert answer["certainty"] == "better than 1 of 1"


def test_where_chance_can_order_experiments_the_choice_is_undecided(answers: Answers) -> None:
    (answer,) = answers({"imdb-gru": [0.7, 0.9], "imdb-lstm": [0.8, 0.82]})
    assert answer["choice"] == "undecided: imdb-lstm (best mean) or imdb-gru"
    assert answer["certainty"].startswith("undecided against 1 of 1")


def test_many_undecided_experiments_are_counted(answers: Answers) -> None:
    names = ("imdb-gru", "imdb-matched-gru", "imdb-rnn-gru-cell", "imdb-rnn-lstm-cell")
    accuracies = {name: [0.85, 0.9] for name in names} | {"imdb-lstm": [0.85, 0.92]}
    (answer,) = answers(accuracies)
    assert answer["choice"] == "undecided: imdb-lstm (best mean) or 4 others"


def test_a_cheaper_experiment_that_is_not_worse_by_the_margin_is_chosen(answers: Answers) -> None:
    (answer,) = answers({"imdb-simple-rnn": [0.899, 0.899], "imdb-lstm": [0.9, 0.9]})
    assert answer["choice"] == "imdb-simple-rnn"
    assert answer["cost"].startswith("5.0 ms/step")
    assert answer["certainty"].startswith("cheaper than the best mean, imdb-lstm (0.900 [")
    assert "and at most 0.01 worse" in answer["certainty"]


def test_times_that_hardly_differ_do_not_decide(answers: Answers) -> None:
    (answer,) = answers({"imdb-gru": [0.899, 0.899], "imdb-lstm": [0.9, 0.9]})
    assert answer["choice"] == "imdb-lstm"


def test_an_expensive_experiment_that_is_as_good_is_not_chosen(answers: Answers) -> None:
    (answer,) = answers({"imdb-simple-rnn": [0.9, 0.9], "imdb-lstm": [0.899, 0.899]})
    assert answer["choice"] == "imdb-simple-rnn"
    assert answer["certainty"] == "practically equal to 1 of 1"


def test_a_baseline_that_beats_the_best_network_is_the_first_answer(answers: Answers) -> None:
    accuracies = {"imdb-lstm": [0.86, 0.86], "imdb-gru": [0.6, 0.98]}
    baseline, recurrent = answers(accuracies, bag_of_words=0.95)
    assert baseline["choice"] == "bag of words (no recurrent layer)"
    assert baseline["certainty"] == "better than 1 of 2 recurrent networks"
    assert recurrent["question"].endswith(", among recurrent layers")
    assert "imdb-lstm" in recurrent["choice"]


def test_nothing_is_chosen_where_nothing_was_learnt(answers: Answers) -> None:
    # The made-up majority class is right about 10 %.
    (answer,) = answers({"imdb-lstm": [0.1, 0.1], "imdb-gru": [0.05, 0.05]})
    assert answer["choice"].startswith("none: imdb-lstm, the best mean, may have learned nothing")
    assert "the score of the majority class, 0.1" in answer["certainty"]


@pytest.mark.parametrize(("other", "which"), [([0.8, 0.8], "imdb-lstm"), ([0.8], "all")])
def test_what_was_trained_once_is_named(other: list[float], which: str, answers: Answers) -> None:
    (answer,) = answers({"imdb-lstm": [0.9], "imdb-gru": other})
    assert f"only one seed of {which}: this holds for the trained models" in answer["certainty"]


def test_a_smaller_error_is_the_better_score(
    params: Params, tmp_path: Path, without_figures: None
) -> None:
    errors = np.linspace(0.0, 0.02, EXAMPLES)
    for name, scale in (("adding-20-gru", 1.0), ("adding-20-lstm", 5.0)):
        write_result(params, tmp_path / "results", name, scale * np.stack([errors, errors]))
    write_result(params, tmp_path / "results", "adding-50-gru", np.full((2, EXAMPLES), 0.1))
    compare_all(params, Literature(), tmp_path, "adding")
    table = tabulate_answers(read_comparisons(params, tmp_path / "comparisons"))
    assert [question.rpartition(" ")[2] for question in table["question"]] == [
        "(adding-20)",
        "(adding-50)",
    ]
    assert table["choice"].tolist()[0] == "adding-20-gru"
    assert table["cost"].tolist()[0].startswith("not timed; ")
    # The made-up answer that is always 1 has an error of 0.1.
    assert table["choice"].tolist()[1].startswith("none: adding-50-gru")
