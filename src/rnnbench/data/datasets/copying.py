"""The copying problem (Hochreiter & Schmidhuber 1997; as in Arjovsky, Shah & Bengio 2016).

Symbols come first, then a delay of blanks, then a mark. From the mark on, the targets are the
symbols in their order; before it, targets are blank. A model without memory can predict the blanks
and has to guess the symbols: its cross-entropy is copied_symbols * log(alphabet_size) / steps.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, PositiveInt

from rnnbench.data import synthetic
from rnnbench.data.dataset import DATASETS, Dataset, Material
from rnnbench.data.prepared import Split

BLANK = "blank"
MARK = "mark"


class CopyingView(synthetic.GeneratedView):
    """Sequences of symbols to repeat after a delay."""

    alphabet_size: Annotated[int, Field(ge=2, le=26)]
    copied_symbols: PositiveInt
    delay: PositiveInt


def prepare(view: CopyingView, raw: Path) -> Material:
    """Draw the view's examples."""
    letters = (chr(ord("a") + index) for index in range(view.alphabet_size))
    return Material(
        synthetic.draw_splits(draw, view, raw),
        class_names=(BLANK, *letters, MARK),
        facts=view.model_dump(include={"alphabet_size", "copied_symbols", "delay"}),
    )


def draw(view: CopyingView, count: int, generator: np.random.Generator) -> Split:
    """Draw input sequences and target sequences.

    Parameters
    ----------
    view : CopyingView
        Alphabet, symbols and delay.
    count : int
        Number of sequences.
    generator : Generator
        Source of randomness.

    Returns
    -------
    Split
        Inputs: float32 one-hot, shape (count, steps, alphabet_size + 2), with one step per symbol,
        per blank of the delay and per symbol of the answer. Targets: int32 ids, shape
        (count, steps): 0 (blank), and from 1 on the symbols in the last `copied_symbols` steps.
    """
    length = 2 * view.copied_symbols + view.delay
    symbols = generator.integers(1, view.alphabet_size + 1, (count, view.copied_symbols))
    shown = np.zeros((count, length), dtype=np.int32)
    shown[:, : view.copied_symbols] = symbols
    shown[:, -view.copied_symbols] = view.alphabet_size + 1
    targets = np.zeros((count, length), dtype=np.int32)
    targets[:, -view.copied_symbols :] = symbols
    return Split(np.eye(view.alphabet_size + 2, dtype=np.float32)[shown], targets)


DATASETS.add(
    "copying",
    Dataset(
        task="sequence_labelling",
        settings=synthetic.GeneratedSettings,
        view=CopyingView,
        licence=synthetic.LICENCE,
        citation=(
            "Arjovsky, Shah, Bengio 2016: Unitary Evolution Recurrent Neural Networks, ICML 2016"
        ),
        limits=synthetic.LIMITS,
        routes=synthetic.ROUTES,
        prepare=prepare,
    ),
)
