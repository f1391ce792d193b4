"""A Keras model in MLflow, with signature, input example and pinned requirements."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow.keras
from mlflow.models import Model, infer_signature

if TYPE_CHECKING:
    import keras

MODEL_NAME = "model"


class KerasFlavor:
    """`mlflow.keras` as `Model.log` wants it.

    `mlflow.keras.save_model` writes the input example before it makes the model's folder; here
    the folder is made first.
    """

    __name__ = "mlflow.keras"

    @staticmethod
    def save_model(path: str, validate_serving_input: bool, **options: Any) -> None:
        """Save with `mlflow.keras.save_model` into a folder that exists.

        `validate_serving_input` speaks to `Model.log`, which hands it on.
        """
        Path(path).mkdir(parents=True, exist_ok=True)
        mlflow.keras.save_model(path=path, **options)


def log_model(model: "keras.Model", input_example: Any, environment: Mapping[str, Any]) -> None:
    """Log a model to the active run; `mlflow.pyfunc.load_model` loads it and predicts.

    Parameters
    ----------
    model : keras.Model
        To save in Keras's own format.
    input_example : ndarray
        Inputs as the model takes them.
    environment : mapping
        Packages and back end of the run, see `rnnbench.training.devices.environment`.
    """
    prediction = model.predict_on_batch(input_example)
    Model.log(
        artifact_path=None,
        name=MODEL_NAME,
        flavor=KerasFlavor(),
        model=model,
        signature=infer_signature(input_example, prediction),
        input_example=input_example,
        # Given, not inferred: inferring starts a process with another TensorFlow.
        pip_requirements=requirements(environment),
        # The project's tests load logged models; loading each one again would cost seconds a run.
        validate_serving_input=False,
    )


def requirements(environment: Mapping[str, Any]) -> list[str]:
    """Return what a model needs to load, pinned."""
    packages = environment["packages"]
    needed = sorted({"keras", "numpy", environment["backend"]})
    return [f"{name}=={packages[name]}" for name in needed if name in packages]
