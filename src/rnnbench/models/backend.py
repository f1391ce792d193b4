"""Importing Keras and its back end without their start-up messages."""

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from rnnbench.errors import RnnbenchError

KERAS_HOME = "KERAS_HOME"  # the variable that names the folder of Keras's configuration file
SHORTENING = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")  # Keras has them for debugging


@contextmanager
def quiet_import() -> Iterator[None]:
    """Import Keras with the same settings everywhere; show its messages only if the block fails.

    Keras's configuration file is not read: it may name another back end, number type or order of
    channels. The back end is TensorFlow, unless `KERAS_BACKEND` names another one.

    The messages are caught at the file descriptor, because TensorFlow writes some lines before it
    reads its log level. Afterwards the log level shows fatal errors only: TensorFlow's graph
    optimizer logs an error for every relu in a loop, which it merely leaves unoptimised.

    Raises
    ------
    RnnbenchError
        If a variable is set with which Keras would shorten every training.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = os.environ.get("KERAS_BACKEND") or "tensorflow"
    for name in SHORTENING:
        if name in os.environ:
            raise RnnbenchError(
                f"{name} is set, which makes Keras shorten every training: unset it; params.yaml"
                " decides the epochs and the number of examples"
            )
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            with _without_configuration_file():
                yield
        except BaseException:
            held_back.seek(0)
            os.write(original, held_back.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)


@contextmanager
def _without_configuration_file() -> Iterator[None]:
    home = os.environ.get(KERAS_HOME)
    with tempfile.TemporaryDirectory(prefix="rnnbench-") as empty:
        os.environ[KERAS_HOME] = empty
        try:
            yield
        finally:
            del os.environ[KERAS_HOME]
            if home is not None:
                os.environ[KERAS_HOME] = home


def import_keras() -> None:
    """Import Keras with the back end that `KERAS_BACKEND` names, TensorFlow by default."""
    with quiet_import():
        keras = importlib.import_module("keras")
        if keras.backend.backend() == "tensorflow":
            # TensorFlow writes its first messages when it looks for devices.
            tensorflow = importlib.import_module("tensorflow")
            tensorflow.config.list_physical_devices()
            # TensorFlow would warn of retracing, which each seed's model needs.
            tensorflow.get_logger().setLevel("ERROR")
