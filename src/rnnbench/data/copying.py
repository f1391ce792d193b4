"""The copying problem (Hochreiter & Schmidhuber 1997; as in Arjovsky, Shah & Bengio 2016).

Symbols come first, then a delay of blanks, then a mark: from the mark on, the symbols are to be put
out in their order; before it, blanks. Who remembers nothing knows when to answer but not what: its
cross-entropy is copied_symbols * log(alphabet_size) / steps, its symbols are right by chance.
"""

import math

import numpy as np

from rnnbench.data.prepared import Split
from rnnbench.params import CopyingView

LICENCE = "generated here, none needed"
CITATION = "Arjovsky, Shah, Bengio 2016: Unitary Evolution Recurrent Neural Networks, ICML 2016"
BLANK = "blank"
MARK = "mark"


def tokens(view: CopyingView) -> tuple[str, ...]:
    """Return what a step may hold, in the order of its ids: blank, the symbols, the mark."""
    letters = (chr(ord("a") + index) for index in range(view.alphabet_size))
    return (BLANK, *letters, MARK)


def steps(view: CopyingView) -> int:
    """Return the length of a sequence: symbols, delay, and as many steps to answer."""
    return 2 * view.copied_symbols + view.delay


def memoryless_loss(view: CopyingView) -> float:
    """Return the cross-entropy in nats a step of the best answer without memory."""
    return view.copied_symbols * math.log(view.alphabet_size) / steps(view)


def draw(view: CopyingView, count: int, generator: np.random.Generator) -> Split:
    """Draw sequences and what is to be put out.

    Parameters
    ----------
    view : CopyingView
        Alphabet, symbols and delay.
    count : int
        How many sequences.
    generator : Generator
        Decides them.

    Returns
    -------
    Split
        Inputs: float32 one-hot, shape (count, steps, alphabet_size + 2). Targets: int32 ids, shape
        (count, steps), blanks but for the last `copied_symbols` steps.
    """
    length = steps(view)
    symbols = generator.integers(1, view.alphabet_size + 1, (count, view.copied_symbols))
    shown = np.zeros((count, length), dtype=np.int32)
    shown[:, : view.copied_symbols] = symbols
    shown[:, -view.copied_symbols] = view.alphabet_size + 1
    targets = np.zeros((count, length), dtype=np.int32)
    targets[:, -view.copied_symbols :] = symbols
    return Split(np.eye(view.alphabet_size + 2, dtype=np.float32)[shown], targets)
