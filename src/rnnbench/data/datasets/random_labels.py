"""Noise with labels drawn independently of it, so that no model can generalise."""

from pathlib import Path

import numpy as np
from pydantic import PositiveInt

from rnnbench.data import synthetic
from rnnbench.data.dataset import DATASETS, Dataset, Material
from rnnbench.data.prepared import Split

CLASSES = ("0", "1")


class RandomLabelsView(synthetic.GeneratedView):
    """Sequences of noise."""

    sequence_length: PositiveInt
    features: PositiveInt


def prepare(view: RandomLabelsView, raw: Path) -> Material:
    """Draw the view's examples."""
    splits = synthetic.draw_splits(draw, view, raw)
    return Material(splits, class_names=CLASSES)


def draw(view: RandomLabelsView, count: int, generator: np.random.Generator) -> Split:
    """Draw sequences and labels.

    Parameters
    ----------
    view : RandomLabelsView
        Length and features of a sequence.
    count : int
        Number of sequences.
    generator : Generator
        Source of randomness.

    Returns
    -------
    Split
        Inputs: float32 uniform in [0, 1), shape (count, sequence_length, features). Targets: uint8
        0 or 1, shape (count,).
    """
    inputs = generator.random((count, view.sequence_length, view.features), dtype=np.float32)
    return Split(inputs, generator.integers(0, len(CLASSES), count, dtype=np.uint8))


DATASETS.add(
    "random_labels",
    Dataset(
        task="classification",
        settings=synthetic.GeneratedSettings,
        view=RandomLabelsView,
        licence=synthetic.LICENCE,
        citation="none: labels are drawn independently of the inputs",
        limits=(
            "Its labels were drawn apart from its inputs: it can predict nothing and serves to"
            " compare the cost of layers."
        ),
        routes=synthetic.ROUTES,
        prepare=prepare,
    ),
)
