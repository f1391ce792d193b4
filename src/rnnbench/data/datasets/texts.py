"""Labelled texts from a user's own file: a table, or a folder with one folder per class.

A data set of this kind is called `texts-NAME` and stands in the section `files` of `params.yaml`.
The test split is drawn once, by a seed, and is stratified by class; so is the end of the training
split, which a view holds out for validation. Words are ranked by their count in the training split
alone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, model_validator

from rnnbench.data.dataset import DATASETS, Dataset, Material, Route
from rnnbench.data.plain_text import plain_letters, without_html
from rnnbench.data.ragged import Ragged
from rnnbench.data.table_files import describe_file, read_columns
from rnnbench.data.text import Texts, TextView, save_texts, text_material
from rnnbench.data.text_files import decode, require_plain
from rnnbench.data.tokens import UNRANKED, save_word_index, tokenize
from rnnbench.errors import RnnbenchError
from rnnbench.files import read_json, write_json
from rnnbench.params import FileSettings

KIND = "texts"
CLASSES_FILE = "classes.json"
FEWEST_EXAMPLES = 10  # per class; with fewer, a split has one or none
MOST_CLASSES = 100
NAMED = 5  # values that a message lists
LONGEST_TOKEN = 25  # mean characters per word; languages with spaces between words have fewer

Labels = npt.NDArray[np.int64]


class OwnTexts(FileSettings):
    """The file, its columns, and how its texts are split."""

    text: str | None = None
    label: str | None = None
    test_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    split_seed: Annotated[int, Field(ge=0)] = 0
    repeated_texts: Literal["leave_out", "keep"] = "leave_out"
    rare_classes: Literal["refuse", "leave_out"] = "refuse"

    @model_validator(mode="after")
    def _columns_come_together(self) -> "OwnTexts":
        if (self.text is None) != (self.label is None):
            raise ValueError(
                "text and label name the columns of a table: give both, or neither for a folder"
                " with one folder of files per class"
            )
        return self


@dataclass(frozen=True)
class Corpus:
    """The texts of a file that are to be split.

    Attributes
    ----------
    texts : Ragged
        The words of each text, as positions in `words`.
    words : list of str
        All words, in order of appearance.
    labels : ndarray of int, shape (texts,)
        Positions in `class_names`.
    class_names : tuple of str
        Names of the classes, sorted.
    rows : int
        Number of texts in the file.
    left_out : dict of int
        Number of texts that were left out, by reason.
    """

    texts: Ragged
    words: list[str]
    labels: Labels
    class_names: tuple[str, ...]
    rows: int
    left_out: dict[str, int]

    def describe(self) -> str:
        """Say how many texts were left out and why; empty if none were."""
        parts = [f"{count:,} {reason}" for reason, count in self.left_out.items() if count]
        return f"left out of {self.rows:,} texts: {', '.join(parts)}" if parts else ""


def read_corpus(settings: OwnTexts) -> Corpus:
    """Read the texts of a file and leave out those that no model can be trained or evaluated on.

    These are texts without a word or without a label; repetitions of a text, and texts that occur
    with different labels, unless the settings keep them; and classes with fewer than 10 texts, if
    the settings leave them out.

    Raises
    ------
    RnnbenchError
        If the file cannot be read, a column is missing or holds no texts, or fewer than two classes
        or more than 100 are left, or a class is rare.
    """
    path = Path(settings.path)
    if settings.text is None or settings.label is None:
        texts, labels = _read_folder(path)
    else:
        texts, labels = _read_table(path, settings.text, settings.label)
    numbered, words = _number_words(texts)
    usable = np.ones(len(labels), dtype=bool)
    left_out = {}
    for reason, unusable in (
        ("without a word", numbered.lengths == 0),
        ("without a label", labels == ""),
    ):
        left_out[reason] = int(np.sum(usable & unusable))
        usable &= ~unusable
    if settings.repeated_texts == "leave_out":
        repeated, contradictory = _find_repeated(numbered, labels, usable)
        left_out["repeating another"] = int(repeated.sum())
        left_out["with different labels in different rows"] = int(contradictory.sum())
        usable &= ~(repeated | contradictory)
    counts = Counter(labels[usable].tolist())
    rare = [name for name, count in counts.items() if count < FEWEST_EXAMPLES]
    if settings.rare_classes == "leave_out":
        in_rare = usable & np.isin(labels, rare)
        left_out[f"of a class with fewer than {FEWEST_EXAMPLES}"] = int(in_rare.sum())
        usable &= ~in_rare
    elif rare:
        raise RnnbenchError(_rare_message(settings, {name: counts[name] for name in rare}))
    class_names = _class_names(settings, labels[usable])
    positions = {name: position for position, name in enumerate(class_names)}
    return Corpus(
        numbered.take(np.flatnonzero(usable)),
        words,
        np.array([positions[label] for label in labels[usable]], dtype=np.int64),
        class_names,
        len(labels),
        left_out,
    )


def in_stratified_order(labels: Labels, seed: int) -> npt.NDArray[np.intp]:
    """Return an order in which every stretch has about the same share of each class.

    Parameters
    ----------
    labels : ndarray of int, shape (examples,)
        The class of each example.
    seed : int
        Decides which examples of a class come first.

    Returns
    -------
    ndarray of int, shape (examples,)
        Positions; the examples of a class are shuffled, then spread evenly over the order.
    """
    generator = np.random.default_rng(seed)
    places = np.empty(len(labels))
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        places[members] = (np.arange(len(members)) + generator.random()) / len(members)
    return np.argsort(places, kind="stable")


def convert(_: Mapping[str, Path], folder: Path, settings: OwnTexts) -> dict[str, Any]:
    """Read the texts of a file, split them, rank their words and write them as raw content."""
    corpus = read_corpus(settings)
    if corpus.describe():
        print(corpus.describe(), flush=True)
    order = in_stratified_order(corpus.labels, settings.split_seed)
    boundary = round(len(order) * (1.0 - settings.test_fraction))
    parts = {"train": order[:boundary], "test": order[boundary:]}
    ranks = _rank(corpus, parts["train"])
    counts = {}
    for name, examples in parts.items():
        texts = corpus.texts.take(examples)
        ranked = Ragged(ranks[texts.values], texts.offsets)
        counts[name] = save_texts(folder, name, ranked, corpus.labels[examples].tolist())
    known = {word: int(rank) for word, rank in zip(corpus.words, ranks, strict=True)}
    save_word_index(folder, {word: rank for word, rank in known.items() if rank < UNRANKED})
    write_json(folder / CLASSES_FILE, list(corpus.class_names))
    return {
        "counts": counts,
        "left_out": corpus.left_out,
        "sources": describe_file(Path(settings.path)),
    }


def prepare(view: TextView, raw: Path) -> Material:
    """Encode both splits in the order in which they were drawn."""
    train, test = (Texts.load(raw, split) for split in ("train", "test"))
    return text_material(view, raw, train, test, tuple(read_json(raw / CLASSES_FILE)))


def _read_table(path: Path, text: str, label: str) -> tuple[list[str], npt.NDArray[Any]]:
    table = read_columns(path, [text, label])
    texts = table[text].where(table[text].notna(), "")
    strange = texts[[not isinstance(cell, str) for cell in texts]]
    if len(strange):
        raise RnnbenchError(
            f"row {strange.index[0]} of {path} has {strange.iloc[0]!r} in the column {text!r},"
            f" expected text ({len(strange):,} cells are not text); choose another column or write"
            " it as text"
        )
    if len(texts) and pd.to_numeric(texts, errors="coerce").notna().all():
        raise RnnbenchError(
            f"the column {text!r} of {path} holds only numbers; choose the column with the texts"
        )
    labels = ["" if pd.isna(cell) else str(cell).strip() for cell in table[label]]
    return texts.tolist(), np.array(labels, dtype=object)


def _read_folder(path: Path) -> tuple[list[str], npt.NDArray[Any]]:
    if not path.is_dir():
        raise RnnbenchError(
            f"{path} is not a folder; name the columns of a table with text and label, or give a"
            " folder with one folder of files per class"
        )
    texts, labels = [], []
    for folder in _visible(path):
        if not folder.is_dir():
            continue
        for file in (entry for entry in _visible(folder) if entry.is_file()):
            texts.append(_read_file(file))
            labels.append(folder.name)
    if not texts:
        raise RnnbenchError(
            f"{path} has no folders with files; give a folder with one folder per class and one"
            " file per text"
        )
    return texts, np.array(labels, dtype=object)


def _visible(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))


def _read_file(path: Path) -> str:
    content = path.read_bytes()
    require_plain(content, path, "save it as plain text")
    return decode(content)


def _number_words(texts: Iterable[str]) -> tuple[Ragged, list[str]]:
    """Replace words by numbers in order of appearance, with the normalisation of `TextEncoder`."""
    numbers: dict[str, int] = {}
    sequences = [
        np.fromiter(
            (
                numbers.setdefault(token, len(numbers))
                for token in tokenize(plain_letters(without_html(text)))
            ),
            dtype=np.int32,
        )
        for text in texts
    ]
    return Ragged.from_sequences(sequences), list(numbers)


def _find_repeated(
    texts: Ragged, labels: npt.NDArray[Any], usable: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which texts repeat an earlier text, and which occur with different labels."""
    first: dict[bytes, int] = {}
    repeated, contradictory = np.zeros_like(usable), np.zeros_like(usable)
    places: dict[int, list[int]] = {}
    for index in np.flatnonzero(usable).tolist():
        earlier = first.setdefault(texts[index].tobytes(), index)
        if earlier != index:
            repeated[index] = True
            places.setdefault(earlier, [earlier]).append(index)
    for same in places.values():
        if len(set(labels[same])) > 1:
            repeated[same], contradictory[same] = False, True
    return repeated, contradictory


def _rare_message(settings: OwnTexts, rare: Mapping[str, int]) -> str:
    named = ", ".join(f"{name!r} ({count})" for name, count in [*rare.items()][:NAMED])
    more = f" and {len(rare) - NAMED:,} more" if len(rare) > NAMED else ""
    return (
        f"{settings.path} has classes with fewer than {FEWEST_EXAMPLES} texts: {named}{more}; add"
        " texts, give them the label of another class, or leave these classes out (rare_classes:"
        " leave_out, `rnnbench new text --rare-classes leave_out`)"
    )


def _class_names(settings: OwnTexts, labels: npt.NDArray[Any]) -> tuple[str, ...]:
    names = sorted(set(labels.tolist()))
    if len(names) < 2:  # noqa: PLR2004
        found = f"only one class, {names[0]!r}" if names else "no text with a label"
        raise RnnbenchError(f"{settings.path} has {found}; at least two classes are needed")
    if len(names) > MOST_CLASSES:
        raise RnnbenchError(
            f"{settings.path} has {len(names):,} different labels in {len(labels):,} texts, more"
            f" than {MOST_CLASSES}; choose the column that holds the classes"
        )
    return tuple(names)


def _rank(corpus: Corpus, train: npt.NDArray[np.intp]) -> npt.NDArray[np.int32]:
    """Return the rank of each word by its count in the training split, 1 the most frequent.

    Words with the same count are in order of appearance; words that do not occur are unranked.
    """
    counts = np.bincount(corpus.texts.take(train).values, minlength=len(corpus.words))
    ranks = np.full(len(counts), UNRANKED, dtype=np.int32)
    order = np.argsort(-counts, kind="stable")
    ranks[order] = np.arange(1, len(counts) + 1)
    ranks[counts == 0] = UNRANKED
    return ranks


DATASETS.add(
    KIND,
    Dataset(
        task="classification",
        settings=OwnTexts,
        view=TextView,
        licence="your own file: as its owner says",
        citation="your own file",
        limits=(
            "It knows texts such as those of the file that it was trained on, and gives any text"
            " one of that file's classes. Words outside its vocabulary are all the same to it, and"
            " of a long text it reads a part."
        ),
        routes={"file": Route(convert)},
        prepare=prepare,
    ),
)
