"""Loading a run for prediction: its model and, for texts, its encoder."""

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
    """Load the model of a run from its folder, `runs/SUITE/EXPERIMENT/seed-N`.

    Raises
    ------
    RnnbenchError
        If the file of the model is not the one that training wrote, or cannot be loaded.
    """
    return as_trained(load_network(folder), folder)


def load_network(folder: Path) -> keras.Model:
    """Load the Keras model of a run; `as_trained` adds the meaning of its outputs.

    Raises
    ------
    RnnbenchError
        If the file of the model is not the one that training wrote, or cannot be loaded.
    """
    _require_trained(folder / MODEL_FILE, read_json(folder / RECORD_FILE))
    return load_model(folder / MODEL_FILE)


def as_trained(model: keras.Model, folder: Path) -> TrainedModel:
    """Return a run's model with its manifest, which describes the outputs."""
    training = read_json(folder / RECORD_FILE)["parameters"]["training"]

    def predict(inputs: Array) -> Array:
        outputs: Array = model.predict_on_batch(scaled(np.asarray(inputs)))
        return outputs

    return TrainedModel(
        predict, read_manifest(folder), training["from_logits"], training["batch_size"]
    )


def _require_trained(model: Path, record: Mapping[str, Any]) -> None:
    """Refuse a model whose hash differs from the record's; records of old versions have none."""
    if MODEL_DIGEST in record and file_digest(model) != record[MODEL_DIGEST]:
        raise RnnbenchError(
            f"{model} is not the model that was trained: its hash differs from that in"
            f" {RECORD_FILE}; restore it with `dvc checkout` or `dvc pull`"
        )


def load_encoder(folder: Path) -> TextEncoder:
    """Load the encoder that converts texts to the inputs of a run's model."""
    manifest = read_manifest(folder)
    view, words = manifest.parameters, read_json(folder / VOCABULARY_FILE)
    return TextEncoder(
        words,
        view["sequence_length"],
        view["padding"],
        view["truncation"],
        DATASETS[manifest.dataset].markup,
    )
