"""The source that MLflow keeps with a model of text and runs when it is loaded."""

from pathlib import Path

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from rnnbench.evaluation.trained import load_encoder, load_trained
from rnnbench.tasks.classification import probabilities_from_outputs


class TextModel(PythonModel):
    """Takes raw texts and returns one row per text: its likeliest `label` and `probability`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the run that was logged."""
        run = Path(context.artifacts["run"])
        self._model, self._encoder = load_trained(run), load_encoder(run)

    def predict(self, model_input: list[str]) -> pd.DataFrame:  # type: ignore[override]
        """Answer for each text."""
        outputs = self._model.predict_all(self._encoder(list(model_input)))
        probabilities = probabilities_from_outputs(outputs, self._model.from_logits)
        names = self._model.manifest.class_names
        return pd.DataFrame(
            {
                "label": [names[index] for index in probabilities.argmax(axis=1)],
                "probability": probabilities.max(axis=1),
            }
        )


set_model(TextModel())
