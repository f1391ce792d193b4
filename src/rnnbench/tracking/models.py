"""A run's model in MLflow, with signature, input example and pinned requirements.

A model of arrays is logged as a Keras model. A model of text is logged as one that takes raw text:
its vocabulary lies beside it, and what comes out is a label and its probability.
"""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
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


class UncheckedFlavor:
    """`mlflow.keras` or `mlflow.pyfunc` as `Model.log` wants it, whose models it does not load.

    Once it has logged a model, MLflow loads it and predicts its example, which costs seconds a run;
    the project's tests load logged models instead.

    Parameters
    ----------
    flavor : module
        What saves the model.
    """

    def __init__(self, flavor: ModuleType) -> None:
        self.__name__ = flavor.__name__
        self._save_model = flavor.save_model

    def save_model(self, path: str, validate_serving_input: bool, **options: Any) -> None:
        """Save into a folder that exists: `mlflow.keras` writes into it before it makes one.

        `validate_serving_input` speaks to `Model.log`, which hands it on.
        """
        Path(path).mkdir(parents=True, exist_ok=True)
        self._save_model(path=path, **options)


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
    of_text = (folder / VOCABULARY_FILE).exists()
    logged = Model.log(
        artifact_path=None,
        name=f"{record['experiment']}-seed-{record['seed']}",
        # Given, not inferred: inferring starts a process with another TensorFlow.
        pip_requirements=requirements(record["environment"]),
        validate_serving_input=False,
        **(_text_model(folder) if of_text else _keras_model(folder)),
    )
    return str(logged.model_id)


def _keras_model(folder: Path) -> dict[str, Any]:
    model = load_model(folder / MODEL_FILE)
    example = np.load(folder / INPUT_EXAMPLE_FILE, allow_pickle=False)
    return {
        "flavor": UncheckedFlavor(mlflow.keras),
        "model": model,
        "signature": infer_signature(example, model.predict_on_batch(example)),
        "input_example": example,
    }


def _text_model(folder: Path) -> dict[str, Any]:
    package = Path(rnnbench.__file__).parent
    return {
        "flavor": UncheckedFlavor(mlflow.pyfunc),
        # Source that is run when the model is loaded: nothing is pickled.
        "python_model": str(package / "tracking" / "text_model.py"),
        "artifacts": {RUN_ARTIFACT: str(folder)},
        "code_paths": [str(package)],
        "input_example": TEXT_EXAMPLE,
    }


def requirements(environment: Mapping[str, Any]) -> list[str]:
    """Return what a model needs to load, pinned."""
    packages = environment["packages"]
    needed = sorted({"keras", "numpy", "pandas", environment["backend"]})
    return [f"{name}=={packages[name]}" for name in needed if name in packages]
