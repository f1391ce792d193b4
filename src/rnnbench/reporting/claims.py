"""What the notebooks claim, and what the runs say to it.

A claim is confirmed where every comparison it makes comes out as claimed and beyond chance, refuted
where none does and one comes out the other way beyond chance, and undecided where all are within
chance; in between it holds in part. Times are compared by the
processor time of an epoch where it was measured: other programs hardly change it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from rnnbench.evaluation.statistics import (
    NORMAL_95,
    Difference,
    accuracy_standard_error,
    compare_accuracies,
)
from rnnbench.reporting.results import Result

CONFIRMED = "confirmed"
IN_PART = "holds in part"
REFUTED = "refuted"
UNDECIDED = "undecided"
NOT_RUN = "not run"

# Times that differ by less are called equal: so much they vary from epoch to epoch.
TIME_TOLERANCE = 0.1
# 99 % of a normal distribution: five comparisons together are then right in 95 %.
NORMAL_99 = 2.58
# What the notebook prints as if one architecture beat the other.
SMALLEST_PRINTED_DIFFERENCE = 0.8706 - 0.8705

Outcome = bool | None  # as claimed, the other way, or within chance
Results = Mapping[str, Result]


@dataclass(frozen=True)
class Claim:
    """A claim of the notebooks.

    Attributes
    ----------
    text : str
        What is claimed.
    source : str
        Where.
    judge : callable
        Returns the outcome of each comparison and the figures behind it.
    needs : tuple of str
        Experiments without which there is no verdict.
    """

    text: str
    source: str
    judge: Callable[[Results], list[tuple[Outcome, str]]]
    needs: tuple[str, ...]


def judge_claims(results: Results) -> pd.DataFrame:
    """Judge every claim: `claim`, `source`, `verdict` and the `figures` behind it, a row a claim.

    Parameters
    ----------
    results : mapping
        Every experiment's result by its name.
    """
    rows = []
    for claim in CLAIMS:
        missing = [name for name in claim.needs if not _was_run(results.get(name))]
        compared = [] if missing else claim.judge(results)
        rows.append(
            {
                "claim": claim.text,
                "source": claim.source,
                "verdict": NOT_RUN if missing else _verdict([outcome for outcome, _ in compared]),
                "figures": "; ".join(figures for _, figures in compared)
                or f"not run: {', '.join(missing)}",
            }
        )
    return pd.DataFrame(rows)


def _was_run(result: Result | None) -> bool:
    return result is not None and result.scores is not None


def _verdict(outcomes: list[Outcome]) -> str:
    if True not in outcomes:
        return REFUTED if False in outcomes else UNDECIDED
    as_claimed = outcomes.count(True)
    if as_claimed == len(outcomes):
        return CONFIRMED
    return f"{IN_PART}: {as_claimed} of {len(outcomes)} comparisons"


# Experiments that differ in their recurrent layer: SimpleRNN, GRU, LSTM. (Those of sentiment are
# also trained for 10, 4 and 5 epochs, as the notebook has it.)
TRIOS = {
    "IMDB": ("imdb-simple-rnn", "imdb-gru", "imdb-lstm"),
    "Reuters": ("reuters-simple-rnn", "reuters-gru", "reuters-lstm"),
    "sentiment": ("sentiment-simple-rnn", "sentiment-gru", "sentiment-lstm"),
}
DIGITS = ("mnist-simple-rnn", "mnist-gru", "mnist-lstm")
LONG = ("long-simple-rnn", "long-lstm")
CONV_LSTM = "moving-mnist-conv-lstm"
LSTM, BIDIRECTIONAL, STACKED = (
    "sentiment-lstm",
    "sentiment-bidirectional-lstm",
    "sentiment-stacked-lstm",
)
BARELY_DIFFERENT = ("sentiment-lstm", "sentiment-gru")
RANDOM = (
    "random-simple-rnn",
    "random-stacked-simple-rnn",
    "random-lstm",
    "random-gru",
    "random-time-distributed-lstm",
)


def _gated_beat_simple(results: Results) -> list[tuple[Outcome, str]]:
    compared = []
    for simple, *gated in (*TRIOS.values(), DIGITS, LONG):
        for name in gated:
            difference = _difference(results, name, simple)
            compared.append((_is_higher(difference), f"{name} over {simple} {difference}"))
    return compared


def _times_are_ordered(results: Results) -> list[tuple[Outcome, str]]:
    compared = []
    for simple, gru, lstm in TRIOS.values():
        compared += [_faster(results, simple, gru), _faster(results, gru, lstm)]
    slowest = max((name for trio in TRIOS.values() for name in trio), key=_per_example(results))
    per_example = _per_example(results)
    factor = per_example(CONV_LSTM) / per_example(slowest)
    compared.append(
        (factor > 1.0, f"{CONV_LSTM} takes {factor:.0f} times the time of {slowest} an example")
    )
    return compared


def _gru_is_as_good_with_fewer(results: Results) -> list[tuple[Outcome, str]]:
    compared: list[tuple[Outcome, str]] = []
    for _, gru, lstm in TRIOS.values():
        difference = _difference(results, gru, lstm)
        worse = difference.is_beyond_chance and difference.value < 0
        ratio = _recurrent_parameters(results[gru]) / _recurrent_parameters(results[lstm])
        figures = f"{gru} over {lstm} {difference} with {ratio:.3f} of its recurrent parameters"
        compared.append((not worse, figures))
    return compared


def _deeper_adds_a_little(results: Results) -> list[tuple[Outcome, str]]:
    compared = []
    for name in (BIDIRECTIONAL, STACKED):
        difference = _difference(results, name, LSTM)
        factor = _seconds(results[name]) / _seconds(results[LSTM])
        figures = f"{name} over {LSTM} {difference} for {factor:.2f} times the time"
        outcome = _is_higher(difference)
        compared.append((outcome and factor > 1.0 + TIME_TOLERANCE, figures))
    return compared


def _stacked_is_faster(results: Results) -> list[tuple[Outcome, str]]:
    return [_faster(results, STACKED, BIDIRECTIONAL)]


def _small_differences_mean_something(results: Results) -> list[tuple[Outcome, str]]:
    first, second = (results[name] for name in BARELY_DIFFERENT)
    examples = (first.scores or {})["data"]["examples"]["test"]
    chance = NORMAL_95 * accuracy_standard_error(first.metric("accuracy"), examples)
    spreads = " and ".join(f"{result.spread('accuracy'):.4f}" for result in (first, second))
    figures = (
        f"printed: {SMALLEST_PRINTED_DIFFERENCE:.4f}; an accuracy on {examples:,} test examples is"
        f" known to ± {chance:.4f}; standard deviations over seeds {spreads}; ours differ by"
        f" {_difference(results, *BARELY_DIFFERENT)}"
    )
    return [(chance < SMALLEST_PRINTED_DIFFERENCE, figures)]


def _random_labels_teach_nothing(results: Results) -> list[tuple[Outcome, str]]:
    compared: list[tuple[Outcome, str]] = []
    for name in RANDOM:
        accuracy = results[name].metric("accuracy")
        examples = (results[name].scores or {})["data"]["examples"]["test"]
        chance = NORMAL_99 * accuracy_standard_error(0.5, examples)
        figures = f"{name} {accuracy:.3f} (chance: 0.5 ± {chance:.3f})"
        compared.append((abs(accuracy - 0.5) <= chance, figures))
    return compared


def _every_trio() -> tuple[str, ...]:
    return tuple(name for trio in TRIOS.values() for name in trio)


CLAIMS = (
    Claim(
        "Gated layers beat SimpleRNN.",
        "all notebooks",
        _gated_beat_simple,
        (*_every_trio(), *DIGITS, *LONG),
    ),
    Claim(
        "Training time: SimpleRNN < GRU < LSTM < ConvLSTM2D.",
        "notebook 000",
        _times_are_ordered,
        (*_every_trio(), CONV_LSTM),
    ),
    Claim(
        "GRU reaches LSTM's accuracy with three quarters of its parameters.",
        "notebooks 000 and 002",
        _gru_is_as_good_with_fewer,
        _every_trio(),
    ),
    Claim(
        "Bidirectional and stacked layers add a little accuracy for much time.",
        "notebook 002",
        _deeper_adds_a_little,
        (LSTM, BIDIRECTIONAL, STACKED),
    ),
    Claim(
        "A stacked LSTM trains faster than a bidirectional one.",
        "notebook 002",
        _stacked_is_faster,
        (STACKED, BIDIRECTIONAL),
    ),
    Claim(
        "0.8706 is better than 0.8705: differences that small are printed as findings.",
        "notebook 002",
        _small_differences_mean_something,
        BARELY_DIFFERENT,
    ),
    Claim(
        "Random labels can teach nothing: test accuracy stays at chance.",
        "this project, of notebook 004",
        _random_labels_teach_nothing,
        RANDOM,
    ),
)


def _difference(results: Results, first: str, second: str) -> Difference:
    return compare_accuracies(results[first].correct(), results[second].correct())


def _is_higher(difference: Difference) -> Outcome:
    return difference.value > 0 if difference.is_beyond_chance else None


def _faster(results: Results, first: str, second: str) -> tuple[Outcome, str]:
    """Judge whether the first takes less time an epoch than the second."""
    factor = _seconds(results[first]) / _seconds(results[second])
    figures = f"{first} takes {factor:.2f} times the time of {second}"
    return (None if abs(factor - 1.0) < TIME_TOLERANCE else factor < 1.0), figures


def _seconds(result: Result) -> float:
    """Return the processor seconds of an epoch, or its seconds where they were not measured."""
    measured = result.time("epoch_processor_seconds")
    return measured if measured == measured else result.time("epoch_seconds")  # noqa: PLR0124


def _per_example(results: Results) -> Callable[[str], float]:
    def seconds(name: str) -> float:
        result = results[name]
        examples: int = (result.scores or {})["data"]["examples"]["train"]
        return _seconds(result) / examples

    return seconds


def _recurrent_parameters(result: Result) -> int:
    counts: dict[str, int] = (result.scores or {})["layer_parameters"]
    return next(count for name, count in counts.items() if name.endswith(("_gru", "_lstm")))
