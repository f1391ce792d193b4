"""Forecasting: the next steps of one or several series, predicted at once.

Errors are in the units of the series. MASE divides them by the mean absolute error that repeating
the value one season before has in the training part (Hyndman & Koehler 2006, "Another look at
measures of forecast accuracy", International Journal of Forecasting 22). It has no unit, so that
it can be averaged over series; below 1, errors are smaller than those of that repetition.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rnnbench.data.prepared import Array, Split
from rnnbench.data.time_series import Scaling
from rnnbench.models import heads
from rnnbench.tables import Column
from rnnbench.tasks import task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METRICS = task.Metrics()
# Classes of the confusions: directions of the series from the last input value.
DIRECTIONS = ["not higher", "higher"]

Forecasts = npt.NDArray[np.float64]  # of shape (examples, steps ahead, series)


@METRICS.add
def mase(predicted: Forecasts, actual: Forecasts, units: Array) -> float:
    """Return the mean absolute error in units of the seasonal naive forecast's error."""
    return float(np.mean(np.abs(predicted - actual) / units))


@METRICS.add
def mae(predicted: Forecasts, actual: Forecasts, _: Array) -> float:
    """Return the mean absolute error, averaged over the series."""
    return float(np.abs(predicted - actual).mean())


@METRICS.add
def rmse(predicted: Forecasts, actual: Forecasts, _: Array) -> float:
    """Return the root of the mean squared error of each series, averaged over the series."""
    return float(np.sqrt(((predicted - actual) ** 2).mean(axis=(0, 1))).mean())


def repeat_season(seen: Array, horizon: int, season: int) -> Array:
    """Return the seasonal naive forecast: each value repeats that of one season before.

    Parameters
    ----------
    seen : ndarray, shape (examples, steps, series)
        The input steps, at least one season.
    horizon, season : int
        Steps to forecast, and steps of a season; with a season of 1, the last value is repeated.

    Returns
    -------
    ndarray, shape (examples, horizon, series)
    """
    last: Array = seen[:, seen.shape[1] - season :]
    return last[:, np.arange(horizon) % season]


def score_each_step(
    predicted: Forecasts, naive: Forecasts, actual: Forecasts, scaling: Scaling
) -> pd.DataFrame:
    """Return the errors of the model and of the seasonal naive forecast, by steps ahead.

    Returns
    -------
    DataFrame
        `steps_ahead`, `series`, `mae`, `rmse` and `mase`, and `seasonal_naive_mase`; one row per
        step and series.
    """
    columns: dict[str, Array] = {}
    units = np.array(scaling.naive_errors)
    errors = np.abs(predicted - actual)
    columns["mae"] = errors.mean(axis=0)
    columns["rmse"] = np.sqrt((errors**2).mean(axis=0))
    columns["mase"] = (errors / units).mean(axis=0)
    columns["seasonal_naive_mase"] = (np.abs(naive - actual) / units).mean(axis=0)
    steps = np.arange(1, scaling.horizon + 1)
    return pd.DataFrame(
        {
            "steps_ahead": np.repeat(steps, len(scaling.series)),
            "series": np.tile(scaling.series, scaling.horizon),
            **{name: values.ravel() for name, values in columns.items()},
        }
    )


def draw_steps(details: pd.DataFrame, title: str) -> "Figure":
    """Draw the error by the number of steps ahead, beside the seasonal naive forecast."""
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(4.6, 3.2), layout="constrained")
    means = details.groupby("steps_ahead")[["mase", "seasonal_naive_mase"]].mean()
    axis.plot(means.index, means["mase"], "o-", label="model")
    axis.plot(means.index, means["seasonal_naive_mase"], "s--", label="seasonal naive")
    axis.set(xlabel="steps ahead", ylabel="MASE", title=title)
    axis.legend(fontsize="small")
    return figure


def draw_forecasts(
    predicted: Forecasts, actual: Forecasts, seen: Array, scaling: Scaling, title: str
) -> "Figure":
    """Draw the last test example: input, actual values and forecast of each series."""
    from matplotlib import pyplot as plt

    count = len(scaling.series)
    figure, axes = plt.subplots(
        count, 1, figsize=(6.0, 1.2 + 1.6 * count), squeeze=False, layout="constrained"
    )
    before, after = np.arange(1 - seen.shape[1], 1), np.arange(1, scaling.horizon + 1)
    for number, (axis, name) in enumerate(zip(axes[:, 0], scaling.series, strict=True)):
        axis.plot(before, seen[-1, :, number], color="tab:gray", label="seen")
        axis.plot(after, actual[-1, :, number], color="black", label="actual")
        axis.plot(after, predicted[-1, :, number], "o-", markersize=3, label="forecast")
        axis.set(ylabel=name)
    axes[-1, 0].set(xlabel="steps after the last input step")
    axes[0, 0].legend(fontsize="small")
    figure.suptitle(title)
    return figure


class Forecasting(heads.Forecasting, task.Task):
    """The next steps of series."""

    test_metrics = METRICS
    score = task.Score("mase", "MASE", higher_is_better=False)
    headline = ("mase", "mae", "rmse")
    baseline_name = "seasonal_naive"
    columns = summary = (
        Column("mase", "MASE [95 % interval]", ".4f", task.SCORE_ENDS),
        Column("mae", "MAE", ".5g"),
        Column("rmse", "RMSE", ".5g"),
    )

    def evaluate(self, model: task.TrainedModel, test: Split) -> task.Evaluation:
        """Score the model beside the seasonal naive forecast, in the units of the series."""
        scaling = Scaling.from_facts(model.manifest.facts)
        units = np.array(scaling.naive_errors)
        seen = scaling.unscaled(np.asarray(test.inputs, dtype=np.float64))
        predicted = scaling.forecasts(model.predict_all(test.inputs))
        actual = scaling.forecasts(test.targets)
        naive = repeat_season(seen, scaling.horizon, scaling.season)
        details = score_each_step(predicted, naive, actual, scaling)
        last = seen[:, -1:]
        return task.Evaluation(
            metrics=METRICS.measure(predicted, actual, units),
            baseline=METRICS.measure(naive, actual, units),
            details=details,
            confusions=task.count_pairs(
                (actual > last).ravel().astype(np.int64),
                (predicted > last).ravel().astype(np.int64),
                DIRECTIONS,
            ),
            predictions={
                task.SCORE_ARRAY: (np.abs(predicted - actual) / units).mean(axis=(1, 2)),
                "predicted": predicted,
                "actual": actual,
            },
            drawings={
                "steps_ahead": partial(draw_steps, details),
                "forecasts": partial(draw_forecasts, predicted, actual, seen, scaling),
            },
        )

    def as_stored(self, values: Array, model: task.TrainedModel) -> Array:
        """Scale values in the units of the series."""
        return Scaling.from_facts(model.manifest.facts).scaled(values)

    def as_given(self, inputs: Array, model: task.TrainedModel) -> Array:
        """Return scaled inputs in the units of the series."""
        return Scaling.from_facts(model.manifest.facts).unscaled(inputs)

    def answer(self, outputs: Array, model: task.TrainedModel, given: str, target: Path) -> str:
        """Return the name of the example, and one line per step ahead with the forecasts."""
        scaling = Scaling.from_facts(model.manifest.facts)
        (steps,) = scaling.forecasts(outputs[np.newaxis])
        lines = [
            f"{number:+d}  "
            + "  ".join(
                f"{name} {value:.6g}" for name, value in zip(scaling.series, step, strict=True)
            )
            for number, step in enumerate(steps, 1)
        ]
        return "\n".join([f"{given}: after its last step", *lines])

    def answers(self, outputs: Array, model: task.TrainedModel) -> Any:
        """Return the forecasts in the units of the series, shape (examples, horizon, series)."""
        return Scaling.from_facts(model.manifest.facts).forecasts(outputs)


task.TASKS.add(Forecasting.name, Forecasting())
