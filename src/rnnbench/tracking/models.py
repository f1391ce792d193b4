"""A run's model in MLflow, with signature, input example and pinned requirements.

What is logged is the run's folder and this package's source, which loads it: a model of text takes
raw text, one of arrays examples in the shape of its view. A class is answered by its label and its
probability.
"""

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
from mlflow.models import Model, infer_signature

import rnnbench
from rnnbench.evaluation.trained import load_trained
from rnnbench.layout import INPUT_EXAMPLE_FILE, VOCABULARY_FILE
from rnnbench.tasks.task import TASKS

TEXT_EXAMPLE = ["An excellent movie!", "Dull from beginning to end."]
RUN_ARTIFACT = "run"
TEXT_SOURCE = "text_model.py"
ARRAY_SOURCE = "array_model.py"
# What the source of a model imports, beside MLflow itself and the back end.
SERVING_PACKAGES = (
    "filelock",
    "keras",
    "numpy",
    "pandas",
    "pillow",
    "pydantic",
    "requests",
    "rich",
    "ruamel.yaml",
)


class UncheckedPyfunc:
    """`mlflow.pyfunc` as `Model.log` wants it, whose models it does not load.

    Once it has logged a model, MLflow loads it and predicts its example, which costs seconds a run;
    the project's tests load logged models instead.
    """

    __name__ = mlflow.pyfunc.__name__

    def save_model(self, path: str, validate_serving_input: bool, **options: Any) -> None:
        """Save into a folder; `validate_serving_input` speaks to `Model.log`, which hands it on."""
        mlflow.pyfunc.save_model(path=path, **options)


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
    package = Path(rnnbench.__file__).parent
    reads_text = (folder / VOCABULARY_FILE).exists()
    logged = Model.log(
        artifact_path=None,
        flavor=UncheckedPyfunc(),
        name=f"{record['experiment']}-seed-{record['seed']}",
        # Source that is run when the model is loaded: nothing is pickled.
        python_model=str(package / "tracking" / (TEXT_SOURCE if reads_text else ARRAY_SOURCE)),
        artifacts={RUN_ARTIFACT: str(folder)},
        code_paths=[str(package)],
        # Given, not inferred: inferring starts a process with another TensorFlow.
        pip_requirements=requirements(record["environment"]),
        validate_serving_input=False,
        **(_text_example() if reads_text else _array_example(folder)),
    )
    return str(logged.model_id)


def _text_example() -> dict[str, Any]:
    # The signature comes from the type hint of the model's `predict`.
    return {"input_example": TEXT_EXAMPLE}


def _array_example(folder: Path) -> dict[str, Any]:
    model = load_trained(folder)
    task = TASKS[model.manifest.task]
    inputs = np.load(folder / INPUT_EXAMPLE_FILE, allow_pickle=False)
    answers, example = task.answers(model.predict(inputs), model), task.as_given(inputs, model)
    return {"input_example": example, "signature": infer_signature(example, answers)}


def requirements(environment: Mapping[str, Any]) -> list[str]:
    """Return what a model needs to load, pinned.

    Parameters
    ----------
    environment : mapping
        Of the run, which says the versions of the packages that its numbers depend on; the others
        are those that are installed.
    """
    recorded = environment["packages"]
    needed = sorted({*SERVING_PACKAGES, environment["backend"]})
    return [f"{name}=={recorded.get(name) or metadata.version(name)}" for name in needed]
