"""How threads share the cores: decided before TensorFlow computes, in a process of its own."""

import os
import subprocess
import sys

import pytest

START = """
from rnnbench.models.backend import import_keras
import_keras()
import os
import tensorflow as tf
from rnnbench.models.fast import accelerate, share_cores
"""
THREADS = "print(tf.config.threading.get_intra_op_parallelism_threads())"
FLAGS = "print(os.environ.get('XLA_FLAGS', ''))"
IN_ORDER = "--xla_cpu_enable_concurrency_optimized_scheduler=false"
ON_CORES = "os.sched_getaffinity = lambda process: range({cores})"
# What Linux says of a container that may use so much of 64 cores.
IN_CONTAINER = """
import io
from joblib.externals.loky.backend import context
os.cpu_count = lambda: 64
os.sched_getaffinity = lambda process: range(64)
exists = os.path.exists
os.path.exists = lambda path: path == "/sys/fs/cgroup/cpu.max" or exists(path)
context.open = lambda name: io.StringIO("{cores}00000 100000")
"""
TRAIN = """
import keras
import numpy as np
model = keras.Sequential([keras.Input((5, 3)), keras.layers.LSTM(100)])
model.compile("adam", "mse")
accelerate(model, 64)
loss = model.fit(np.ones((64, 5, 3)), np.ones((64, 100)), batch_size=64, verbose=0).history["loss"]
print(np.isfinite(loss[0]))
"""


def said(*lines: str, **environment: str) -> list[str]:
    """Run lines in a new interpreter and return what they print."""
    answer = subprocess.run(
        [sys.executable, "-c", "\n".join([START, *lines])],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "tensorflow", **environment},
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system does not tell")
@pytest.mark.parametrize(
    ("machine", "cores", "threads", "flags"),
    [
        (ON_CORES, 1, "1", f"--user=1 {IN_ORDER}"),
        (IN_CONTAINER, 2, "1", f"--user=1 {IN_ORDER}"),
        (IN_CONTAINER, 8, "4", "--user=1"),
    ],
)
def test_an_operation_has_half_of_the_cores_and_flags_of_the_user_stay(
    machine: str, cores: int, threads: str, flags: str
) -> None:
    lines = [machine.format(cores=cores), "share_cores()", THREADS, FLAGS]
    assert said(*lines, XLA_FLAGS="--user=1") == [threads, flags]


def test_xla_takes_the_flag_and_a_model_trains() -> None:
    one_core = ON_CORES.format(cores=1)
    assert said(one_core, "share_cores()", "share_cores()", TRAIN, FLAGS) == ["True", IN_ORDER]


def test_after_something_was_computed_it_is_refused() -> None:
    late = """
tf.ones(1)
try:
    share_cores()
except RuntimeError as error:
    print("refused")
"""
    assert said(ON_CORES.format(cores=1), late) == ["refused"]
