"""Batches from memory-mapped arrays: shuffled by seed, bytes scaled as they are read."""

import math
from typing import Any

import keras
import numpy as np

from rnnbench.data.prepared import Array, Split
from rnnbench.models.inputs import BYTE_MAXIMUM, as_targets, scaled

BATCHES_READ_AHEAD = 2
MOST_IN_MEMORY = 2**28  # bytes


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
        self.order = np.arange(len(split))  # of the examples, in this epoch
        self._shuffle()

    def __len__(self) -> int:
        return math.ceil(len(self.split) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        begin = index * self.batch_size
        chosen = self.order[begin : begin + self.batch_size]
        return scaled(self.split.inputs[chosen]), as_targets(self.split.targets[chosen])

    def on_epoch_end(self) -> None:
        """Shuffle for the next epoch."""
        self._shuffle()

    def _shuffle(self) -> None:
        if self._generator is not None:
            self.order = self._generator.permutation(len(self.split))


def keras_input(batches: Batches, most_in_memory: int = MOST_IN_MEMORY) -> Any:
    """Return what `fit` is given to train or validate on batches.

    With TensorFlow as back end Keras would make a `tf.data` pipeline of the batches, out of a
    generator and tuning itself. This one is neither. A generator would let TensorFlow tell the C
    library to return free memory at once (`M_TRIM_THRESHOLD`), which every step would ask for anew;
    and at the end of every epoch Keras would wait for the thread that tunes, which sleeps up to a
    minute at a time. Small arrays are read into memory, where TensorFlow fetches a batch without
    Python (`benchmarks/input.py`); of larger ones only a batch's rows are read.

    Parameters
    ----------
    batches : Batches
        Each time that Keras has gone through them they are shuffled anew, if they have a seed.
    most_in_memory : int, default 256 MiB
        Bytes up to which arrays are small.

    Returns
    -------
    Batches or tf.data.Dataset
        The batches themselves with another back end.
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    size = batches.split.inputs.nbytes + batches.split.targets.nbytes
    pipeline = _from_memory(batches) if size <= most_in_memory else _from_files(batches)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    return pipeline.prefetch(BATCHES_READ_AHEAD).with_options(options)


def _from_memory(batches: Batches) -> Any:
    """Return a pipeline in which Python decides an epoch's order, and TensorFlow does the rest."""
    import tensorflow as tf

    split = batches.split
    labels = split.targets.ndim == 1
    with tf.device("CPU"):
        inputs = tf.constant(split.inputs)
        targets = tf.constant(as_targets(split.targets) if labels else split.targets)

    def order(_: Any) -> Any:
        examples = tf.numpy_function(lambda: batches.order, [], tf.int64)
        return tf.data.Dataset.from_tensor_slices(tf.ensure_shape(examples, [len(split)]))

    def of(array: Any, examples: Any) -> Any:
        chosen = tf.gather(array, examples)
        return tf.cast(chosen, tf.float32) / BYTE_MAXIMUM if array.dtype == tf.uint8 else chosen

    def fetch(index: Any, examples: Any) -> tuple[Any, Any]:
        last = index + 1 == len(batches)  # Keras counts, and never asks for more
        tf.cond(last, lambda: tf.numpy_function(batches.on_epoch_end, [], []), tf.no_op)
        return of(inputs, examples), of(targets, examples)

    pipeline = tf.data.Dataset.range(1).flat_map(order).batch(batches.batch_size)
    count = tf.data.experimental.assert_cardinality(len(batches))
    return pipeline.enumerate().map(fetch).apply(count)


def _from_files(batches: Batches) -> Any:
    """Return a pipeline in which Python reads every batch."""
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in batches[0]]

    def read(index: Any) -> tuple[Array, Array]:
        batch = batches[int(index)]
        if index + 1 == len(batches):  # Keras counts, and never asks for more
            batches.on_epoch_end()
        return batch

    def fetch(index: Any) -> tuple[Any, ...]:
        arrays = tf.numpy_function(read, [index], [one.dtype for one in signature])
        return tuple(map(tf.ensure_shape, arrays, [one.shape for one in signature]))

    return tf.data.Dataset.range(len(batches)).map(fetch)
