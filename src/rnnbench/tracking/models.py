"""A run's model in MLflow, with signature, input example and pinned requirements.

The run's folder is logged with this package's source, which loads it. A model of text takes raw
texts, a model of arrays takes examples in the shape of its view. A class is predicted as its label
and its probability.
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
# Packages that the source of a model imports, besides MLflow and the back end.
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
    """`mlflow.pyfunc` as a flavor for `Model.log`, without the check of the logged model.

    After logging, MLflow would load the model and predict its example, which costs seconds per run;
    the project's tests load logged models instead.
    """

    __name__ = mlflow.pyfunc.__name__

    def save_model(self, path: str, validate_serving_input: bool, **options: Any) -> None:
        """Save into a folder; `Model.log` passes `validate_serving_input`, which is ignored."""
        mlflow.pyfunc.save_model(path=path, **options)


def log_model(folder: Path, record: Mapping[str, Any]) -> str:
    """Log a run's model to the active run, for `mlflow.pyfunc.load_model`.

    Parameters
    ----------
    folder : Path
        The folder of the run, with the model, the input example and, for text, the vocabulary.
    record : mapping
        The content of `run.json`.

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
        # A source file, which is run when the model is loaded, so that nothing is pickled.
        python_model=str(package / "tracking" / (TEXT_SOURCE if reads_text else ARRAY_SOURCE)),
        artifacts={RUN_ARTIFACT: str(folder)},
        code_paths=[str(package)],
        # Given, because inferring them would start another process with TensorFlow.
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
    """Return the pinned packages that loading a model needs.

    Parameters
    ----------
    environment : mapping
        The environment of the run with the versions of the packages that its numbers depend on;
        other packages get the installed versions.
    """
    recorded = environment["packages"]
    needed = sorted({*SERVING_PACKAGES, environment["backend"]})
    return [f"{name}=={recorded.get(name) or metadata.version(name)}" for name in needed]
