"""An experiment that trains in seconds: its name, its seeds and the data it reads."""

from pathlib import Path
from typing import Any

import numpy as np

from rnnbench.data.prepared import Split, write_manifest, write_split

NAME = "mnist-gru"
SEEDS = [1, 2]


def write_view(folder: Path) -> None:
    """A small view of rows in the layout that preparing writes."""
    generator = np.random.default_rng(0)
    for part, name, size in (("fit", "train", 60), ("test", "test", 30)):
        labels = (np.arange(size) % 10).astype(np.uint8)
        images = generator.integers(0, 256, (size, 28, 28), dtype=np.uint8)
        (folder / part).mkdir(parents=True)
        facts = write_split(folder / part, name, Split(images, labels))
        facts["class_counts"] = np.bincount(labels).tolist()
        manifest: dict[str, Any] = {
            "view": "mnist-rows",
            "dataset": "mnist",
            "route": "local",
            "sources": ["mnist.npz"],
            "licence": "CC BY-SA 3.0",
            "citation": "LeCun",
            "class_names": [str(digit) for digit in range(10)],
            "splits": {name: facts},
            "test_examples_also_in_training": 0,
        }
        write_manifest(folder / part, manifest)
