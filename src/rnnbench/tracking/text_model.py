"""The source that MLflow stores with a model of text, and runs when it loads the model."""

import sys
from pathlib import Path
from typing import Any

from mlflow import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from rnnbench.models.backend import import_keras

if "keras" not in sys.modules:  # a user's keras.json may name another back end
    import_keras()

from rnnbench.evaluation.trained import load_encoder, load_trained
from rnnbench.tasks.task import TASKS


class TextModel(PythonModel):
    """Takes raw texts and returns one row per text: its most likely `label` and `probability`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the run that was logged."""
        run = Path(context.artifacts["run"])
        self._model, self._encoder = load_trained(run), load_encoder(run)

    def predict(self, model_input: list[str]) -> Any:  # type: ignore[override]
        """Predict for each text."""
        if len(model_input) == 0:
            raise MlflowException.invalid_parameter_value(
                "there is no text to predict from; send at least one"
            )
        outputs = self._model.predict_all(self._encoder(list(model_input)))
        return TASKS[self._model.manifest.task].answers(outputs, self._model)


set_model(TextModel())
