"""A run's model in MLflow, with signature, input example and pinned requirements.

A model of arrays is logged as a Keras model. A model of text is logged as one that takes raw text:
its vocabulary lies beside it, and what comes out is a label and its probability.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow.keras
import mlflow.pyfunc
import numpy as np
from mlflow.models import Model, infer_signature

import rnnbench
from rnnbench.layout import INPUT_EXAMPLE_FILE, MODEL_FILE, VOCABULARY_FILE
from rnnbench.models.saved import load_model

TEXT_EXAMPLE = ["An excellent movie!", "Dull from beginning to end."]
RUN_ARTIFACT = "run"


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


def log_model(folder: Path, record: Mapping[str, Any]) -> str:
    """Log a run's model to the active run; `mlflow.pyfunc.load_model` loads it and predicts.

    Parameters
    ----------
    folder : Path
        The run's: model, input example and, of text, vocabulary.
    record : mapping
        What `run.json` says.

    Returns
    -------
    str
        The model's identifier.
    """
    name = f"{record['experiment']}-seed-{record['seed']}"
    # Given, not inferred: inferring starts a process with another TensorFlow.
    pinned = requirements(record["environment"])
    if (folder / VOCABULARY_FILE).exists():
        logged = _log_text_model(name, folder, pinned)
    else:
        logged = _log_keras_model(name, folder, pinned)
    return str(logged.model_id)


def _log_keras_model(name: str, folder: Path, pinned: list[str]) -> Any:
    model = load_model(folder / MODEL_FILE)
    example = np.load(folder / INPUT_EXAMPLE_FILE, allow_pickle=False)
    return Model.log(
        artifact_path=None,
        name=name,
        flavor=KerasFlavor(),
        model=model,
        signature=infer_signature(example, model.predict_on_batch(example)),
        input_example=example,
        pip_requirements=pinned,
        # The project's tests load logged models; loading each one again would cost seconds a run.
        validate_serving_input=False,
    )


def _log_text_model(name: str, folder: Path, pinned: list[str]) -> Any:
    package = Path(rnnbench.__file__).parent
    return mlflow.pyfunc.log_model(
        name=name,
        # Source that is run when the model is loaded: nothing is pickled.
        python_model=str(package / "tracking" / "text_model.py"),
        artifacts={RUN_ARTIFACT: str(folder)},
        code_paths=[str(package)],
        input_example=TEXT_EXAMPLE,
        pip_requirements=pinned,
    )


def requirements(environment: Mapping[str, Any]) -> list[str]:
    """Return what a model needs to load, pinned."""
    packages = environment["packages"]
    needed = sorted({"keras", "numpy", "pandas", environment["backend"]})
    return [f"{name}=={packages[name]}" for name in needed if name in packages]
