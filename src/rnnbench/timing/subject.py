"""The subject of timing: an experiment as the record of a run describes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from rnnbench.params import Layer, LayerField, Training

# The ways of training that are timed.
STOCK, COMPILED = "stock", "compiled"
WAYS = (STOCK, COMPILED)

_LAYERS: TypeAdapter[dict[str, Layer]] = TypeAdapter(dict[str, LayerField])


@dataclass(frozen=True)
class Subject:
    """The model and the training recipe of a run; the seed decides the weights."""

    layers: dict[str, Layer]
    training: Training
    seed: int
    deterministic: bool

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "Subject":
        """Return the subject that a `run.json` describes."""
        parameters = record["parameters"]
        return cls(
            layers=_LAYERS.validate_python(parameters["model"]),
            training=Training.model_validate(parameters["training"]),
            seed=record["seed"],
            deterministic=parameters["deterministic"],
        )
