"""Shared code of synthetic data sets: their content is a seed, by which a view draws examples."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import Field, PositiveInt

from rnnbench.data.dataset import Route
from rnnbench.data.prepared import Split
from rnnbench.files import read_json, write_json
from rnnbench.params import DatasetSettings, View

LICENCE = "generated here, none needed"
LIMITS = "It knows sequences drawn by one rule, of one length; it is of no other use."
SEED_FILE = "seed.json"


class GeneratedSettings(DatasetSettings):
    """Settings of a generated data set: the seed of every example."""

    generated_seed: Annotated[int, Field(ge=0)]


class GeneratedView(View):
    """A view of generated examples, whose numbers are required."""

    train_examples: PositiveInt
    test_examples: PositiveInt


def save_seed(
    _files: Mapping[str, Path], folder: Path, settings: GeneratedSettings
) -> dict[str, Any]:
    """Write the seed, which is the complete content."""
    seed = {"seed": settings.generated_seed}
    write_json(folder / SEED_FILE, seed)
    return seed


AnyView = TypeVar("AnyView", bound=GeneratedView)
ROUTES = {"generated": Route(save_seed)}


def draw_splits(
    draw: Callable[[AnyView, int, np.random.Generator], Split], view: AnyView, raw: Path
) -> dict[str, Split]:
    """Draw `train` and `test` by the data set's seed.

    Each split has its own generator, so that the test split does not depend on the number of
    training examples.
    """
    seed = read_json(raw / SEED_FILE)["seed"]
    counts = {"train": view.train_examples, "test": view.test_examples}
    return {
        name: draw(view, count, np.random.default_rng([seed, number]))
        for number, (name, count) in enumerate(counts.items())
    }
