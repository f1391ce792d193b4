"""A trained model that takes raw text and answers with a label."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from rnnbench.data.text_encoder import TextEncoder
from rnnbench.files import read_json
from rnnbench.layout import MODEL_FILE, RECORD_FILE, VOCABULARY_FILE
from rnnbench.models.outputs import Probabilities, probabilities_from_outputs
from rnnbench.models.saved import load_model

BATCH_SIZE = 64


@dataclass(frozen=True)
class TextClassifier:
    """A model with what turns text into its inputs and its outputs into classes.

    Attributes
    ----------
    model : keras.Model
        Takes ids, shape (texts, sequence_length).
    encoder : TextEncoder
        Makes them from text.
    class_names : list of str
        What the classes are called.
    from_logits : bool
        Whether the model's outputs are before the sigmoid or softmax.
    """

    model: keras.Model
    encoder: TextEncoder
    class_names: list[str]
    from_logits: bool

    @classmethod
    def load(cls, folder: Path) -> "TextClassifier":
        """Load a run's model, `folder` being the run's."""
        record = read_json(folder / RECORD_FILE)
        view = record["parameters"]["view"]
        encoder = TextEncoder(
            read_json(folder / VOCABULARY_FILE),
            view["sequence_length"],
            view["padding"],
            view["truncation"],
        )
        return cls(
            load_model(folder / MODEL_FILE),
            encoder,
            record["class_names"],
            record["parameters"]["training"]["from_logits"],
        )

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """Return the probability of each class, shape (texts, classes)."""
        ids = self.encoder(texts)
        outputs = [
            self.model.predict_on_batch(ids[begin : begin + BATCH_SIZE])
            for begin in range(0, len(ids), BATCH_SIZE)
        ]
        return probabilities_from_outputs(np.concatenate(outputs), self.from_logits)
