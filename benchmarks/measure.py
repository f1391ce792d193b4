"""Timing ways of training a case in turn, so that a disturbance affects all of them.

A measurement is refused if losses are not finite, do not fall, or differ between ways that compute
the same, or if the steps of a loop do not add up to its time.
"""

import importlib.util
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from cases import ACCELERATED, JAX, JIT_COMPILE, STOCK, TORCH, Case

from rnnbench.errors import RnnbenchError
from rnnbench.timing import worker as processes
from rnnbench.timing.losses import require_same_losses
from rnnbench.timing.quartiles import quartiles, ratio_quartiles
from rnnbench.training.timing import STEPS_MAY_MISS

SCRIPT = Path(__file__).with_name("worker.py")
# Ways on TensorFlow, which start from the same weights and compute the same.
SAME = (STOCK, JIT_COMPILE, ACCELERATED)


class Worker(processes.Worker):
    """A process that trains cases in one way."""

    def __init__(self, way: str) -> None:
        back_end = {"KERAS_BACKEND": "jax" if way == JAX else "tensorflow"}
        super().__init__(way, [str(SCRIPT)], back_end)

    def prepare(self, case: Case) -> dict[str, Any]:
        """Build the case's model and train it for warm-up.

        Returns the answer of the first round, with the `losses` of all rounds.
        """
        return self.ask({"case": asdict(case)})

    def round(self) -> dict[str, Any]:
        """Train once over the data; return the losses and times."""
        return self.ask({})


@contextmanager
def workers(ways: Sequence[str]) -> Iterator[list[Worker]]:
    """Start a process for each way; JAX and PyTorch only if they are installed."""
    left_out = [way for way in (JAX, TORCH) if importlib.util.find_spec(way) is None]
    for way in set(ways).intersection(left_out):
        print(f"{way} is not installed: its column is left out")
    with processes.workers(Worker, [way for way in ways if way not in left_out]) as running:
        yield running


def measure(case: Case, running: Sequence[Worker], rounds: int) -> dict[str, list[float]]:
    """Time a step of a case in each way.

    Returns
    -------
    dict
        By way, the median milliseconds of a step in each round; rounds with the same index were
        measured one after another.

    Raises
    ------
    RnnbenchError
        If the measurement is refused.
    """
    prepared = {worker.way: worker.prepare(case) for worker in running}
    losses = {way: list(answer["losses"]) for way, answer in prepared.items()}
    early = {way: answer["early_loss"] for way, answer in prepared.items()}
    milliseconds: dict[str, list[float]] = {worker.way: [] for worker in running}
    for worker in processes.in_turn(running, rounds):
        answer = worker.round()
        _require_steps_add_up(worker.way, answer)
        losses[worker.way].append(answer["loss"])
        milliseconds[worker.way].append(float(np.median(answer["milliseconds"])))
    _require_learning(losses)
    require_same_losses({way: early[way] for way in SAME if way in early}, case.precision)
    return milliseconds


def _require_steps_add_up(way: str, answer: dict[str, Any]) -> None:
    missed = 1 - sum(answer["milliseconds"]) / answer["loop_milliseconds"]
    if missed > STEPS_MAY_MISS:
        raise RnnbenchError(f"{way}: {100 * missed:.1f} % of the loop's time is in no step")


def summary(
    times: Mapping[str, list[float]], dividend: str = STOCK, divisor: str = ACCELERATED
) -> dict[str, float]:
    """Return each way's median, and the median and quartiles of the ratio of two within a round."""
    ratio = ratio_quartiles(times[dividend], times[divisor])
    return {
        **{way: quartiles(each)["median"] for way, each in times.items()},
        "ratio": ratio.pop("median"),
        **ratio,
    }


def _require_learning(losses: dict[str, list[float]]) -> None:
    """Refuse losses whose median after the first round is not lower; single ones may jump."""
    for way, (first, *later) in losses.items():
        middle = float(np.median(later))
        if not np.all(np.isfinite([first, *later])) or middle >= first:
            raise RnnbenchError(f"{way}: the loss goes from {first} to {middle}")


def matrix_rate(size: int = 1024, repeats: int = 40) -> float:
    """Measure the operations per second of a float32 matrix product on this machine."""
    from rnnbench.models.backend import import_keras

    import_keras()
    import tensorflow as tf

    matrix = tf.random.normal((size, size))
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        tf.matmul(matrix, matrix).numpy()
        seconds.append(time.perf_counter() - start)
    return float(2 * size**3 / np.median(seconds))
