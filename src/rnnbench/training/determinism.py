"""Seeds and deterministic operations, with which a run repeats exactly on the same machine."""

import keras


def seed_everything(seed: int, deterministic: bool) -> None:
    """Seed Python, NumPy and the back end, and optionally require deterministic operations.

    Parameters
    ----------
    seed : int
        The seed, from 0 to 2**32 - 1.
    deterministic : bool
        Whether TensorFlow must use deterministic operations
        (`tf.config.experimental.enable_op_determinism`); other back ends ignore it.
    """
    keras.utils.set_random_seed(seed)
    if deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
