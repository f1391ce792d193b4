"""Noise with labels drawn apart from it: there is nothing to learn, and nothing to generalise."""

import numpy as np

from rnnbench.data.prepared import Split
from rnnbench.params import RandomLabelsView

LICENCE = "generated here, none needed"
CITATION = "none: labels are drawn independently of the inputs"
CLASSES = ("0", "1")


def draw(view: RandomLabelsView, count: int, generator: np.random.Generator) -> Split:
    """Draw sequences and labels.

    Parameters
    ----------
    view : RandomLabelsView
        Length and features of a sequence.
    count : int
        How many sequences.
    generator : Generator
        Decides them.

    Returns
    -------
    Split
        Inputs: float32 uniform in [0, 1), shape (count, sequence_length, features). Targets: uint8
        0 or 1, shape (count,).
    """
    inputs = generator.random((count, view.sequence_length, view.features), dtype=np.float32)
    return Split(inputs, generator.integers(0, len(CLASSES), count, dtype=np.uint8))
