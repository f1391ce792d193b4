"""Shared code of text data sets: parameters, files and the preparation of views."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt

from rnnbench.data.dataset import Material
from rnnbench.data.encoding import Side, Truncation, encode, known_words, pad, shuffled
from rnnbench.data.prepared import Split
from rnnbench.data.ragged import Ragged
from rnnbench.data.tokens import most_frequent_words
from rnnbench.params import DatasetSettings, View


class TextSettings(DatasetSettings):
    """The route to the texts; it has no default, as IMDB's routes rank some words differently."""

    route: Literal["upstream", "registry"]


class TextView(View):
    """Token sequences padded and truncated to one length."""

    vocabulary_size: Annotated[int, Field(ge=4)]
    sequence_length: PositiveInt
    padding: Side = "pre"
    truncation: Truncation = "pre"


@dataclass(frozen=True)
class Texts:
    """Texts as ranks of words, and their labels.

    Attributes
    ----------
    ranks : Ragged
        One sequence per text; 1 is the most frequent word.
    labels : ndarray of uint8, shape (count,)
        The class of each text.
    """

    ranks: Ragged
    labels: npt.NDArray[np.uint8]

    @classmethod
    def load(cls, folder: Path, name: str) -> "Texts":
        """Read the files that `save_texts` writes."""
        labels = np.load(folder / f"{name}_labels.npy", allow_pickle=False)
        return cls(Ragged.load(folder, name), labels)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, order: npt.NDArray[np.intp]) -> "Texts":
        """Return the texts at these positions, in that order."""
        return Texts(self.ranks.take(order), self.labels[order])

    def shuffled(self, generator: np.random.RandomState) -> "Texts":
        """Return the texts in the order of Keras's loaders."""
        return self.take(shuffled(len(self), generator))


def save_texts(folder: Path, name: str, ranks: Ragged, labels: Sequence[int]) -> int:
    """Write `NAME_tokens.npy`, `NAME_offsets.npy`, `NAME_labels.npy`; return the number."""
    ranks.save(folder, name)
    np.save(folder / f"{name}_labels.npy", np.asarray(labels, dtype=np.uint8))
    return len(ranks)


def text_material(
    view: TextView, raw: Path, train: Texts, test: Texts, class_names: tuple[str, ...]
) -> Material:
    """Encode, pad and truncate both splits as the view asks for."""
    splits, lengths = {}, {}
    for name, texts in (("train", train), ("test", test)):
        encoded = encode(texts.ranks, view.vocabulary_size)
        rows = pad(encoded, view.sequence_length, view.padding, view.truncation)
        splits[name], lengths[name] = Split(rows, texts.labels), encoded.lengths
    return Material(
        splits,
        class_names=class_names,
        vocabulary_size=view.vocabulary_size,
        words=most_frequent_words(raw, known_words(view.vocabulary_size)),
        lengths=lengths,
    )
