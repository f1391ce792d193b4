"""Every number that the notebooks print, beside ours."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from rnnbench.evaluation.statistics import NORMAL_95, accuracy_standard_error
from rnnbench.reporting.results import Result

WITHIN_CHANCE = "within chance"
BEYOND_CHANCE = "beyond chance"
EQUAL = "equal"
DIFFERENT = "different"


def tabulate_reproduction(results: list[Result], source: str) -> pd.DataFrame:
    """Put every reported number beside ours, a row a number.

    Parameters
    ----------
    results : list of Result
        Of a suite.
    source : str
        Where its numbers are printed.

    Returns
    -------
    DataFrame
        `source`, `experiment`, `quantity`, `reported`, `ours`, `difference` and a `judgement`: of
        accuracies on the test split with several seeds, whether the difference is within what
        chance explains; of numbers of parameters, whether they are equal.
    """
    rows = [
        {"source": source, "experiment": result.name, **row}
        for result in results
        for row in _rows(result)
    ]
    return pd.DataFrame(
        rows,
        columns=["source", "experiment", "quantity", "reported", "ours", "difference", "judgement"],
    )


def _rows(result: Result) -> Iterator[dict[str, Any]]:
    reported = result.reported
    accuracies = {
        "test accuracy": reported.accuracy,
        "test accuracy, its own summary": reported.summary_accuracy,
    }
    for quantity, value in accuracies.items():
        if value is not None:
            ours = result.metric("accuracy")
            yield _row(quantity, value, ours, ".4f", _judged_accuracy(result, value))
    plain = {
        "test loss": (reported.loss, result.metric("loss")),
        "training loss, last epoch": (reported.training_loss, result.last_epoch("loss")),
        "validation loss, last epoch": (
            reported.validation_loss,
            result.last_epoch("validation_loss"),
        ),
        "validation accuracy, last epoch": (
            reported.validation_accuracy,
            result.last_epoch("validation_accuracy"),
        ),
    }
    for quantity, (value, ours) in plain.items():
        if value is not None:
            yield _row(quantity, value, ours, ".4f")
    if reported.training_accuracy is not None:
        epoch, value = reported.training_accuracy.epoch, reported.training_accuracy.value
        yield _row(
            f"training accuracy, epoch {epoch}", value, result.of_epoch("accuracy", epoch), ".4f"
        )
    yield from _parameter_rows(result)
    yield from _time_rows(result)


def _parameter_rows(result: Result) -> Iterator[dict[str, Any]]:
    for layer, count in (result.reported.layer_parameters or {}).items():
        name, ours = result.layer(layer)
        yield _row(f"parameters of {name}", count, ours, ",.0f", _judged_count(count, ours))
    total = result.reported.total_parameters
    if total is not None:
        ours = result.parameters or math.nan
        yield _row("parameters in all", total, ours, ",.0f", _judged_count(total, ours))


def _time_rows(result: Result) -> Iterator[dict[str, Any]]:
    """Put times side by side; machines differ, so no difference is taken."""
    if result.reported.step_milliseconds:
        ours = result.time("step_milliseconds", "p50")
        yield {
            "quantity": "milliseconds a step (other machine)",
            "reported": result.reported.step_milliseconds,
            "ours": _written(ours, ".1f"),
        }
    if result.reported.epoch_seconds:
        yield {
            "quantity": "seconds an epoch (other machine)",
            "reported": _written(result.reported.epoch_seconds, ".0f"),
            "ours": _written(result.time("epoch_seconds"), ".1f"),
        }


def _row(
    quantity: str, reported: float, ours: float, style: str, judgement: str = ""
) -> dict[str, Any]:
    return {
        "quantity": quantity,
        "reported": _written(reported, style),
        "ours": _written(ours, style),
        "difference": _written(ours - reported, f"+{style}"),
        "judgement": judgement,
    }


def _judged_accuracy(result: Result, reported: float) -> str:
    """Say whether one more run of ours could have come out as the reported one."""
    ours, spread = result.metric("accuracy"), result.spread("accuracy")
    if math.isnan(spread):
        return ""
    examples = (result.scores or {})["data"]["examples"]["test"]
    of_examples = accuracy_standard_error(ours, examples)
    # Theirs is one run; ours is a mean of some.
    deviation = math.hypot(spread * math.sqrt(1 + 1 / result.seeds), of_examples)
    return WITHIN_CHANCE if abs(ours - reported) <= NORMAL_95 * deviation else BEYOND_CHANCE


def _judged_count(reported: float, ours: float) -> str:
    if math.isnan(ours):
        return ""
    return EQUAL if reported == ours else DIFFERENT


def _written(value: float, style: str) -> str:
    return "" if math.isnan(value) else format(value, style)
