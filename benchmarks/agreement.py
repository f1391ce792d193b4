"""The difference of training with the compiled loop from stock training, compared with rounding.

The same model is trained on the first reviews of the IMDB view three times: with Keras's own loop,
with the compiled loop, and with Keras's own loop from weights that are one millionth larger. Once
training has become sensitive to rounding, the last two depart from the first in the same way. Needs
`dvc repro prepare@imdb-20k-200`. Writes `results/agreement.csv`.

    python benchmarks/agreement.py [--steps 150]
"""

from typing import Any

import click
import numpy as np
import pandas as pd

from results import write_csv
from rnnbench.data.prepared import read_split
from rnnbench.layout import FIT_FOLDER, PREPARED_FOLDER
from rnnbench.models.backend import import_keras
from rnnbench.training.batches import Batches

import_keras()

import keras  # noqa: E402 - after `import_keras`, which silences it

from rnnbench.models.fast import accelerate  # noqa: E402
from rnnbench.training.determinism import seed_everything  # noqa: E402

VIEW = "imdb-20k-200"
BATCH_SIZE = 64
MILLIONTH = 1e-6


def losses(batches: Batches, steps: int, accelerated: bool = False, change: float = 0.0) -> Any:
    """Train for some steps; return the loss of each step."""
    seed_everything(42, deterministic=True)
    L = keras.layers  # noqa: N806
    layers = [L.Embedding(20_000, 128), L.LSTM(32), L.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input((200,), dtype="int32"), *layers])
    model.compile("adam", "binary_crossentropy")
    model.set_weights([weight * (1 + change) for weight in model.get_weights()])
    if accelerated:
        accelerate(model, BATCH_SIZE)
    return np.array([float(model.train_on_batch(*batches[step])) for step in range(steps)])


@click.command()
@click.option("--steps", default=150, show_default=True, help="How many steps to train.")
def main(steps: int) -> None:
    """Measure and write the file."""
    batches = Batches(read_split(PREPARED_FOLDER / VIEW / FIT_FOLDER, "train"), BATCH_SIZE)
    stock = losses(batches, steps)
    relative = {
        "accelerated": losses(batches, steps, accelerated=True) / stock - 1,
        "changed": losses(batches, steps, change=MILLIONTH) / stock - 1,
    }
    table = pd.DataFrame({"step": np.arange(1, steps + 1), "loss": stock, **relative})
    chosen = table[table["step"].isin([1, 20, 40, 60, 80, 100, 120, steps])]
    write_csv("agreement", chosen)
    print(chosen.to_string(index=False))


if __name__ == "__main__":
    main()
