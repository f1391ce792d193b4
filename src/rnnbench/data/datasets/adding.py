"""The adding problem (Hochreiter & Schmidhuber 1997): add the two marked numbers of a sequence.

The numbers are uniform in [0, 1) and one is marked in each half, as in most later work. A
model that always answers 1, the mean, has a mean squared error of 1/6: the variance of the sum.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from rnnbench.data import synthetic
from rnnbench.data.dataset import DATASETS, Dataset, Material
from rnnbench.data.prepared import Split


class AddingView(synthetic.GeneratedView):
    """Sequences with two marked numbers."""

    sequence_length: Annotated[int, Field(ge=2)]


def prepare(view: AddingView, raw: Path) -> Material:
    """Draw the view's examples."""
    return Material(synthetic.draw_splits(draw, view, raw))


def draw(view: AddingView, count: int, generator: np.random.Generator) -> Split:
    """Draw sequences and the sums of their marked numbers.

    Parameters
    ----------
    view : AddingView
        Length of a sequence.
    count : int
        Number of sequences.
    generator : Generator
        Source of randomness.

    Returns
    -------
    Split
        Inputs: float32, shape (count, sequence_length, 2), a number and a mark (0 or 1) per step.
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


DATASETS.add(
    "adding",
    Dataset(
        task="regression",
        settings=synthetic.GeneratedSettings,
        view=AddingView,
        licence=synthetic.LICENCE,
        citation=(
            "Hochreiter, Schmidhuber 1997: Long Short-Term Memory, Neural Computation 9(8),"
            " 1735-1780"
        ),
        limits=synthetic.LIMITS,
        routes=synthetic.ROUTES,
        prepare=prepare,
    ),
)
