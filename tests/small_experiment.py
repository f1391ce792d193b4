"""An experiment that trains in seconds: its name, its seeds and the data it reads."""

from pathlib import Path

import numpy as np

from rnnbench.data.prepared import Manifest, Split, write_manifest, write_split
from rnnbench.files import write_json

NAME = "mnist-gru"
SEEDS = [1, 2]


def write_view(folder: Path) -> None:
    """A small view of rows in the layout that preparing writes."""
    generator = np.random.default_rng(0)
    for part, name, size in (("fit", "train", 60), ("test", "test", 30)):
        labels = (np.arange(size) % 10).astype(np.uint8)
        images = generator.integers(0, 256, (size, 28, 28), dtype=np.uint8)
        (folder / part).mkdir(parents=True)
        split = write_split(folder / part, name, Split(images, labels))
        split["class_counts"] = np.bincount(labels).tolist()
        manifest = Manifest(
            view="mnist-rows",
            dataset="mnist",
            task="classification",
            parameters={"dataset": "mnist", "validation_fraction": 0.0},
            class_names=[str(digit) for digit in range(10)],
            vocabulary_size=None,
            splits={name: split},
            facts={} if part == "fit" else {"test_examples_also_in_training": 0},
        )
        write_manifest(folder / part, manifest)
    origin = {"route": "upstream", "sources": {}, "licence": "CC BY-SA 3.0", "citation": "LeCun"}
    write_json(folder / "test" / "origin.json", origin)
