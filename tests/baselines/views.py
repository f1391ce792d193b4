"""Small views on disk whose rule is known, one for each kind of data that baselines apply to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rnnbench.data.prepared import Split, write_manifest, write_split
from tests.tasks.manifests import make_manifest

SIZES = {"train": 240, "test": 120}
CLASSES = 3
WORDS = 20
LENGTH = 12
FIRST_WORD = 4

Draw = Callable[[np.random.Generator, int], Split]


def draw_text(generator: np.random.Generator, size: int) -> Split:
    """Each class has a word of its own, once or twice somewhere; rows are padded in front."""
    labels = (np.arange(size) % CLASSES).astype(np.uint8)
    ids = generator.integers(FIRST_WORD + CLASSES, WORDS, (size, LENGTH)).astype(np.int32)
    ids[:, :3] = 0
    places = generator.integers(3, LENGTH, size)
    ids[np.arange(size), places] = FIRST_WORD + labels
    return Split(ids, labels)


def draw_images(generator: np.random.Generator, size: int) -> Split:
    """Each class has a bright row of its own."""
    labels = (np.arange(size) % CLASSES).astype(np.uint8)
    images = generator.integers(0, 120, (size, 6, 5), dtype=np.uint8)
    images[np.arange(size), labels] += 100
    return Split(images, labels)


def draw_video(generator: np.random.Generator, size: int) -> Split:
    """A still grey pattern, somewhat different in each example."""
    still = np.linspace(20, 230, 256).reshape(1, 1, 16, 16, 1)
    frames = still + generator.integers(0, 10, (size // 10, 1, 16, 16, 1))
    return Split(*(np.repeat(frames, count, axis=1).astype(np.uint8) for count in (3, 2)))


def draw_numbers(generator: np.random.Generator, size: int) -> Split:
    """Classes of sequences of numbers, which are neither text nor images."""
    labels = (np.arange(size) % CLASSES).astype(np.uint8)
    return Split(generator.normal(size=(size, 5, 1)).astype(np.float32), labels)


def draw_sums(generator: np.random.Generator, size: int) -> Split:
    """Numbers to add."""
    numbers = generator.random((size, 5, 2)).astype(np.float32)
    return Split(numbers, numbers[:, :2, 0].sum(axis=1, keepdims=True))


def draw_series(generator: np.random.Generator, size: int) -> Split:
    """Two series with a season of two steps, and noise; three steps are asked for."""
    season = np.tile([[1.0, -1.0], [-1.0, 1.0]], (4, 1))
    steps = season + 0.1 * generator.normal(size=(size, 8, 2))
    return Split(steps[:, :5].astype(np.float32), steps[:, 5:].reshape(size, 6).astype(np.float32))


DRAWS: dict[str, Draw] = {
    "text": draw_text,
    "images": draw_images,
    "video": draw_video,
    "numbers": draw_numbers,
    "sums": draw_sums,
    "series": draw_series,
}
TASK_NAMES = {"video": "video", "sums": "regression", "series": "forecasting"}
SERIES: dict[str, Any] = {
    "series": ["a", "b"],
    "time": "day",
    "gaps": "refuse",
    "horizon": 3,
    "season": 2,
    "means": [100.0, 0.0],
    "standard_deviations": [10.0, 2.0],
    "naive_errors": [5.0, 0.5],
}


def write_view(prepared: Path, kind: str) -> None:
    """Write the view of this name in the layout that preparing writes."""
    generator = np.random.default_rng(5)
    task = TASK_NAMES.get(kind, "classification")
    classes = CLASSES if task == "classification" else 0
    for part, name in (("fit", "train"), ("test", "test")):
        split = DRAWS[kind](generator, SIZES[name])
        folder = prepared / kind / part
        folder.mkdir(parents=True)
        facts = write_split(folder, name, split)
        if classes:
            facts["class_counts"] = np.bincount(split.targets, minlength=classes).tolist()
        manifest = make_manifest(
            task,
            split.inputs.shape[1:],
            split.targets.shape[1:],
            classes,
            view=kind,
            vocabulary_size=WORDS if kind == "text" else None,
            splits={name: facts},
            facts=SERIES if kind == "series" else {},
        )
        write_manifest(folder, manifest)
