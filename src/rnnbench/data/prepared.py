"""Views on disk: plain arrays that can be memory-mapped, each folder with its manifest.

`fit/` holds what training may see (`train` and, where there is one, `validation`), `test/` what
evaluation alone opens. In each: `SPLIT_inputs.npy`, `SPLIT_targets.npy`, `manifest.json`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnbench.errors import RnnbenchError
from rnnbench.files import file_digest, read_json, write_json
from rnnbench.layout import MANIFEST_FILE, VOCABULARY_FILE

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Split:
    """Inputs and targets of the same examples.

    Attributes
    ----------
    inputs : ndarray, shape (examples, ...)
        Token ids (int32), rows of pixels or frames (uint8), sequences of numbers (float32).
    targets : ndarray, shape (examples, ...)
        Class labels (uint8, one an example; int32, one a step), frames (uint8), numbers (float32).
    """

    inputs: Array
    targets: Array

    def __len__(self) -> int:
        return len(self.inputs)

    def part(self, begin: int, end: int) -> "Split":
        """Return the examples from `begin` to before `end`."""
        return Split(self.inputs[begin:end], self.targets[begin:end])


@dataclass(frozen=True)
class TrainingData:
    """What training may see of a view.

    Attributes
    ----------
    train : Split
        To learn from.
    validation : Split or None
        Held out of it, if the view asks for that.
    manifest : dict
        What the view says of them: classes, counts, hashes, origin.
    words : list of str or None
        Of text: those that have an id of their own, the most frequent first.
    """

    train: Split
    validation: Split | None
    manifest: dict[str, Any]
    words: list[str] | None

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, none where targets are numbers."""
        names: list[str] = self.manifest["class_names"]
        return names


def write_split(folder: Path, name: str, split: Split) -> dict[str, Any]:
    """Write a split's arrays and return what a manifest says of it.

    Raises
    ------
    RnnbenchError
        If the split is empty.
    """
    if len(split) == 0:
        raise RnnbenchError(
            f"the {name} split is empty: raise the number of examples or change"
            " validation_fraction in the view's parameters"
        )
    facts: dict[str, Any] = {"examples": len(split)}
    for role, array in (("inputs", split.inputs), ("targets", split.targets)):
        path = folder / f"{name}_{role}.npy"
        np.save(path, array, allow_pickle=False)
        facts[role] = {
            "shape": list(array.shape),
            "dtype": str(array.dtype),
            "sha256": file_digest(path),
        }
    return facts


def read_split(folder: Path, name: str) -> Split:
    """Map a split into memory.

    Raises
    ------
    RnnbenchError
        If its files are missing.
    """
    paths = [folder / f"{name}_{role}.npy" for role in ("inputs", "targets")]
    for path in paths:
        _require(path)
    inputs, targets = (np.load(path, mmap_mode="r", allow_pickle=False) for path in paths)
    return Split(inputs, targets)


def read_training_data(folder: Path) -> TrainingData:
    """Map what training may see into memory; `folder` is a view's `fit/`.

    Raises
    ------
    RnnbenchError
        If files are missing.
    """
    manifest = read_manifest(folder)
    vocabulary = folder / VOCABULARY_FILE
    return TrainingData(
        train=read_split(folder, "train"),
        validation=read_split(folder, "validation") if "validation" in manifest["splits"] else None,
        manifest=manifest,
        words=read_json(vocabulary) if vocabulary.exists() else None,
    )


def write_manifest(folder: Path, content: dict[str, Any]) -> None:
    """Write a folder's `manifest.json`."""
    write_json(folder / MANIFEST_FILE, content)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a folder's `manifest.json`.

    Raises
    ------
    RnnbenchError
        If it is missing.
    """
    _require(folder / MANIFEST_FILE)
    manifest: dict[str, Any] = read_json(folder / MANIFEST_FILE)
    return manifest


def _require(path: Path) -> None:
    if not path.exists():
        view = path.parent.parent.name
        raise RnnbenchError(f"{path} does not exist; `dvc repro prepare@{view}` makes it")
