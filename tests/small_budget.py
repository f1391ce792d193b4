"""A params.yaml that runs the same pipeline on next to nothing."""

from collections.abc import Mapping
from typing import Any

EXAMPLES = {"train_examples": 400, "test_examples": 150}
FRAME_EXAMPLES = {"train_examples": 16, "test_examples": 8}


def shrink(
    content: Mapping[str, Any],
    examples: Mapping[str, int] = EXAMPLES,
    frame_examples: Mapping[str, int] = FRAME_EXAMPLES,
) -> dict[str, Any]:
    """One seed, one epoch, fewer examples, and Keras's own loops: compiling would not pay."""
    views = {
        name: {**view, **_at_most(frame_examples if "input_frames" in view else examples, view)}
        for name, view in content["views"].items()
    }
    suites = {
        name: {**suite, "training": {**_once(suite["training"]), "epochs": 1}}
        for name, suite in content["suites"].items()
    }
    experiments = {
        name: {key: value for key, value in _once(line).items() if key != "epochs"}
        for name, line in content["experiments"].items()
    }
    return {
        **content,
        "seeds": 1,
        "compiled_loops": False,
        "views": views,
        "suites": suites,
        "experiments": experiments,
    }


def _once(training: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in training.items() if key != "seeds"}


def _at_most(limits: Mapping[str, int], view: Mapping[str, Any]) -> dict[str, int]:
    return {name: min(limit, view.get(name, limit)) for name, limit in limits.items()}
