"""Manifests of small views, as preparing writes them."""

from typing import Any

from rnnbench.data.prepared import Manifest


def make_manifest(
    task: str,
    inputs: tuple[int, ...],
    targets: tuple[int, ...],
    classes: int = 0,
    dtype: str = "float32",
    facts: dict[str, Any] | None = None,
    **fields: Any,
) -> Manifest:
    """Return a view's manifest from the shapes of one example; `fields` replaces what it has."""
    train = {
        "examples": 60,
        "inputs": {"shape": [60, *inputs], "dtype": dtype, "sha256": "a" * 64},
        "targets": {"shape": [60, *targets], "dtype": dtype, "sha256": "b" * 64},
    }
    if classes:
        train["class_counts"] = [60 // classes] * classes
    content: dict[str, Any] = {
        "view": "small",
        "dataset": "toy",
        "task": task,
        "parameters": {},
        "class_names": [f"class {index}" for index in range(classes)],
        "vocabulary_size": None,
        "splits": {"train": train},
        "facts": facts or {},
    }
    return Manifest(**{**content, **fields})
