"""Batches: what is in them, their order, and how Keras reads them."""

import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest

from rnnbench.data.prepared import Split
from rnnbench.training.batches import Batches, keras_input
from rnnbench.training.determinism import seed_everything


def test_bytes_are_scaled_when_batches_are_made() -> None:
    images = np.array([[[0, 51, 255]]], dtype=np.uint8)
    inputs, targets = Batches(Split(images, np.array([7], dtype=np.uint8)), 4)[0]
    np.testing.assert_allclose(inputs, [[[0.0, 0.2, 1.0]]], rtol=1e-6)
    assert inputs.dtype == np.float32
    assert targets.tolist() == [[7]]


def test_token_ids_are_not_scaled() -> None:
    rows = np.array([[1, 300]], dtype=np.int32)
    inputs, _ = Batches(Split(rows, np.array([0], dtype=np.uint8)), 4)[0]
    assert inputs.tolist() == [[1, 300]]


def test_an_epoch_has_every_example_once_in_an_order_that_its_seed_decides() -> None:
    rows = np.arange(10, dtype=np.int32)[:, None]
    labels = np.zeros(10, dtype=np.uint8)

    def epochs(seed: int | None) -> list[list[int]]:
        batches = Batches(Split(rows, labels), 4, seed)
        orders = []
        for _ in range(2):
            parts = [batches[index][0] for index in range(len(batches))]
            orders.append(np.concatenate(parts).ravel().tolist())
            batches.on_epoch_end()
        return orders

    assert epochs(None) == [list(range(10))] * 2
    first, second = epochs(1)
    assert first != second
    assert sorted(first) == sorted(second) == list(range(10))
    assert epochs(1) == [first, second]
    assert epochs(2) != [first, second]


# How much may be in memory: all, or nothing.
WAYS = pytest.mark.parametrize("memory", [2**28, 0])


class RecordingModel(keras.Sequential):  # type: ignore[misc]
    """Remembers what it is trained on."""

    def __init__(self, *layers: Any) -> None:
        super().__init__(*layers)
        self.seen: list[list[float]] = []

    def train_step(self, data: Any) -> Any:
        self.seen.append(data[0].numpy().ravel().tolist())
        return super().train_step(data)


@WAYS
def test_keras_reads_every_example_once_an_epoch_in_a_new_order_each(memory: int) -> None:
    # As in training; TensorFlow then reads nothing ahead, and Keras never asks for an epoch's end.
    seed_everything(1, deterministic=True)
    rows = np.arange(10, dtype=np.float32)[:, None]
    model = RecordingModel([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    batches = Batches(Split(rows, np.zeros(10, dtype=np.uint8)), 4, shuffle_seed=1)
    model.fit(keras_input(batches, memory), epochs=3, shuffle=False, verbose=0)
    assert [len(seen) for seen in model.seen] == 3 * [4, 4, 2]
    orders = [np.concatenate(model.seen[begin : begin + 3]).tolist() for begin in (0, 3, 6)]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3


KINDS = {
    "words and labels": (np.int32, (5,), np.uint8, ()),
    "words and a label a step": (np.int32, (5,), np.int32, (5,)),
    "pixels and labels": (np.uint8, (5, 3), np.uint8, ()),
    "pixels and pixels": (np.uint8, (5, 3), np.uint8, (5, 3)),
    "numbers and numbers": (np.float32, (5, 3), np.float32, (1,)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_batches_are_the_same_from_memory_from_files_and_without_tensorflow(kind: str) -> None:
    generator = np.random.default_rng(1)
    inputs, of_inputs, targets, of_targets = KINDS[kind]
    split = Split(
        generator.integers(0, 256, (600, *of_inputs)).astype(inputs),
        generator.integers(0, 256, (600, *of_targets)).astype(targets),
    )

    def epochs(memory: int) -> list[Any]:
        pipeline = keras_input(Batches(split, 64, shuffle_seed=1), memory)
        return [[array.numpy() for array in batch] for _ in range(2) for batch in pipeline]

    def without_tensorflow() -> list[Any]:
        batches, read = Batches(split, 64, shuffle_seed=1), []
        for _ in range(2):
            read += [batches[index] for index in range(len(batches))]
            batches.on_epoch_end()
        return read

    expected = without_tensorflow()
    for given in (epochs(2**28), epochs(0)):
        for batch, wanted in zip(given, expected, strict=True):
            for array, other in zip(batch, wanted, strict=True):
                assert array.dtype == other.dtype
                np.testing.assert_array_equal(array, other, strict=True)


@WAYS
def test_no_thread_tunes_what_keras_reads_so_that_no_epoch_waits_for_it(memory: int) -> None:
    rows = np.arange(10, dtype=np.float32)[:, None]
    pipeline = keras_input(Batches(Split(rows, np.zeros(10, dtype=np.uint8)), 4), memory)
    assert not pipeline.options().autotune.enabled
    assert len(pipeline) == 3


# Trains a moment, then counts the pages that arrays of 1 MB, made and dropped in turn, ask for.
PAGES_OF_STEPS = """
import resource
import keras
import numpy as np
from rnnbench.training.batches import Batches, keras_input
from rnnbench.data.prepared import Split

rows = np.arange(10, dtype=np.float32)[:, None]
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
batches = Batches(Split(rows, np.zeros(10, dtype=np.uint8)), 4)
model.fit(keras_input(batches, {memory}), verbose=0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    np.ones(2**18, dtype=np.float32)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is the C library of Linux that is told")
@WAYS
def test_memory_that_a_step_frees_is_there_for_the_next(memory: int) -> None:
    command = [sys.executable, "-c", PAGES_OF_STEPS.format(memory=memory)]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    pages_of_all = 100 * 2**20 / 4096
    assert int(said.stdout.split()[-1]) < pages_of_all / 4
