"""What a run's folder holds to predict with: its model, and of texts the encoder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from rnnbench.data.dataset import DATASETS
from rnnbench.data.prepared import Array, read_manifest
from rnnbench.data.text_encoder import TextEncoder
from rnnbench.errors import RnnbenchError
from rnnbench.files import file_digest, read_json
from rnnbench.layout import MODEL_DIGEST, MODEL_FILE, RECORD_FILE, VOCABULARY_FILE
from rnnbench.models.inputs import scaled
from rnnbench.models.saved import load_model
from rnnbench.tasks.task import TrainedModel


def load_trained(folder: Path) -> TrainedModel:
    """Load the model of a run, `folder` being `runs/SUITE/EXPERIMENT/seed-N`.

    Raises
    ------
    RnnbenchError
        If the file of the model is not the one that training wrote, or cannot be loaded.
    """
    return as_trained(load_network(folder), folder)


def load_network(folder: Path) -> keras.Model:
    """Load the Keras model of a run; what its outputs mean, `as_trained` adds.

    Raises
    ------
    RnnbenchError
        If the file of the model is not the one that training wrote, or cannot be loaded.
    """
    _require_trained(folder / MODEL_FILE, read_json(folder / RECORD_FILE))
    return load_model(folder / MODEL_FILE)


def as_trained(model: keras.Model, folder: Path) -> TrainedModel:
    """Return a run's model with what its outputs mean."""
    training = read_json(folder / RECORD_FILE)["parameters"]["training"]

    def predict(inputs: Array) -> Array:
        outputs: Array = model.predict_on_batch(scaled(np.asarray(inputs)))
        return outputs

    return TrainedModel(
        predict, read_manifest(folder), training["from_logits"], training["batch_size"]
    )


def _require_trained(model: Path, record: Mapping[str, Any]) -> None:
    """Refuse a model that was exchanged; records of earlier versions say nothing of it."""
    if MODEL_DIGEST in record and file_digest(model) != record[MODEL_DIGEST]:
        raise RnnbenchError(
            f"{model} is not the model that was trained: its hash is not that in {RECORD_FILE};"
            " `dvc checkout` or `dvc pull` brings that back"
        )


def load_encoder(folder: Path) -> TextEncoder:
    """Load what turns texts into the inputs of a run's model."""
    manifest = read_manifest(folder)
    view, words = manifest.parameters, read_json(folder / VOCABULARY_FILE)
    return TextEncoder(
        words,
        view["sequence_length"],
        view["padding"],
        view["truncation"],
        DATASETS[manifest.dataset].markup,
    )
