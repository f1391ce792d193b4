"""The synthetic tasks: their definitions, their known baselines, and that a seed decides them."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnbench.data.datasets import adding, copying, random_labels
from rnnbench.data.fetch import fetch
from rnnbench.data.prepare import prepare
from rnnbench.data.prepared import Split, read_manifest, read_split
from rnnbench.params import Params

COUNTS: dict[str, Any] = {"train_examples": 10, "test_examples": 10, "validation_fraction": 0.0}


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("length", [2, 3, 50])
def test_the_sum_is_that_of_the_two_marked_numbers_one_in_each_half(length: int) -> None:
    view = adding.AddingView(dataset="adding", sequence_length=length, **COUNTS)
    split = adding.draw(view, 200, generator())
    values, marks = split.inputs[..., 0], split.inputs[..., 1]
    assert split.inputs.shape == (200, length, 2)
    np.testing.assert_array_equal(marks[:, : length // 2].sum(axis=1), 1.0)
    np.testing.assert_array_equal(marks[:, length // 2 :].sum(axis=1), 1.0)
    np.testing.assert_allclose(split.targets[:, 0], (values * marks).sum(axis=1), rtol=1e-6)


def test_always_one_has_the_error_that_is_known() -> None:
    view = adding.AddingView(dataset="adding", sequence_length=10, **COUNTS)
    targets = adding.draw(view, 100_000, generator()).targets
    assert np.mean((targets - 1.0) ** 2) == pytest.approx(1.0 / 6.0, rel=0.02)


VIEW = copying.CopyingView(dataset="copying", alphabet_size=4, copied_symbols=3, delay=5, **COUNTS)


def test_symbols_come_first_and_are_wanted_after_the_mark() -> None:
    split = copying.draw(VIEW, 100, generator())
    assert split.inputs.shape == (100, 11, 6)
    np.testing.assert_array_equal(split.inputs.sum(axis=-1), 1.0)
    shown = split.inputs.argmax(axis=-1)
    np.testing.assert_array_equal(split.targets[:, -3:], shown[:, :3])
    np.testing.assert_array_equal(split.targets[:, :-3], 0)
    np.testing.assert_array_equal(shown[:, 3:8], 0)
    np.testing.assert_array_equal(shown[:, 8], 5)
    np.testing.assert_array_equal(shown[:, 9:], 0)
    assert set(np.unique(shown[:, :3])) == {1, 2, 3, 4}


def test_without_memory_the_loss_is_the_one_that_is_known() -> None:
    targets = copying.draw(VIEW, 1_000, generator()).targets
    answer = np.zeros((targets.shape[1], 6))
    answer[:-3, 0] = 1.0
    answer[-3:, 1:5] = 0.25
    likelihood = answer[np.arange(targets.shape[1]), targets]
    assert -np.log(likelihood).mean() == pytest.approx(3 * math.log(4) / 11)


def test_the_manifest_of_a_copying_view_has_what_its_baseline_needs(
    changed: Callable[..., Params], tmp_path: Path
) -> None:
    params = changed("views", "copying-5", train_examples=20, test_examples=10)
    fetch("copying", params, tmp_path / "raw")
    view = prepare("copying-5", params, tmp_path / "raw", tmp_path)
    for folder in ("fit", "test"):
        manifest = read_manifest(view / folder)
        assert manifest.class_names == ["blank", "a", "b", "c", "d", "mark"]
        facts = {"alphabet_size": 4, "copied_symbols": 5, "delay": 5}
        assert facts.items() <= manifest.facts.items()


def test_labels_have_nothing_to_do_with_the_noise() -> None:
    view = random_labels.RandomLabelsView(
        dataset="random_labels", sequence_length=10, features=1, **COUNTS
    )
    split = random_labels.draw(view, 20_000, generator())
    assert split.inputs.shape == (20_000, 10, 1)
    assert 0.0 <= split.inputs.min() <= split.inputs.max() < 1.0
    means = [split.inputs[split.targets == label].mean() for label in (0, 1)]
    assert means[0] == pytest.approx(means[1], abs=0.005)
    assert split.targets.mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("view", "changes"),
    [
        ("random-labels-10x8", {}),
        ("adding-20", {"train_examples": 50, "test_examples": 10}),
        ("copying-5", {"train_examples": 50, "test_examples": 10}),
    ],
)
def test_a_view_is_drawn_from_the_seed_of_its_data_set(
    view: str, changes: dict[str, Any], changed: Callable[..., Params], tmp_path: Path
) -> None:
    params = changed("views", view, **changes)
    drawn = [_prepared(view, params, tmp_path / str(time)) for time in range(2)]
    np.testing.assert_array_equal(drawn[0].inputs, drawn[1].inputs)
    more = changed("views", view, train_examples=60)
    again = _prepared(view, more, tmp_path / "more")
    np.testing.assert_array_equal(again.inputs, drawn[0].inputs, "of the test split")
    other = changed("datasets", params.views[view].dataset, generated_seed=7)
    assert (_prepared(view, other, tmp_path / "other").inputs != drawn[0].inputs).any()


def _prepared(view: str, params: Params, folder: Path) -> Split:
    raw = fetch(params.views[view].dataset, params, folder / "raw")
    assert [path.name for path in raw.iterdir()] == ["seed.json"]
    return read_split(prepare(view, params, folder / "raw", folder / "prepared") / "test", "test")
