"""What is timed: an experiment as the record of a run describes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from rnnbench.params import Layer, LayerField, Training

# The ways in which it is trained.
STOCK, COMPILED = "stock", "compiled"
WAYS = (STOCK, COMPILED)

_LAYERS: TypeAdapter[dict[str, Layer]] = TypeAdapter(dict[str, LayerField])


@dataclass(frozen=True)
class Subject:
    """What a run of an experiment was trained with; its seed decides the weights."""

    layers: dict[str, Layer]
    training: Training
    seed: int
    deterministic: bool

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "Subject":
        """Return the subject of a `run.json`."""
        parameters = record["parameters"]
        return cls(
            layers=_LAYERS.validate_python(parameters["model"]),
            training=Training.model_validate(parameters["training"]),
            seed=record["seed"],
            deterministic=parameters["deterministic"],
        )
