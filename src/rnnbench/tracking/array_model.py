"""The source that MLflow stores with a model of arrays, and runs when it loads the model."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from mlflow import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from rnnbench.models.backend import import_keras

if "keras" not in sys.modules:  # a user's keras.json may name another back end
    import_keras()

from rnnbench.data.arrays import Numbers, as_bytes
from rnnbench.errors import RnnbenchError
from rnnbench.evaluation.trained import load_trained
from rnnbench.tasks.task import TASKS


class ArrayModel(PythonModel):
    """Takes examples in the shape of the model's view and returns its task's predictions.

    Pixels are bytes from 0 to 255, or numbers from 0 to 1 if none is above 1.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Load the run that was logged."""
        self._model = load_trained(Path(context.artifacts["run"]))

    # For an array MLflow infers no signature, and keeps the one that was logged.
    def predict(self, model_input: np.ndarray) -> Any:  # type: ignore[override]
        """Predict for each example."""
        try:
            outputs = self._model.predict_all(self._inputs(np.asarray(model_input)))
        except RnnbenchError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        return TASKS[self._model.manifest.task].answers(outputs, self._model)

    def _inputs(self, values: Numbers) -> Numbers:
        if len(values) == 0:
            raise RnnbenchError("there is no example to predict from; send at least one")
        if not np.isfinite(values).all():
            raise RnnbenchError("the request holds numbers that are not finite (NaN or infinity)")
        if self._model.manifest.splits["train"]["inputs"]["dtype"] == "uint8":
            return as_bytes(values, "the request")
        return TASKS[self._model.manifest.task].as_stored(values, self._model)


set_model(ArrayModel())
