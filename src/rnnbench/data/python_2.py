"""The order in which Python 2 lists the words of a dictionary.

Early Keras ranked words of the same count in this order, so Keras's word indices contain it.

Source: `Objects/dictobject.c` and `string_hash` in `Objects/stringobject.c` of CPython 2.7.
"""

from collections.abc import Iterable

SMALLEST_TABLE = 8
LARGE_DICTIONARY = 50_000
HASH_MASK = 2**64 - 1

Table = list[tuple[int, str] | None]


def dictionary_order(words: Iterable[str]) -> list[str]:
    """Return words in the order of a dictionary of 64-bit Python 2.7 without hash randomization.

    Parameters
    ----------
    words : iterable of str
        Different words of Latin-1 characters, in the order in which they enter the dictionary.
    """
    table: Table = [None] * SMALLEST_TABLE
    for count, word in enumerate(words, start=1):
        _insert(table, (_hash(word), word))
        if 3 * count >= 2 * len(table):
            smallest = count * (2 if count > LARGE_DICTIONARY else 4)
            entries = table
            table = [None] * 2 ** smallest.bit_length()
            for entry in filter(None, entries):
                _insert(table, entry)
    return [word for _, word in filter(None, table)]


def _hash(word: str) -> int:
    characters = word.encode("latin-1")
    value = characters[0] << 7
    for character in characters:
        value = (1_000_003 * value ^ character) & HASH_MASK
    return value ^ len(characters)


def _insert(table: Table, entry: tuple[int, str]) -> None:
    perturbation = entry[0]
    slot = perturbation % len(table)
    while table[slot] is not None:
        slot = (5 * slot + perturbation + 1) % len(table)
        perturbation >>= 5
    table[slot] = entry
