"""Forecasts without a recurrent layer: seasonal naive, and linear regression on the window."""

import numpy as np

from rnnbench.baselines.baseline import BASELINES, Baseline, Predict
from rnnbench.data.prepared import Array, Manifest, TrainingData
from rnnbench.tasks import forecasting

PENALTY = 1.0  # scikit-learn's default


def is_forecasting(manifest: Manifest) -> bool:
    """Return whether a view is for forecasting."""
    return manifest.task == forecasting.Forecasting.name


def repeat_season(data: TrainingData) -> Predict:
    """Predict each value by the value one season before."""
    horizon, season = (data.manifest.facts[name] for name in ("horizon", "season"))

    def predict(inputs: Array) -> Array:
        return forecasting.repeat_season(inputs, horizon, season).reshape(len(inputs), -1)

    return predict


def fit_linear(data: TrainingData) -> Predict:
    """Fit ridge regression from all steps of a window to all steps that follow."""
    from sklearn.linear_model import Ridge

    regression = Ridge(alpha=PENALTY).fit(_flat(data.train.inputs), np.asarray(data.train.targets))

    def predict(inputs: Array) -> Array:
        outputs: Array = regression.predict(_flat(inputs))
        return outputs.reshape(len(inputs), -1)

    return predict


def _flat(inputs: Array) -> Array:
    return np.asarray(inputs).reshape(len(inputs), -1)


# It has the name of the task's own baseline.
BASELINES.add(
    forecasting.Forecasting.baseline_name,
    Baseline("seasonal naive forecast", is_forecasting, repeat_season),
)
BASELINES.add("linear", Baseline("linear regression on the window", is_forecasting, fit_linear))
