"""What the five scripts share: arrays of a view, and one line for each model."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

PREPARED = Path(sys.argv[1])


def load(view: str, part: str, split: str) -> tuple[Any, Any]:
    """Return inputs and targets of a prepared view, pixels from 0 to 1."""
    folder = PREPARED / view / part
    inputs, targets = (
        np.load(folder / f"{split}_inputs.npy"),
        np.load(folder / f"{split}_targets.npy"),
    )
    return _scaled(inputs), _scaled(targets)


def _scaled(values: Any) -> Any:
    pixels = values.dtype == np.uint8 and values.ndim > 1
    return values / np.float32(255) if pixels else values


def train(name: str, view: str, layers: list[Any], **how: Any) -> None:
    """Build, compile, fit and evaluate a model as the notebooks do; print seconds and metrics."""
    keras.utils.set_random_seed(42)
    x, y = load(view, "fit", "train")
    held_out = (PREPARED / view / "fit" / "validation_inputs.npy").exists()
    model = keras.Sequential(layers)
    metrics = [] if y.ndim > 1 else ["accuracy"]
    model.compile(optimizer=how["optimizer"], loss=how["loss"], metrics=metrics)
    begun = time.perf_counter()
    model.fit(
        x,
        y,
        batch_size=how["batch_size"],
        epochs=how["epochs"],
        validation_data=load(view, "fit", "validation") if held_out else None,
        verbose=0,
    )
    said = {"experiment": name, "training": time.perf_counter() - begun}
    x, y = load(view, "test", "test")
    print(json.dumps(said | model.evaluate(x, y, verbose=0, return_dict=True)))
