"""How TensorFlow's threads share the cores while a model trains."""

import os

import keras

PARTS_AT_ONCE = 2
XLA_FLAGS = "XLA_FLAGS"
IN_ORDER = "xla_cpu_enable_concurrency_optimized_scheduler"


def share_cores() -> None:
    """Let each of two operations that run at once have half of the CPU's cores to itself.

    `accelerate` cuts a batch in two, and of what does not depend on each other TensorFlow runs as
    much at once as there are cores. Yet every operation divides its work among all cores as well,
    and waits for those that another one holds. Once an operation has one thread, a compiled loop
    too does one thing after the other, or both parts would queue for that thread. Call it before
    TensorFlow computes anything; with another back end nothing changes.

    Raises
    ------
    RuntimeError
        If TensorFlow has computed something with other threads.
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
    """Return how many cores this process may use, by its affinity and its container's quota."""
    import joblib  # type: ignore[import-untyped]

    return int(joblib.cpu_count())
