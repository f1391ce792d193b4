"""The adding problem (Hochreiter & Schmidhuber 1997): add the two marked numbers of a sequence.

The numbers are uniform in [0, 1) and one is marked in each half, as most later work does it. Who
always answers 1, the mean, has a mean squared error of 1/6: the variance of the sum.
"""

import numpy as np

from rnnbench.data.prepared import Split
from rnnbench.params import AddingView

LICENCE = "generated here, none needed"
CITATION = (
    "Hochreiter, Schmidhuber 1997: Long Short-Term Memory, Neural Computation 9(8), 1735-1780"
)
ERROR_OF_THE_MEAN = 1.0 / 6.0


def draw(view: AddingView, count: int, generator: np.random.Generator) -> Split:
    """Draw sequences and their sums.

    Parameters
    ----------
    view : AddingView
        Length of a sequence.
    count : int
        How many sequences.
    generator : Generator
        Decides them.

    Returns
    -------
    Split
        Inputs: float32, shape (count, sequence_length, 2), a number and a mark (0 or 1) a step.
        Targets: float32, shape (count, 1), from 0 to 2.
    """
    length = view.sequence_length
    values = generator.random((count, length), dtype=np.float32)
    first = generator.integers(0, length // 2, count)
    second = generator.integers(length // 2, length, count)
    examples = np.arange(count)
    marks = np.zeros_like(values)
    marks[examples, first] = marks[examples, second] = 1.0
    sums = values[examples, first] + values[examples, second]
    return Split(np.stack([values, marks], axis=-1), sums[:, np.newaxis])
