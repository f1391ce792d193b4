"""Converting text to word ranks, as in Keras's data sets.

Source: the documentation of `keras.datasets.imdb` and of Keras's text preprocessing.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from rnnbench.data.ragged import Ragged

_FILTERED = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
UNRANKED = 2**30  # larger than any vocabulary
_TO_SPACES = str.maketrans(_FILTERED, " " * len(_FILTERED))


def tokenize(text: str) -> list[str]:
    """Split text as Keras's text preprocessing does.

    Letters become lower case, punctuation, tabs and line ends become spaces; spaces separate words.
    """
    return [token for token in text.lower().translate(_TO_SPACES).split(" ") if token]


def rank_words(
    texts: Iterable[list[str]], order: Callable[[Iterable[str]], Iterable[str]] = list
) -> dict[str, int]:
    """Rank words by their count; the most frequent word has rank 1.

    Parameters
    ----------
    texts : iterable of list of str
        The tokens of each text.
    order : callable, default list
        Decides the order of words with the same count: takes all words in order of appearance and
        returns them reordered. By default they stay in order of appearance.
    """
    counts: Counter[str] = Counter()
    for tokens in texts:
        counts.update(tokens)
    ranked = sorted(order(counts), key=counts.__getitem__, reverse=True)
    return {word: rank for rank, word in enumerate(ranked, start=1)}


def to_ranks(texts: Iterable[list[str]], ranks: dict[str, int]) -> Ragged:
    """Replace words by their ranks.

    A word that occurs in no training text has no rank and gets `UNRANKED`: every view replaces it
    by the unknown word, as prediction does. Keras's files leave such words out.
    """
    return Ragged.from_sequences(
        [[ranks.get(token, UNRANKED) for token in tokens] for tokens in texts]
    )


def most_frequent_words(folder: Path, count: int) -> list[str]:
    """Read the `count` most frequent words of a data set's `word_index.json`, in order of rank."""
    ranks: dict[str, int] = json.loads((folder / "word_index.json").read_text(encoding="utf-8"))
    return sorted(ranks, key=ranks.__getitem__)[:count]


def save_word_index(folder: Path, ranks: Mapping[str, int]) -> None:
    """Write `word_index.json`, each word with its rank."""
    text = json.dumps(dict(ranks), ensure_ascii=False)
    (folder / "word_index.json").write_text(text, encoding="utf-8")
