"""The sentence on a suite says what its numbers say."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rnnbench.comparison.findings import main_finding, read_comparisons
from rnnbench.comparison.literature import Literature
from rnnbench.params import Params
from tests.comparison.made_up import compare_all, shares, write_baselines, write_result

VIEW = {"imdb": "imdb-20k-200", "adding": "adding-20", "random-labels": "random-labels-10x1"}


@pytest.fixture
def sentence(params: Params, tmp_path: Path, without_figures: None) -> Callable[..., str]:
    """The sentence on a suite by the accuracies of its experiments' seeds and its baselines."""

    def find(suite: str, accuracies: dict[str, list[float]], **baselines: float) -> str:
        for name, values in accuracies.items():
            write_result(params, tmp_path / "results", name, shares(*values))
        fitted = {name: shares(value)[0] for name, value in baselines.items()}
        write_baselines(tmp_path / "results", VIEW[suite], **fitted)
        compare_all(params, Literature(), tmp_path, suite)
        found = read_comparisons(params, tmp_path / "comparisons")
        return next(main_finding(one) for one in found if one.suite == suite)

    return find


def test_a_baseline_that_beats_the_best_network_comes_first(sentence: Callable[..., str]) -> None:
    accuracies = {
        "imdb-simple-rnn": [0.6, 0.95],
        "imdb-gru": [0.85, 0.85],
        "imdb-lstm": [0.86, 0.86],
    }
    text = sentence("imdb", accuracies, bag_of_words=0.89, nb_svm=0.91)
    assert text.startswith("Nb svm (0.910 [0.8")
    assert "beats the best recurrent network, imdb-lstm (0.860 [" in text
    assert text.endswith("beyond chance, and 2 of 3 networks in all.")


def test_a_baseline_that_beats_some_networks_comes_last(sentence: Callable[..., str]) -> None:
    accuracies = {"imdb-gru": [0.95, 0.95], "imdb-lstm": [0.86, 0.86]}
    text = sentence("imdb", accuracies, bag_of_words=0.89)
    assert text.startswith("The best is imdb-gru (0.950 [0.9")
    assert "ahead of 1 of 1 others beyond chance" in text
    assert "; 1 of 2 beat the best baseline (bag of words: 0.890 [" in text


def test_experiments_that_no_other_beats_share_the_first_rank(sentence: Callable[..., str]) -> None:
    accuracies = {
        "imdb-gru": [0.86, 0.86],
        "imdb-lstm": [0.86, 0.86],
        "imdb-simple-rnn": [0.7, 0.7],
    }
    text = sentence("imdb", accuracies)
    assert text.startswith("2 of 3 experiments share the first rank: imdb-gru (0.860 [")
    assert "imdb-lstm (0.860 [" in text
    assert "imdb-simple-rnn" not in text
    assert "baseline" not in text


def test_many_experiments_in_the_first_rank_are_counted_and_not_listed(
    sentence: Callable[..., str],
) -> None:
    kinds = ("gru", "lstm", "rnn-gru-cell", "rnn-lstm-cell", "matched-gru")
    same = {f"imdb-{kind}": [0.86, 0.85 + number / 1000] for number, kind in enumerate(kinds)}
    text = sentence("imdb", {**same, "imdb-simple-rnn": [0.2, 0.21]})
    assert text.startswith(
        "5 of 6 experiments share the first rank, and the best mean is that of imdb-matched-gru (0."
    )
    assert text.count("imdb-") == 1


def test_experiments_that_chance_can_order_are_not_ordered(sentence: Callable[..., str]) -> None:
    text = sentence("imdb", {"imdb-gru": [0.7, 0.9], "imdb-lstm": [0.8, 0.82]})
    assert text.startswith(
        "No experiment is better than another beyond chance: the best mean is that of imdb-lstm (0."
    )


def test_the_views_of_a_suite_have_a_clause_each(sentence: Callable[..., str]) -> None:
    accuracies = {"adding-20-gru": [0.1, 0.1], "adding-20-lstm": [0.3, 0.3], "adding-50-gru": [0.2]}
    text = sentence("adding", accuracies)
    # A lower error is better.
    assert text.startswith("On adding-20, the best is adding-20-gru (0.100 [")
    assert "; on adding-50, the only experiment is adding-50-gru (0.200 [" in text


def test_a_suite_without_scores_has_no_sentence(sentence: Callable[..., str]) -> None:
    assert sentence("imdb", {}) == ""


def test_an_experiment_whose_seeds_all_diverged_is_left_out(
    params: Params, sentence: Callable[..., str], tmp_path: Path
) -> None:
    none = np.empty((0, 2), bool)
    write_result(params, tmp_path / "results", "imdb-gru", none, diverged=2)
    text = sentence("imdb", {"imdb-lstm": [0.86, 0.86]})
    assert text.startswith("The only experiment is imdb-lstm (0.860 [")


def test_of_experiments_that_were_not_run_no_time_is_known(params: Params, tmp_path: Path) -> None:
    found = read_comparisons(params, tmp_path / "comparisons")
    assert np.isnan([one.seconds_alone for part in found for one in part.findings]).all()
