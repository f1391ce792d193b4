"""The source that MLflow keeps with a model of text and runs when it is loaded."""

from pathlib import Path

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from rnnbench.models.text_classifier import TextClassifier


class TextModel(PythonModel):
    """Takes raw texts and returns a row a text: its likeliest `label` and the `probability`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the run that was logged."""
        self._classifier = TextClassifier.load(Path(context.artifacts["run"]))

    def predict(self, model_input: list[str]) -> pd.DataFrame:  # type: ignore[override]
        """Answer for each text."""
        probabilities = self._classifier.probabilities(list(model_input))
        names = self._classifier.class_names
        return pd.DataFrame(
            {
                "label": [names[index] for index in probabilities.argmax(axis=1)],
                "probability": probabilities.max(axis=1),
            }
        )


set_model(TextModel())
