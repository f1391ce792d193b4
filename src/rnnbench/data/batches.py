"""Batches from memory-mapped arrays: shuffled by seed, bytes scaled as they are read."""

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from rnnbench.data.prepared import Array, Split

BYTE_MAXIMUM = np.float32(255.0)
BATCHES_READ_AHEAD = 2


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """A split in batches, for any Keras back end.

    Parameters
    ----------
    split : Split
        Arrays, memory-mapped or not; only the rows of a batch are read.
    batch_size : int
        Examples a batch; the last batch may be smaller.
    shuffle_seed : int or None, default None
        Decides the order, a new one each epoch; None keeps the order of the split.
    """

    def __init__(self, split: Split, batch_size: int, shuffle_seed: int | None = None) -> None:
        super().__init__(workers=1)
        self.split = split
        self.batch_size = batch_size
        self._generator = None if shuffle_seed is None else np.random.default_rng(shuffle_seed)
        self._order = np.arange(len(split))
        self._shuffle()

    def __len__(self) -> int:
        return math.ceil(len(self.split) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        begin = index * self.batch_size
        chosen = self._order[begin : begin + self.batch_size]
        return scaled(self.split.inputs[chosen]), as_targets(self.split.targets[chosen])

    def on_epoch_end(self) -> None:
        """Shuffle for the next epoch."""
        self._shuffle()

    def _shuffle(self) -> None:
        if self._generator is not None:
            self._order = self._generator.permutation(len(self.split))


def keras_input(batches: Batches) -> Any:
    """Return what `fit` is given to train or validate on batches.

    With TensorFlow as back end Keras would make a `tf.data` pipeline of the batches that tunes
    itself, and at the end of every epoch wait for the thread that does so, which sleeps up to a
    minute at a time. This pipeline is the same without it.

    Parameters
    ----------
    batches : Batches
        Each time that Keras has gone through them they are shuffled anew, if they have a seed.

    Returns
    -------
    Batches or tf.data.Dataset
        The batches themselves with another back end.
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    def epoch() -> Iterator[tuple[Array, Array]]:
        last = len(batches) - 1
        yield from map(batches.__getitem__, range(last))
        batch = batches[last]
        batches.on_epoch_end()  # before the last is handed over: Keras never asks for another
        yield batch

    signature = tuple(tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in batches[0])
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    pipeline = tf.data.Dataset.from_generator(epoch, output_signature=signature)
    counted = pipeline.apply(tf.data.experimental.assert_cardinality(len(batches)))
    return counted.prefetch(BATCHES_READ_AHEAD).with_options(options)


def scaled(values: Array) -> Array:
    """Turn bytes into float32 from 0 to 1; token ids and numbers stay as they are."""
    if values.dtype == np.uint8:
        return values.astype(np.float32) / BYTE_MAXIMUM
    return np.asarray(values)


def as_targets(values: Array) -> npt.NDArray[Any]:
    """Return one label an example as integers, shape (examples, 1), others as `scaled` does."""
    if values.ndim == 1:
        return values.astype(np.int32)[:, np.newaxis]
    return scaled(values)
