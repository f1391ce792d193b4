"""Converting word ranks to padded rows of ids, as Keras does.

Ids: 0 padding, 1 start, 2 unknown, and a word of rank r (1 is the most frequent) has r + 3.
Source: the documentation of `keras.datasets.imdb`, `keras.datasets.reuters` and
`keras.utils.pad_sequences`, whose results these functions repeat without importing TensorFlow.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from rnnbench.data.ragged import Ragged

Side = Literal["pre", "post"]
# Where a long sequence loses elements; of "middle", the first quarter and the end are left.
Truncation = Literal["pre", "post", "middle"]

PADDING_ID = 0
START_ID = 1
UNKNOWN_ID = 2
INDEX_FROM = 3
SHUFFLE_SEED = 113


def known_words(vocabulary_size: int) -> int:
    """Return how many words have an id of their own among `vocabulary_size` ids."""
    return vocabulary_size - INDEX_FROM - 1


def encode(ranks: Ragged, vocabulary_size: int) -> Ragged:
    """Convert ranks to ids, with a start mark, the offset of 3, and rare words as unknown.

    Parameters
    ----------
    ranks : Ragged
        Word ranks from 1.
    vocabulary_size : int
        Ids below it are kept; others become 2 (unknown).
    """
    count = len(ranks)
    offsets = ranks.offsets + np.arange(count + 1)
    values = np.full(len(ranks.values) + count, START_ID, dtype=np.int32)
    is_word = np.ones(len(values), dtype=bool)
    is_word[offsets[:-1]] = False
    ids = ranks.values + INDEX_FROM
    values[is_word] = np.where(ids < vocabulary_size, ids, UNKNOWN_ID)
    return Ragged(values, offsets.astype(np.int64))


def pad(
    sequences: Ragged, sequence_length: int, padding: Side, truncation: Truncation
) -> npt.NDArray[np.int32]:
    """Pad and truncate sequences to one length, as `keras.utils.pad_sequences` does.

    It has no truncation in the middle.

    Parameters
    ----------
    sequences : Ragged
        Ids.
    sequence_length : int
        Length of every row of the result.
    padding : {"pre", "post"}
        Where zeros are added to short sequences.
    truncation : {"pre", "post", "middle"}
        Where long sequences lose elements. "middle" leaves the first quarter of the row and the
        end of the sequence.

    Returns
    -------
    ndarray of int32, shape (len(sequences), sequence_length)
    """
    rows = np.full((len(sequences), sequence_length), PADDING_ID, dtype=np.int32)
    for index, row in enumerate(rows):
        sequence = sequences[index]
        part = _truncate(sequence, sequence_length, truncation)
        if len(part) == 0:
            continue
        if padding == "pre":
            row[-len(part) :] = part
        else:
            row[: len(part)] = part
    return rows


def _truncate(
    sequence: npt.NDArray[np.int32], sequence_length: int, truncation: Truncation
) -> npt.NDArray[np.int32]:
    surplus = len(sequence) - sequence_length
    if surplus <= 0:
        return sequence
    kept_at_start = {"pre": 0, "middle": sequence_length // 4, "post": sequence_length}[truncation]
    return np.delete(sequence, slice(kept_at_start, kept_at_start + surplus))


def shuffled(count: int, generator: np.random.RandomState) -> npt.NDArray[np.intp]:
    """Return the order of `count` examples after the shuffle of Keras's loaders."""
    indices = np.arange(count)
    generator.shuffle(indices)
    return indices
