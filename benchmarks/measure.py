"""Ways of training a case, timed in turn so that what disturbs one disturbs all.

A measurement is refused when losses are not finite, do not fall, differ between ways that compute
the same, or when the steps of a loop do not add up to its time.
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from cases import ACCELERATED, JAX, JIT_COMPILE, MIXED, STOCK, TORCH, Case, OfMatrix

from rnnbench.training.timing import STEPS_MAY_MISS

WORKER = Path(__file__).with_name("worker.py")
# These start from the same weights and compute the same: Keras on TensorFlow.
SAME = (STOCK, JIT_COMPILE, ACCELERATED)
LOSSES_MAY_DIFFER = {"float32": 1e-3, MIXED: 2e-2}


class RefusedError(Exception):
    """What was measured cannot be believed."""


class Worker:
    """A process that trains cases in one way."""

    def __init__(self, way: str) -> None:
        back_end = {"KERAS_BACKEND": "jax" if way == JAX else "tensorflow"}
        self.way = way
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, str(WORKER), way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **back_end},
        )

    def prepare(self, case: Case | OfMatrix) -> dict[str, Any]:
        """Build the case's model and train it until it is warm.

        Return what the first round did, and the `losses` of all.
        """
        self._tell({"kind": type(case).__name__, "case": asdict(case)})
        return self._answer()

    def start_round(self) -> None:
        """Train the data once more; `end_round` waits for it."""
        self._tell({})

    def end_round(self) -> dict[str, Any]:
        """Return a round's loss and times."""
        return self._answer()

    def round(self) -> dict[str, Any]:
        """Train the data once more and return what `end_round` does."""
        self.start_round()
        return self.end_round()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def _tell(self, told: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RefusedError(f"the process of {self.way!r} ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def workers(ways: Sequence[str]) -> Iterator[list[Worker]]:
    """Start a process for each way; of the optional ones those that are installed."""
    with ExitStack() as stack:
        started = []
        for way in ways:
            if way in (JAX, TORCH) and importlib.util.find_spec(way) is None:
                print(f"{way} is not installed: its column is left out")
                continue
            started.append(Worker(way))
            stack.callback(started[-1].close)
        yield started


def measure(
    case: Case | OfMatrix, running: Sequence[Worker], rounds: int
) -> dict[str, list[float]]:
    """Time a step of a case in each way.

    Returns
    -------
    dict
        By way, the median milliseconds of a step in each round; rounds of the same place were
        measured one after the other.

    Raises
    ------
    RefusedError
        If the losses or the times are not what they must be.
    """
    prepared = {worker.way: worker.prepare(case) for worker in running}
    losses = {way: list(answer["losses"]) for way, answer in prepared.items()}
    early = {way: answer["early_loss"] for way, answer in prepared.items()}
    milliseconds: dict[str, list[float]] = {worker.way: [] for worker in running}
    for number in range(rounds):
        first = number % len(running)  # nobody always trains after the same
        for worker in (*running[first:], *running[:first]):
            answer = worker.round()
            _require_steps_add_up(worker.way, answer)
            losses[worker.way].append(answer["loss"])
            milliseconds[worker.way].append(float(np.median(answer["milliseconds"])))
    _require_learning(losses)
    _require_same(early, LOSSES_MAY_DIFFER[case.precision])
    return milliseconds


def _require_steps_add_up(way: str, answer: dict[str, Any]) -> None:
    missed = 1 - sum(answer["milliseconds"]) / answer["loop_milliseconds"]
    if missed > STEPS_MAY_MISS:
        raise RefusedError(f"{way}: {100 * missed:.1f} % of the loop's time is in no step")


def summary(
    times: Mapping[str, list[float]], dividend: str = STOCK, divisor: str = ACCELERATED
) -> dict[str, float]:
    """Return each way's median, and median and quartiles of two ways' ratio within a round."""
    ratios = np.array(times[dividend]) / np.array(times[divisor])
    return {
        **{way: float(np.median(each)) for way, each in times.items()},
        "ratio": float(np.median(ratios)),
        "lower_quartile": float(np.quantile(ratios, 0.25)),
        "upper_quartile": float(np.quantile(ratios, 0.75)),
    }


def _require_learning(losses: dict[str, list[float]]) -> None:
    """Refuse losses that are not lower after the first round; one alone may leap, as with relu."""
    for way, (first, *later) in losses.items():
        middle = float(np.median(later))
        if not np.all(np.isfinite([first, *later])) or middle >= first:
            raise RefusedError(f"{way}: the loss goes from {first} to {middle}")


def _require_same(losses: dict[str, float], relative: float) -> None:
    first = {way: loss for way, loss in losses.items() if way in SAME}
    if not np.allclose(list(first.values()), first[STOCK], rtol=relative):
        raise RefusedError(f"the first losses differ: {first}")


def matrix_rate(size: int = 1024, repeats: int = 40) -> float:
    """Measure the operations a second of a float32 matrix product on this machine."""
    from rnnbench.models.backend import import_keras

    import_keras()
    import tensorflow as tf

    matrix = tf.random.normal((size, size))
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        tf.matmul(matrix, matrix).numpy()
        seconds.append(time.perf_counter() - begin)
    return float(2 * size**3 / np.median(seconds))
