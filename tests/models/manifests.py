"""Manifests of the views in params.yaml, without their data."""

from typing import Any

from rnnbench.data.prepared import Manifest

# Task, shapes of one example's inputs and targets, number of classes.
VIEWS: dict[str, tuple[str, tuple[int, ...], tuple[int, ...], int]] = {
    "imdb-20k-200": ("classification", (200,), (), 2),
    "imdb-20k-200-end": ("classification", (200,), (), 2),
    "imdb-8k-200": ("classification", (200,), (), 2),
    "imdb-10k-500": ("classification", (500,), (), 2),
    "imdb-30k-400": ("classification", (400,), (), 2),
    "reuters-10k-160": ("classification", (160,), (), 46),
    "reuters-10k-200": ("classification", (200,), (), 46),
    "reuters-10k-200-end": ("classification", (200,), (), 46),
    "mnist-rows": ("classification", (28, 28), (), 10),
    "mnist-rows-10k": ("classification", (28, 28), (), 10),
    "mnist-rows-54k": ("classification", (28, 28), (), 10),
    "moving-mnist-1k": ("video", (10, 64, 64, 1), (10, 64, 64, 1), 0),
    "random-labels-10x1": ("classification", (10, 1), (), 2),
    "random-labels-10x8": ("classification", (10, 8), (), 2),
    **{f"adding-{steps}": ("regression", (steps, 2), (1,), 0) for steps in (20, 50, 100, 200)},
    **{
        f"copying-{delay}": ("sequence_labelling", (delay + 10, 6), (delay + 10,), 6)
        for delay in (5, 15, 30, 100)
    },
}
WORDS = {
    "imdb-20k-200": 20_000,
    "imdb-20k-200-end": 20_000,
    "imdb-8k-200": 8_000,
    "imdb-10k-500": 10_000,
    "imdb-30k-400": 30_000,
    "reuters-10k-160": 10_000,
    "reuters-10k-200": 10_000,
    "reuters-10k-200-end": 10_000,
}


def manifest_of(view: str, **changes: Any) -> Manifest:
    """Return a manifest that says of a view what a model must know."""
    task, inputs, targets, classes = VIEWS[view]
    shapes = {"inputs": {"shape": [1, *inputs]}, "targets": {"shape": [1, *targets]}}
    facts: dict[str, Any] = {
        "view": view,
        "dataset": view.partition("-")[0],
        "task": task,
        "parameters": {},
        "class_names": [str(number) for number in range(classes)],
        "vocabulary_size": WORDS.get(view),
        "splits": {"train": shapes},
        "facts": {"copied_symbols": 5, "alphabet_size": 4} if view.startswith("copying") else {},
    }
    return Manifest(**{**facts, **changes})
