"""Milliseconds per step for fetching batches: the pipeline's batches against other ways.

The time of the whole epoch divided by its steps is also measured; it includes reading ahead and the
start and the end of the epoch.

The model computes next to nothing, so that a step is mostly its input. Arrays of the shapes of the
IMDB reviews and of the moving digits are memory-mapped files, as after `prepare`. Writes
`results/input.csv`.

    python benchmarks/input.py [--rounds 5]
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from results import write_csv
from rnnbench.data.prepared import Split, read_split, write_split
from rnnbench.models.backend import import_keras
from rnnbench.models.inputs import BYTE_MAXIMUM, as_targets, scaled
from rnnbench.training.batches import Batches, keras_input

import_keras()

import keras  # noqa: E402 - after `import_keras`, which silences it
import tensorflow as tf  # noqa: E402

from rnnbench.training.timing import TimingCallback  # noqa: E402


def reviews(generator: np.random.Generator) -> Split:
    """Make ids with the shape of the IMDB view, and labels."""
    words = generator.integers(0, 20_000, (20_000, 200), dtype=np.int32)
    return Split(words, generator.integers(0, 2, len(words), dtype=np.uint8))


def frames(generator: np.random.Generator) -> Split:
    """Make bytes with the shape of the moving digits, as inputs and as targets."""
    bytes_ = generator.integers(0, 256, (400, 10, 64, 64, 1), dtype=np.uint8)
    return Split(bytes_, bytes_[:, ::-1])


DATA: dict[str, tuple[Callable[[np.random.Generator], Split], int]] = {
    "reviews": (reviews, 64),
    "frames": (frames, 8),
}


def _tensorflow_data(split: Split, batch_size: int) -> Any:
    def as_floats(*arrays: Any) -> Any:
        return (
            tuple(
                tf.cast(array, tf.float32) / BYTE_MAXIMUM if len(array.shape) > 1 else array
                for array in arrays
            )
            if split.inputs.dtype == np.uint8
            else arrays
        )

    data = tf.data.Dataset.from_tensor_slices((split.inputs, split.targets))
    data = data.shuffle(len(split), seed=1).batch(batch_size).map(as_floats)
    return {"x": data.prefetch(tf.data.AUTOTUNE)}


WAYS: dict[str, Callable[[Split, int], dict[str, Any]]] = {
    "rnnbench, from memory": lambda split, size: {
        "x": keras_input(Batches(split, size, shuffle_seed=1))
    },
    "rnnbench, from files": lambda split, size: {
        "x": keras_input(Batches(split, size, shuffle_seed=1), most_in_memory=0)
    },
    "the files as PyDataset": lambda split, size: {"x": Batches(split, size, shuffle_seed=1)},
    "tf.data": _tensorflow_data,
    "arrays": lambda split, size: {
        "x": scaled(np.array(split.inputs)),
        "y": as_targets(np.array(split.targets)),
        "batch_size": size,
        "shuffle": True,
    },
}


def model_of(split: Split) -> Any:
    """Make a model that computes next to nothing."""
    inputs = keras.Input(split.inputs.shape[1:], dtype="float32")
    if split.targets.ndim == 1:
        outputs = keras.layers.Dense(1, activation="sigmoid")(inputs)
    else:
        outputs = keras.layers.Rescaling(1.0)(inputs)
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse", jit_compile=False)
    return model


def milliseconds(model: Any, given: dict[str, Any]) -> tuple[float, float]:
    """Return the median time of a step, and the time of the epoch divided by its steps."""
    timing = TimingCallback()
    model.fit(**given, epochs=1, verbose=0, callbacks=[timing])
    steps = timing.step_seconds
    return 1000 * float(np.median(steps)), 1000 * timing.epoch_seconds[0] / len(steps)


@click.command()
@click.option("--rounds", default=5, show_default=True, help="How often each way is timed.")
def main(rounds: int) -> None:
    """Measure and write the file."""
    rows = []
    for name, (make, batch_size) in DATA.items():
        with tempfile.TemporaryDirectory() as folder:
            write_split(Path(folder), "train", make(np.random.default_rng(1)))
            split = read_split(Path(folder), "train")
            model = model_of(split)
            given = {way: prepare(split, batch_size) for way, prepare in WAYS.items()}
            measured: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
            for _ in range(rounds + 1):  # the first round warms up
                for way, arguments in given.items():
                    measured[way].append(milliseconds(model, arguments))
        for way, times in measured.items():
            step, share = np.median(times[1:], axis=0)
            rows.append({"data": name, "way": way, "milliseconds": step, "of_epoch": share})
            print(f"{name}, {way}: {step:.2f} ms/step, epoch {share:.2f} ms/step", flush=True)
    write_csv("input", pd.DataFrame(rows))


if __name__ == "__main__":
    main()
