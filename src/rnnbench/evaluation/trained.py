"""What a run's folder holds to predict with: its model, and of texts the encoder."""

from pathlib import Path

import numpy as np

from rnnbench.data.dataset import DATASETS
from rnnbench.data.prepared import Array, read_manifest
from rnnbench.data.text_encoder import TextEncoder
from rnnbench.files import read_json
from rnnbench.layout import MODEL_FILE, RECORD_FILE, VOCABULARY_FILE
from rnnbench.models.inputs import scaled
from rnnbench.models.saved import load_model
from rnnbench.tasks.task import TrainedModel


def load_trained(folder: Path) -> TrainedModel:
    """Load the model of a run, `folder` being `runs/SUITE/EXPERIMENT/seed-N`."""
    model = load_model(folder / MODEL_FILE)
    training = read_json(folder / RECORD_FILE)["parameters"]["training"]

    def predict(inputs: Array) -> Array:
        outputs: Array = model.predict_on_batch(scaled(np.asarray(inputs)))
        return outputs

    return TrainedModel(
        predict, read_manifest(folder), training["from_logits"], training["batch_size"]
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
