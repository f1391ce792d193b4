"""Making views: a data set cut, padded and split for training."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnbench.data import adding, copying, moving_mnist, random_labels, reuters
from rnnbench.data.encoding import SHUFFLE_SEED, encode, known_words, pad, shuffled
from rnnbench.data.prepared import (
    Array,
    Split,
    write_manifest,
    write_split,
)
from rnnbench.data.ragged import Ragged
from rnnbench.data.tokens import most_frequent_words
from rnnbench.errors import RnnbenchError
from rnnbench.files import atomic_folder, file_digest, read_json, write_json
from rnnbench.layout import (
    FIT_FOLDER,
    PREPARED_FOLDER,
    PROVENANCE_FILE,
    RAW_FOLDER,
    TEST_FOLDER,
    VOCABULARY_FILE,
)
from rnnbench.params import (
    AddingView,
    AnyView,
    CopyingView,
    FramesView,
    Params,
    RandomLabelsView,
    RowsView,
    TextView,
)

REUTERS_TEST_FRACTION = 0.2
QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0)
SENTIMENTS = ("negative", "positive")
DIGITS = tuple(str(digit) for digit in range(10))


@dataclass(frozen=True)
class Material:
    """A data set in the shape of a view, before validation examples are taken.

    Attributes
    ----------
    train, test : Split
        As the data set divides them.
    class_names : tuple of str
        Empty where targets are not classes.
    words : list of str or None
        Of text: those that have an id of their own, the most frequent first.
    facts : dict
        What else a manifest should say: lengths before cutting, for example.
    """

    train: Split
    test: Split
    class_names: tuple[str, ...] = ()
    words: list[str] | None = None
    facts: dict[str, Any] = field(default_factory=dict)


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
        Where data sets are.
    target : Path, default data/prepared
        Its folder NAME gets `fit/` and `test/`.

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
    raw = raw_folder / view.dataset
    provenance = _checked_provenance(raw)
    material = _material(view, raw)
    train, validation = _hold_out(material.train, view.validation_fraction)
    common = {
        "view": name,
        "dataset": view.dataset,
        "route": provenance["route"],
        "sources": sorted(provenance["sources"]),
        "licence": provenance["licence"],
        "citation": provenance["citation"],
        "class_names": list(material.class_names),
    }
    with atomic_folder(target / name) as folder:
        fit = {**common, "splits": {}}
        _write(folder / FIT_FOLDER, "train", train, fit, material)
        if validation is not None:
            _write(folder / FIT_FOLDER, "validation", validation, fit, material)
        if material.words is not None:
            write_json(folder / FIT_FOLDER / VOCABULARY_FILE, material.words)
        test = {**common, "splits": {}, **material.facts}
        test["test_examples_also_in_training"] = count_duplicates(material.train, material.test)
        _write(folder / TEST_FOLDER, "test", material.test, test, material)
    print(f"{name}: {_summary(fit)}, {_summary(test)}", flush=True)
    return target / name


def count_duplicates(train: Split, test: Split) -> int:
    """Count test examples whose inputs stand, byte for byte, in the training split."""
    seen = {_fingerprint(row) for row in train.inputs}
    return sum(_fingerprint(row) in seen for row in test.inputs)


def _fingerprint(row: Array) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(row).tobytes()).digest()


def _write(
    folder: Path, name: str, split: Split, manifest: dict[str, Any], material: Material
) -> None:
    folder.mkdir(exist_ok=True)
    facts = write_split(folder, name, split)
    if material.class_names:
        counts = np.bincount(split.targets.ravel(), minlength=len(material.class_names))
        facts["class_counts"] = counts.tolist()
    manifest["splits"][name] = facts
    write_manifest(folder, manifest)


def _summary(manifest: dict[str, Any]) -> str:
    parts = [f"{split['examples']:,} {name}" for name, split in manifest["splits"].items()]
    return ", ".join(parts)


def _checked_provenance(raw: Path) -> dict[str, Any]:
    path = raw / PROVENANCE_FILE
    if not path.exists():
        raise RnnbenchError(f"{raw} holds no data set; `dvc repro fetch@{raw.name}` fetches it")
    provenance: dict[str, Any] = read_json(path)
    for name, expected in provenance["files"].items():
        file = raw / name
        actual = file_digest(file) if file.exists() else "missing"
        if actual != expected:
            raise RnnbenchError(
                f"{file} is corrupt: its sha256 hash is {actual}, recorded when it was fetched:"
                f" {expected}; fetch it again with `dvc repro --force --single-item"
                f" fetch@{raw.name}`"
            )
    return provenance


def _hold_out(split: Split, fraction: float) -> tuple[Split, Split | None]:
    """Take the last part for validation, as `fit(validation_split=...)` does."""
    if fraction == 0.0:
        return split, None
    kept = math.floor(len(split) * (1.0 - fraction))
    return split.part(0, kept), split.part(kept, len(split))


def _material(view: AnyView, raw: Path) -> Material:
    if isinstance(view, TextView):
        return _imdb(view, raw) if view.dataset == "imdb" else _reuters(view, raw)
    if isinstance(view, RowsView):
        return _mnist(view, raw)
    if isinstance(view, FramesView):
        return _moving_mnist(view, raw)
    return _generated(view, raw)


def _imdb(view: TextView, raw: Path) -> Material:
    generator = np.random.RandomState(SHUFFLE_SEED)
    splits = {}
    lengths = {}
    for name, limit in (("train", view.train_examples), ("test", view.test_examples)):
        reviews = Ragged.load(raw, name)
        labels = np.load(raw / f"{name}_labels.npy", allow_pickle=False)
        order = shuffled(len(reviews), generator)[:limit]
        splits[name], lengths[name] = _text_split(view, reviews, labels, order)
    words = most_frequent_words(raw, known_words(view.vocabulary_size))
    return Material(splits["train"], splits["test"], SENTIMENTS, words, {"lengths": lengths})


def _reuters(view: TextView, raw: Path) -> Material:
    documents = Ragged.load(raw, "all")
    labels = np.load(raw / "all_labels.npy", allow_pickle=False)
    order = shuffled(len(documents), np.random.RandomState(SHUFFLE_SEED))
    boundary = int(len(documents) * (1 - REUTERS_TEST_FRACTION))
    train, train_lengths = _text_split(
        view, documents, labels, order[:boundary][: view.train_examples]
    )
    test, test_lengths = _text_split(
        view, documents, labels, order[boundary:][: view.test_examples]
    )
    lengths = {"train": train_lengths, "test": test_lengths}
    words = most_frequent_words(raw, known_words(view.vocabulary_size))
    return Material(train, test, reuters.TOPICS, words, {"lengths": lengths})


def _text_split(
    view: TextView, sequences: Ragged, labels: Array, order: npt.NDArray[np.intp]
) -> tuple[Split, dict[str, Any]]:
    encoded = encode(sequences.take(order), view.vocabulary_size)
    rows = pad(encoded, view.sequence_length, view.padding, view.truncation)
    return Split(rows, labels[order]), _length_facts(encoded.lengths, view.sequence_length)


def _length_facts(lengths: npt.NDArray[np.int64], sequence_length: int) -> dict[str, Any]:
    """Tokens a sequence before cutting, start mark included."""
    quantiles = {f"{share:g}": float(np.quantile(lengths, share)) for share in QUANTILES}
    return {
        "quantiles": quantiles,
        "mean": float(np.mean(lengths)),
        "truncated": int(np.sum(lengths > sequence_length)),
        "without_words": int(np.sum(lengths <= 1)),
    }


def _mnist(view: RowsView, raw: Path) -> Material:
    splits = {}
    for name, limit in (("train", view.train_examples), ("test", view.test_examples)):
        images = np.load(raw / f"{name}_images.npy", mmap_mode="r", allow_pickle=False)
        labels = np.load(raw / f"{name}_labels.npy", allow_pickle=False)
        splits[name] = Split(images[:limit], labels[:limit])
    return Material(splits["train"], splits["test"], DIGITS)


def _generated(view: RandomLabelsView | AddingView | CopyingView, raw: Path) -> Material:
    seed = read_json(raw / PROVENANCE_FILE)["seed"]
    draw, class_names = _task(view)
    # A generator for each split: more training examples leave the test split as it is.
    train, test = (
        draw(count, np.random.default_rng([seed, number]))
        for number, count in enumerate((view.train_examples, view.test_examples))
    )
    return Material(train, test, class_names)


def _task(
    view: RandomLabelsView | AddingView | CopyingView,
) -> tuple[Callable[[int, np.random.Generator], Split], tuple[str, ...]]:
    """Return how a task's examples are drawn and what its classes are called."""
    if isinstance(view, RandomLabelsView):
        return partial(random_labels.draw, view), random_labels.CLASSES
    if isinstance(view, AddingView):
        return partial(adding.draw, view), ()
    return partial(copying.draw, view), copying.tokens(view)


def _moving_mnist(view: FramesView, raw: Path) -> Material:
    sequences = np.load(
        raw / moving_mnist.SEQUENCES_FILE, mmap_mode="r", allow_pickle=False
    )  # frames, sequences, rows, columns
    available = sequences.shape[1]
    train_count = view.train_examples or available - (view.test_examples or 0)
    test_count = view.test_examples or available - train_count
    _require_enough(train_count, test_count, available)
    if view.input_frames + view.target_frames > len(sequences):
        raise RnnbenchError(
            f"input_frames {view.input_frames} + target_frames {view.target_frames} are more"
            f" than the {len(sequences)} frames of a sequence"
        )
    train = _frames_split(view, sequences[:, :train_count])
    test = _frames_split(view, sequences[:, train_count : train_count + test_count])
    return Material(train, test)


def _require_enough(train_count: int, test_count: int, available: int) -> None:
    if train_count + test_count > available:
        raise RnnbenchError(
            f"train_examples {train_count} + test_examples {test_count} are more than the"
            f" {available} sequences there are; lower them or raise"
            " datasets.moving_mnist.generated_sequences"
        )


def _frames_split(view: FramesView, sequences: Array) -> Split:
    end = view.input_frames + view.target_frames
    ordered = np.moveaxis(sequences[:end], 1, 0)[..., np.newaxis]
    return Split(ordered[:, : view.input_frames], ordered[:, view.input_frames :])
