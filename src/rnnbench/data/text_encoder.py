"""Encoding raw text as the ids that a model was trained on."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from rnnbench.data.encoding import INDEX_FROM, START_ID, UNKNOWN_ID, Side, Truncation, pad
from rnnbench.data.plain_text import plain_letters, without_html
from rnnbench.data.ragged import Ragged
from rnnbench.data.tokens import tokenize


class TextEncoder:
    """Encode text like the training data: same tokens, same ids, same padding.

    Parameters
    ----------
    words : sequence of str
        Words that have an id, the most frequent first, from a view's `vocabulary.json`.
    sequence_length : int
        Length of every row.
    padding : {"pre", "post"}
        Where zeros are added to short texts.
    truncation : {"pre", "post", "middle"}
        Where long texts lose words.
    markup : mapping or None, default None
        Replacements for characters in the data set's texts, see `Dataset`.
    """

    def __init__(
        self,
        words: Sequence[str],
        sequence_length: int,
        padding: Side,
        truncation: Truncation,
        markup: Mapping[str, str] | None = None,
    ) -> None:
        self._ids = {word: rank + INDEX_FROM for rank, word in enumerate(words, start=1)}
        self._sequence_length = sequence_length
        self._padding = padding
        self._truncation = truncation
        self._markup = str.maketrans(dict(markup or {}))

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Encode texts.

        Parameters
        ----------
        texts : sequence of str
            Any text. A word that is not in the vocabulary is looked up again after
            `plain_letters`; if it is still not found, it has the id 2 (unknown).

        Returns
        -------
        ndarray of int32, shape (len(texts), sequence_length)
            Each text begins with the start mark, id 1; an empty text has no other id.
        """
        encoded = [[START_ID, *map(self._id, self._tokens(text))] for text in texts]
        rows = Ragged.from_sequences(encoded)
        return pad(rows, self._sequence_length, self._padding, self._truncation)

    def known_words(self, text: str) -> int:
        """Count the words of a text that the model knows."""
        return sum(token in self._ids for token in self._tokens(text))

    def _tokens(self, text: str) -> Iterator[str]:
        for token in tokenize(without_html(text).translate(self._markup)):
            yield from [token] if token in self._ids else tokenize(plain_letters(token))

    def _id(self, token: str) -> int:
        return self._ids.get(token, UNKNOWN_ID)
