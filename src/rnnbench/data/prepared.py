"""Views on disk: plain arrays that can be memory-mapped, each folder with its manifest.

`fit/` holds the splits for training, `train` and, if there is one, `validation`; only evaluation
opens `test/`. Each folder has `SPLIT_inputs.npy`, `SPLIT_targets.npy` and `manifest.json`.
"""

from dataclasses import asdict, dataclass
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
        Class labels (uint8 per example, int32 per step), frames (uint8), numbers (float32).
    """

    inputs: Array
    targets: Array

    def __len__(self) -> int:
        return len(self.inputs)

    def part(self, begin: int, end: int | None) -> "Split":
        """Return the examples `begin:end`, or all from `begin` on if `end` is None."""
        return Split(self.inputs[begin:end], self.targets[begin:end])


@dataclass(frozen=True)
class Manifest:
    """Description of the splits in a folder of a view.

    Attributes
    ----------
    view, dataset : str
        Names in `params.yaml`.
    task : str
        The kind of task, a name in `rnnbench.tasks`.
    parameters : dict
        The view's parameters, including Keras's defaults; limits that are not set are left out.
    class_names : list of str
        In the order of the labels; empty if targets are numbers.
    vocabulary_size : int or None
        The number of token ids; None if inputs are numbers.
    splits : dict
        For each split, `examples`, the `shape`, `dtype` and `sha256` of its `inputs` and `targets`
        and, if targets are classes, `class_counts`.
    facts : dict
        Further facts for the task or for readers.
    """

    view: str
    dataset: str
    task: str
    parameters: dict[str, Any]
    class_names: list[str]
    vocabulary_size: int | None
    splits: dict[str, dict[str, Any]]
    facts: dict[str, Any]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the inputs of one example."""
        return self._shape("inputs")

    @property
    def target_shape(self) -> tuple[int, ...]:
        """The shape of the targets of one example."""
        return self._shape("targets")

    def _shape(self, role: str) -> tuple[int, ...]:
        split = next(iter(self.splits.values()))
        return tuple(split[role]["shape"][1:])


@dataclass(frozen=True)
class TrainingData:
    """The data of a view that training may read.

    Attributes
    ----------
    train : Split
        Examples to train on.
    validation : Split or None
        Examples held out for validation; None if the view holds out none.
    manifest : Manifest
        Description of both splits.
    words : list of str or None
        Words with an id of their own, the most frequent first; None if inputs are not text.
    """

    train: Split
    validation: Split | None
    manifest: Manifest
    words: list[str] | None


def write_split(folder: Path, name: str, split: Split) -> dict[str, Any]:
    """Write a split's arrays and return its description for the manifest.

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
    """Map the training data of a view into memory; `folder` is the view's `fit/`.

    Raises
    ------
    RnnbenchError
        If files are missing.
    """
    manifest = read_manifest(folder)
    vocabulary = folder / VOCABULARY_FILE
    return TrainingData(
        train=read_split(folder, "train"),
        validation=read_split(folder, "validation") if "validation" in manifest.splits else None,
        manifest=manifest,
        words=read_json(vocabulary) if vocabulary.exists() else None,
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a folder's `manifest.json`."""
    write_json(folder / MANIFEST_FILE, asdict(manifest))


def read_manifest(folder: Path) -> Manifest:
    """Read a folder's `manifest.json`.

    Raises
    ------
    RnnbenchError
        If it is missing.
    """
    _require(folder / MANIFEST_FILE)
    return Manifest(**read_json(folder / MANIFEST_FILE))


def _require(path: Path) -> None:
    if not path.exists():
        view = path.parent.parent.name
        raise RnnbenchError(f"{path} does not exist; `dvc repro prepare@{view}` makes it")
