"""Batches from memory-mapped arrays, shuffled by seed, with bytes scaled on reading."""

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
        Examples per batch; the last batch may be smaller.
    shuffle_seed : int or None, default None
        Seed of the order, which is a new one in each epoch; None keeps the order of the split.
    """

    def __init__(self, split: Split, batch_size: int, shuffle_seed: int | None = None) -> None:
        super().__init__(workers=1)
        self.split = split
        self.batch_size = batch_size
        self._generator = None if shuffle_seed is None else np.random.default_rng(shuffle_seed)
        self.order = np.arange(len(split))  # indices of the examples in the current epoch
        self._shuffle()

    def __len__(self) -> int:
        return math.ceil(len(self.split) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        start = index * self.batch_size
        chosen = self.order[start : start + self.batch_size]
        return scaled(self.split.inputs[chosen]), as_targets(self.split.targets[chosen])

    def on_epoch_end(self) -> None:
        """Shuffle for the next epoch."""
        self._shuffle()

    def _shuffle(self) -> None:
        if self._generator is not None:
            self.order = self._generator.permutation(len(self.split))


def keras_input(batches: Batches, most_in_memory: int = MOST_IN_MEMORY) -> Any:
    """Return the argument of `fit` for training or validating on batches.

    On TensorFlow, Keras would make a `tf.data` pipeline from a generator, with automatic tuning.
    This function makes one without either. With a generator, TensorFlow has the C library return
    free memory at once (`M_TRIM_THRESHOLD`), which every step then has to request again; and at the
    end of every epoch, Keras waits for the tuning thread, which sleeps for up to a minute. Small
    arrays are read into memory, from which TensorFlow fetches a batch without Python
    (`benchmarks/input.py`); from larger arrays, only the rows of a batch are read.

    Parameters
    ----------
    batches : Batches
        Batches with a seed are shuffled again after each pass of Keras.
    most_in_memory : int, default 256 MiB
        The most bytes that small arrays have.

    Returns
    -------
    Batches or tf.data.Dataset
        The pipeline, or with another back end the batches themselves.
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
    """Return a pipeline in which Python provides only the order of an epoch."""
    import tensorflow as tf

    split = batches.split
    labels = split.targets.ndim == 1
    with tf.device("CPU"):
        inputs = tf.constant(split.inputs)
        targets = tf.constant(as_targets(split.targets) if labels else split.targets)

    def order(_: Any) -> Any:
        examples = tf.numpy_function(lambda: batches.order, [], tf.int64)
        return tf.data.Dataset.from_tensor_slices(tf.ensure_shape(examples, [len(split)]))

    def rows(array: Any, examples: Any) -> Any:
        chosen = tf.gather(array, examples)
        return tf.cast(chosen, tf.float32) / BYTE_MAXIMUM if array.dtype == tf.uint8 else chosen

    def fetch(index: Any, examples: Any) -> tuple[Any, Any]:
        # Shuffled here because Keras counts the batches and never reads to the pipeline's end.
        last = index + 1 == len(batches)
        tf.cond(last, lambda: tf.numpy_function(batches.on_epoch_end, [], []), tf.no_op)
        return rows(inputs, examples), rows(targets, examples)

    pipeline = tf.data.Dataset.range(1).flat_map(order).batch(batches.batch_size)
    count = tf.data.experimental.assert_cardinality(len(batches))
    return pipeline.enumerate().map(fetch).apply(count)


def _from_files(batches: Batches) -> Any:
    """Return a pipeline in which Python reads every batch."""
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in batches[0]]

    def read(index: Any) -> tuple[Array, Array]:
        batch = batches[int(index)]
        if index + 1 == len(batches):  # Keras counts, and never reads to the pipeline's end
            batches.on_epoch_end()
        return batch

    def fetch(index: Any) -> tuple[Any, ...]:
        arrays = tf.numpy_function(read, [index], [spec.dtype for spec in signature])
        return tuple(map(tf.ensure_shape, arrays, [spec.shape for spec in signature]))

    return tf.data.Dataset.range(len(batches)).map(fetch)
