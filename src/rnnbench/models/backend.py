"""Importing Keras and its back end without their start-up chatter."""

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_import() -> Iterator[None]:
    """Hold back what native code writes to standard error; show it if the block fails.

    TensorFlow writes some lines before any setting for its log level is read, in every process.
    Later ones are held to what ends the program: its graph optimizer calls it an error when it
    leaves a step alone, as it does with every relu in a loop.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        except BaseException:
            held_back.seek(0)
            os.write(original, held_back.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)


def import_keras() -> None:
    """Import Keras with the back end that `KERAS_BACKEND` names, TensorFlow by default."""
    with quiet_import():
        keras = importlib.import_module("keras")
        if keras.backend.backend() == "tensorflow":
            # Looking for devices is what makes it speak.
            tensorflow = importlib.import_module("tensorflow")
            tensorflow.config.list_physical_devices()
            # Each seed's model is traced anew; that is no fault to warn of.
            tensorflow.get_logger().setLevel("ERROR")
