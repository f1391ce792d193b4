"""Sequences of different lengths as two flat arrays: no object arrays, no pickles."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Ragged:
    """Integer sequences laid end to end.

    Attributes
    ----------
    values : ndarray of int32, shape (total,)
        All elements.
    offsets : ndarray of int64, shape (count + 1,)
        Sequence i is `values[offsets[i]:offsets[i + 1]]`.
    """

    values: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def from_sequences(cls, sequences: Iterable[Sequence[int] | npt.NDArray[np.int32]]) -> "Ragged":
        """Lay sequences end to end."""
        arrays = [np.asarray(sequence, dtype=np.int32) for sequence in sequences]
        lengths = [len(array) for array in arrays]
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
        values = np.concatenate(arrays) if arrays else np.empty(0, dtype=np.int32)
        return cls(values.astype(np.int32), offsets)

    @classmethod
    def load(cls, folder: Path, name: str) -> "Ragged":
        """Read what `save` wrote; nothing but plain arrays is accepted."""
        values = np.load(folder / f"{name}_tokens.npy", allow_pickle=False)
        offsets = np.load(folder / f"{name}_offsets.npy", allow_pickle=False)
        return cls(values, offsets)

    def save(self, folder: Path, name: str) -> None:
        """Write `NAME_tokens.npy` and `NAME_offsets.npy`."""
        np.save(folder / f"{name}_tokens.npy", self.values, allow_pickle=False)
        np.save(folder / f"{name}_offsets.npy", self.offsets, allow_pickle=False)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> npt.NDArray[np.int32]:
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Length of each sequence, shape (count,)."""
        return np.diff(self.offsets)

    def take(self, indices: npt.NDArray[np.intp]) -> "Ragged":
        """Return the sequences at `indices`, in that order."""
        return Ragged.from_sequences([self[int(index)] for index in indices])
