"""Preparing views: limiting, splitting and writing data sets for training."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnbench.data.dataset import DATASETS, Material
from rnnbench.data.fetch import origin_path
from rnnbench.data.prepared import Array, Manifest, Split, write_manifest, write_split
from rnnbench.errors import RnnbenchError
from rnnbench.files import atomic_folder, file_digest, read_json, write_json
from rnnbench.layout import (
    FIT_FOLDER,
    ORIGIN_FILE,
    PREPARED_FOLDER,
    RAW_FOLDER,
    TEST_FOLDER,
    VOCABULARY_FILE,
)
from rnnbench.params import Params

QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0)


def prepare(
    name: str, params: Params, raw_folder: Path = RAW_FOLDER, target: Path = PREPARED_FOLDER
) -> Path:
    """Make a view from its raw data set.

    Parameters
    ----------
    name : str
        A view of `params.yaml`.
    params : Params
        The parameters.
    raw_folder : Path, default data/raw
        Folder of the raw data sets.
    target : Path, default data/prepared
        `fit/`, and `test/` with the data's origin record, are written to its folder NAME.

    Returns
    -------
    Path
        The view's folder.

    Raises
    ------
    RnnbenchError
        If a raw file is missing or corrupt, or a split would be empty.
    """
    view = params.views[name]
    dataset = DATASETS[view.dataset]
    raw = raw_folder / view.dataset
    origin = _checked_origin(raw)
    material = dataset.prepare(view, raw)
    train = material.splits["train"].part(0, view.train_examples)
    test = material.splits["test"].part(0, view.test_examples)
    # The training manifest omits the size of the test split, on which no model depends.
    parameters = view.model_dump(exclude_none=True, exclude={"test_examples"})
    fit_manifest = Manifest(
        view=name,
        dataset=view.dataset,
        task=dataset.task,
        parameters=parameters,
        class_names=list(material.class_names),
        vocabulary_size=material.vocabulary_size,
        splits={},
        facts=dict(material.facts),
    )
    test_manifest = replace(
        fit_manifest,
        parameters=view.model_dump(exclude_none=True),
        facts=fit_manifest.facts | _test_facts(material, train, test),
    )
    with atomic_folder(target / name) as folder:
        fitting = _hold_out(train, view.validation_fraction)
        if "validation" in material.splits:
            fitting = {"train": train, "validation": material.splits["validation"]}
        fit = _write(folder / FIT_FOLDER, fitting, fit_manifest)
        if material.words is not None:
            write_json(folder / FIT_FOLDER / VOCABULARY_FILE, material.words)
        tested = _write(folder / TEST_FOLDER, {"test": test}, test_manifest)
        write_json(folder / TEST_FOLDER / ORIGIN_FILE, origin)
    print(f"{name}: {_summary(fit)}, {_summary(tested)}", flush=True)
    return target / name


def count_duplicates(train: Split, test: Split) -> int:
    """Count test examples whose inputs occur, byte for byte, in the training split."""
    seen = {_fingerprint(row) for row in train.inputs}
    return sum(_fingerprint(row) in seen for row in test.inputs)


def _fingerprint(row: Array) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(row).tobytes()).digest()


def _write(folder: Path, splits: Mapping[str, Split], manifest: Manifest) -> Manifest:
    """Write splits and their manifest, and return the manifest with their facts."""
    folder.mkdir()
    written = {}
    for name, split in splits.items():
        written[name] = write_split(folder, name, split)
        if manifest.class_names:
            counts = np.bincount(split.targets.ravel(), minlength=len(manifest.class_names))
            written[name]["class_counts"] = counts.tolist()
    manifest = replace(manifest, splits=written)
    write_manifest(folder, manifest)
    return manifest


def _summary(manifest: Manifest) -> str:
    parts = [f"{split['examples']:,} {name}" for name, split in manifest.splits.items()]
    return ", ".join(parts)


def _checked_origin(raw: Path) -> dict[str, Any]:
    """Return the origin of a data set after checking that its content is unchanged."""
    if not origin_path(raw).exists():
        raise RnnbenchError(f"{raw} holds no data set; `dvc repro {_stage(raw)}` fetches it")
    origin: dict[str, Any] = read_json(origin_path(raw))
    for name, expected in origin.pop("files").items():
        fault = _fault(raw / name, expected)
        if fault:
            raise RnnbenchError(
                f"{raw / name} {fault}; fetch it again with `dvc repro --force --single-item"
                f" {_stage(raw)}`"
            )
    return origin


def _fault(file: Path, expected: str) -> str | None:
    if not file.exists():
        return "is missing"
    actual = file_digest(file)
    if actual == expected:
        return None
    return f"is corrupt: its sha256 hash is {actual}, recorded when it was fetched: {expected}"


def _stage(raw: Path) -> str:
    return f"{DATASETS[raw.name].fetch_stage}@{raw.name}"


def _hold_out(split: Split, fraction: float) -> dict[str, Split]:
    """Take the last part for validation, as `fit(validation_split=...)` does."""
    if fraction == 0.0:
        return {"train": split}
    boundary = math.floor(len(split) * (1.0 - fraction))
    return {"train": split.part(0, boundary), "validation": split.part(boundary, None)}


def _test_facts(material: Material, train: Split, test: Split) -> dict[str, Any]:
    facts: dict[str, Any] = {"test_examples_also_in_training": count_duplicates(train, test)}
    if material.lengths:
        facts["lengths"] = {
            name: _length_facts(material.lengths[name][: len(split)], split.inputs.shape[1])
            for name, split in (("train", train), ("test", test))
        }
    return facts


def _length_facts(lengths: npt.NDArray[np.int64], sequence_length: int) -> dict[str, Any]:
    """Describe the tokens per sequence before truncation, including the start mark."""
    quantiles = {f"{share:g}": float(np.quantile(lengths, share)) for share in QUANTILES}
    return {
        "quantiles": quantiles,
        "mean": float(np.mean(lengths)),
        "truncated": int(np.sum(lengths > sequence_length)),
    }
