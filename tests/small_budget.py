"""The same pipeline on next to nothing."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

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


def time_only(experiments: Collection[str], folder: Path) -> None:
    """Leave of the stages `time` of a clone those of some experiments: each takes a while."""
    path, yaml = folder / "dvc.yaml", YAML()
    pipeline = yaml.load(path)
    lines = yaml.load(folder / "params.yaml")["experiments"]
    pipeline["stages"]["time"]["foreach"] = {name: dict(lines[name]) for name in experiments}
    yaml.dump(pipeline, path)


def _once(training: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in training.items() if key != "seeds"}


def _at_most(limits: Mapping[str, int], view: Mapping[str, Any]) -> dict[str, int]:
    return {name: min(limit, view.get(name, limit)) for name, limit in limits.items()}
