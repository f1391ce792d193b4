"""How TensorFlow's threads share the cores while a model trains."""

import os

import keras

PARTS_AT_ONCE = 2
XLA_FLAGS = "XLA_FLAGS"
IN_ORDER = "xla_cpu_enable_concurrency_optimized_scheduler"


def share_cores() -> None:
    """Give each of two concurrent operations half of the CPU's cores.

    `accelerate` cuts a batch into two parts, which TensorFlow computes concurrently. By default,
    each operation also divides its work among all cores and waits for cores that another operation
    uses. If one thread is left per operation, compiled loops must run their operations in order
    too, or both parts would queue for that thread. Call this function before TensorFlow computes
    anything; with another back end, it changes nothing.

    Raises
    ------
    RuntimeError
        If TensorFlow has already started with another number of threads.
    """
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    threads = max(1, usable_cores() // PARTS_AT_ONCE)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    flags = os.environ.get(XLA_FLAGS, "")
    if threads == 1 and IN_ORDER not in flags:
        os.environ[XLA_FLAGS] = f"{flags} --{IN_ORDER}=false".strip()


def usable_cores() -> int:
    """Return how many cores this process may use, given its affinity and its container's quota."""
    import joblib  # type: ignore[import-untyped]

    return int(joblib.cpu_count())
