"""Comparison of every number that is reported for an experiment with the measured one."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
from scipy import stats

from rnnbench.comparison.findings import Comparison, Finding
from rnnbench.comparison.literature import Reported, SuiteLiterature
from rnnbench.statistics import ALPHA

WITHIN_CHANCE = "within chance"
BEYOND_CHANCE = "beyond chance"
EQUAL = "equal"
DIFFERENT = "different"
COLUMNS = ["source", "experiment", "quantity", "reported", "found", "difference", "judgement"]


def tabulate_reproduction(comparison: Comparison, literature: SuiteLiterature) -> pd.DataFrame:
    """Compare every number that is reported for a suite with the measured one, one row per number.

    Returns
    -------
    DataFrame
        `source`, `experiment`, `quantity`, `reported`, `found`, `difference` and a `judgement`: for
        test accuracies with several seeds, whether the difference is within chance; for numbers of
        parameters, whether they are equal.
    """
    rows = [
        {"source": literature.source, "experiment": finding.name, **row}
        for finding in comparison.findings
        for row in _rows(finding, literature.reported_of(finding.name))
    ]
    return pd.DataFrame(rows, columns=COLUMNS).fillna("")


def _rows(finding: Finding, reported: Reported) -> Iterator[dict[str, str]]:
    accuracy = finding.number("accuracy")
    for quantity, value in (
        ("test accuracy", reported.accuracy),
        ("test accuracy, its own summary", reported.summary_accuracy),
    ):
        if value is not None:
            yield _row(quantity, value, accuracy, ".4f", _judge_accuracy(finding, value))
    for quantity, value, found in (
        ("test loss", reported.loss, finding.number("loss")),
        ("training loss, last epoch", reported.training_loss, finding.number("training_loss")),
        (
            "validation loss, last epoch",
            reported.validation_loss,
            finding.number("validation_loss"),
        ),
        (
            "validation accuracy, last epoch",
            reported.validation_accuracy,
            finding.at_epoch("validation_accuracy"),
        ),
    ):
        if value is not None:
            yield _row(quantity, value, found, ".4f")
    if reported.training_accuracy is not None:
        epoch, value = reported.training_accuracy.epoch, reported.training_accuracy.value
        found = finding.at_epoch("accuracy", epoch)
        yield _row(f"training accuracy, epoch {epoch}", value, found, ".4f")
    yield from _parameter_rows(finding, reported)
    yield from _time_rows(finding, reported)


def _parameter_rows(finding: Finding, reported: Reported) -> Iterator[dict[str, str]]:
    for layer, count in reported.layer_parameters.items():
        name, found = _layer(finding, layer)
        yield _row(f"parameters of {name}", count, found, ",.0f", _judge_count(count, found))
    total = reported.total_parameters
    if total is not None:
        found = finding.number("parameters") or math.nan
        yield _row("parameters in all", total, found, ",.0f", _judge_count(total, found))


def _time_rows(finding: Finding, reported: Reported) -> Iterator[dict[str, str]]:
    """Yield times without their difference, because the machines differ."""
    if reported.step_milliseconds:
        yield {
            "quantity": "milliseconds per step (other machine; here stock Keras)",
            "reported": reported.step_milliseconds,
            "found": _written(finding.number("stock_milliseconds"), ".1f"),
        }
    if reported.epoch_seconds:
        yield {
            "quantity": "seconds per epoch (other machine; here stock Keras)",
            "reported": _written(reported.epoch_seconds, ".0f"),
            "found": _written(finding.number("stock_epoch_seconds"), ".1f"),
        }


def _layer(finding: Finding, number: str) -> tuple[str, float]:
    """Return the full name of a layer, given as `layer_2`, and its parameters; NaN if not run."""
    for name, count in finding.layer_parameters.items():
        if name.startswith(f"{number}_"):
            return name, count
    return number, math.nan


def _row(
    quantity: str, reported: float, found: float, style: str, judgement: str = ""
) -> dict[str, Any]:
    return {
        "quantity": quantity,
        "reported": _written(reported, style),
        "found": _written(found, style),
        "difference": _written(found - reported, f"+{style}"),
        "judgement": judgement,
    }


def _judge_accuracy(finding: Finding, reported: float) -> str:
    """Judge whether a run with another seed on other test examples could give a reported number.

    The variance of such a run about the measured mean is the sum of the variance over seeds, of one
    run and of the mean, and of the variance over examples, with Satterthwaite's degrees of freedom.
    """
    accuracy, deviation = finding.number("accuracy"), finding.number("accuracy_std")
    if math.isnan(deviation):
        return ""
    seeds = int(finding.row["seeds"])
    over_seeds = deviation**2 * (1.0 + 1.0 / seeds)
    variance = over_seeds + accuracy * (1.0 - accuracy) / finding.examples["test"]
    degrees = (seeds - 1) * (variance / over_seeds) ** 2 if over_seeds else math.inf
    limit = float(stats.t.isf(ALPHA / 2, degrees)) * math.sqrt(variance)
    return WITHIN_CHANCE if abs(accuracy - reported) <= limit else BEYOND_CHANCE


def _judge_count(reported: float, found: float) -> str:
    if math.isnan(found):
        return ""
    return EQUAL if reported == found else DIFFERENT


def _written(value: float, style: str) -> str:
    return "" if math.isnan(value) else format(value, style)
