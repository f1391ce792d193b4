"""Batches: what is in them, their order, and how Keras reads them."""

import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest

from rnnbench.data.batches import Batches, keras_input
from rnnbench.data.prepared import Split
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


class RecordingBatches(Batches):
    """Remembers what was read."""

    def __init__(self, split: Split, batch_size: int, seed: int) -> None:
        super().__init__(split, batch_size, seed)
        self.read: list[list[int]] = []

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        inputs, targets = super().__getitem__(index)
        self.read.append(inputs.ravel().tolist())
        return inputs, targets


def test_keras_reads_every_example_once_an_epoch_in_a_new_order_each() -> None:
    # As in training; TensorFlow then reads nothing ahead, and Keras never asks for an epoch's end.
    seed_everything(1, deterministic=True)
    rows = np.arange(10, dtype=np.float32)[:, None]
    batches = RecordingBatches(Split(rows, np.zeros(10, dtype=np.uint8)), 4, seed=1)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(keras_input(batches), epochs=3, shuffle=False, verbose=0)
    shape, *read = batches.read  # the first is read once more, to see what a batch looks like
    assert len(read) == 9
    orders = [np.concatenate(read[begin : begin + 3]).tolist() for begin in (0, 3, 6)]
    assert orders[0][:4] == shape
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3


def test_no_thread_tunes_what_keras_reads_so_that_no_epoch_waits_for_it() -> None:
    rows = np.arange(10, dtype=np.float32)[:, None]
    pipeline = keras_input(Batches(Split(rows, np.zeros(10, dtype=np.uint8)), 4))
    assert not pipeline.options().autotune.enabled
    assert len(pipeline) == 3


# Trains a moment, then counts the pages that arrays of 1 MB, made and dropped in turn, ask for.
PAGES_OF_STEPS = """
import resource
import keras
import numpy as np
from rnnbench.data.batches import Batches, keras_input
from rnnbench.data.prepared import Split

rows = np.arange(10, dtype=np.float32)[:, None]
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(keras_input(Batches(Split(rows, np.zeros(10, dtype=np.uint8)), 4)), verbose=0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    np.ones(2**18, dtype=np.float32)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is the C library of Linux that is told")
def test_memory_that_a_step_frees_is_there_for_the_next() -> None:
    command = [sys.executable, "-c", PAGES_OF_STEPS]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    pages_of_all = 100 * 2**20 / 4096
    assert int(said.stdout.split()[-1]) < pages_of_all / 4
