"""Making a run repeat exactly on the same machine."""

import keras


def seed_everything(seed: int, deterministic: bool) -> None:
    """Seed Python, NumPy and the back end; refuse operations that depend on thread timing.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1.
    deterministic : bool
        Whether TensorFlow must use deterministic operations
        (`tf.config.experimental.enable_op_determinism`).
    """
    keras.utils.set_random_seed(seed)
    if deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
