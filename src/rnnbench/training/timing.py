"""The time that training takes: a Keras callback for any `model.fit`.

The protocol. A step is timed from Keras's `on_train_batch_begin` until its loss is on the host,
when an asynchronous device has finished the step; fetching the input is included. Two steps may
trace and compile and are reported separately: the first step, and the last one of the first epoch,
whose batch may be smaller. An epoch's time ends before validation and before other callbacks run at
its end, logging included. `timing_warnings` lists the reasons why the times may be wrong.
"""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

# The largest share of the loop's time that may be outside of steps, without a warning.
STEPS_MAY_MISS = 0.02
# Cores that other programs may use on average, without a warning.
OTHERS_MAY_USE = 0.1


class Reading(NamedTuple):
    """All clocks at one moment; `joules` is None if energy is not measured."""

    seconds: float
    processor_seconds: float
    joules: float | None


class TimingCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Time each step and epoch; put it first in the list of callbacks.

    Beside an epoch's wall-clock time, it measures the processor time of all threads, which hardly
    grows when other programs compete for the cores.

    Parameters
    ----------
    joules : callable, optional
        Returns the energy used so far in joules, or None, such as `DeviceUsage.joules`.
    """

    def __init__(self, joules: Callable[[], float | None] = lambda: None) -> None:
        super().__init__()
        self.step_seconds: list[float] = []
        self.loop_seconds: list[float] = []
        self.epoch_seconds: list[float] = []
        self.epoch_processor_seconds: list[float] = []
        self.epoch_joules: list[float] = []
        self.validation_seconds: list[float] = []
        self._joules = joules
        self._steps_of_first_epoch = 0
        self._step_start = 0.0
        self._loop_start: float | None = None
        self._epoch_start: Reading | None = None
        self._validation_start: Reading | None = None
        self._finite = True
        self._others = OtherPrograms()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the epoch's clocks."""
        self._validation_start = None
        self._loop_start = None
        self._epoch_start = self._read()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the step's clock and, at the first step, that of the epoch's loop."""
        self._step_start = time.perf_counter()
        if self._loop_start is None:
            self._loop_start = self._step_start
            self.loop_seconds.append(0.0)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Read the step's clock once its loss is on the host."""
        loss = float((logs or {}).get("loss", 0.0))
        now = time.perf_counter()
        self._finite = self._finite and math.isfinite(loss)
        self.step_seconds.append(now - self._step_start)
        self.loop_seconds[-1] = now - (self._loop_start or now)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Stop the epoch's clocks and start that of validation."""
        self._validation_start = self._read()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Read all clocks."""
        start, now = self._epoch_start, self._read()
        assert start
        self._steps_of_first_epoch = self._steps_of_first_epoch or len(self.step_seconds)
        ended = self._validation_start or now
        if self._validation_start:
            self.validation_seconds.append(now.seconds - ended.seconds)
        self.epoch_seconds.append(ended.seconds - start.seconds)
        self.epoch_processor_seconds.append(ended.processor_seconds - start.processor_seconds)
        if ended.joules is not None and start.joules is not None:
            self.epoch_joules.append(ended.joules - start.joules)

    def summary(self, examples_per_epoch: int) -> dict[str, Any]:
        """Summarise the times.

        Parameters
        ----------
        examples_per_epoch : int
            Size of the training split.

        Returns
        -------
        dict
            `training_seconds` (all epochs and validations), `epoch_seconds`,
            `epoch_processor_seconds`, `validation_seconds` and `gpu_epoch_energy_joules` (one value
            per epoch; the last two are absent without validation or measured energy),
            `step_milliseconds` (p50, p95 and p99 of all steps except those that may compile),
            `first_step_seconds`, `compile_seconds` (the time of the steps that may compile, minus
            the median step's for each), `examples_per_second` and `steps_per_second` (without
            compiling), and `timing_warnings`, a list of reasons why the times may be wrong.
            Without a step that cannot compile, `step_milliseconds` and `compile_seconds` are
            absent.
        """
        may_compile = {0, (self._steps_of_first_epoch or len(self.step_seconds)) - 1}
        steady = [
            seconds for step, seconds in enumerate(self.step_seconds) if step not in may_compile
        ]
        median = float(np.median(steady or self.step_seconds))
        compiling = sum(max(self.step_seconds[step] - median, 0.0) for step in may_compile)
        spent = sum(self.epoch_seconds) - compiling
        summary: dict[str, Any] = {
            "training_seconds": sum(self.epoch_seconds) + sum(self.validation_seconds),
            "epoch_seconds": self.epoch_seconds,
            "epoch_processor_seconds": self.epoch_processor_seconds,
            "first_step_seconds": self.step_seconds[0],
            "examples_per_second": examples_per_epoch * len(self.epoch_seconds) / spent,
            "steps_per_second": len(self.step_seconds) / spent,
            "timing_warnings": self._timing_warnings(),
        }
        if steady:
            percentiles = {
                f"p{share}": float(1000 * np.percentile(steady, share)) for share in (50, 95, 99)
            }
            summary["step_milliseconds"] = percentiles
            summary["compile_seconds"] = compiling
        if self.validation_seconds:
            summary["validation_seconds"] = self.validation_seconds
        if self.epoch_joules:
            summary["gpu_epoch_energy_joules"] = self.epoch_joules
        return summary

    def unexplained(self) -> float:
        """Return the share of the loops' time that is in no step."""
        return 1 - sum(self.step_seconds) / sum(self.loop_seconds)

    def _read(self) -> Reading:
        return Reading(time.perf_counter(), time.process_time(), self._joules())

    def _timing_warnings(self) -> list[str]:
        reasons = []
        missed = self.unexplained()
        if missed > STEPS_MAY_MISS:
            reasons.append(f"{100 * missed:.1f} % of the loop's time is in no step")
        if not self._finite:
            reasons.append("the loss was not finite")
        others = self._others.cores()
        if others is not None and others > OTHERS_MAY_USE:
            reasons.append(f"other programs used {others:.1f} of {os.cpu_count()} cores")
        return reasons


class OtherPrograms:
    """How many cores other programs on this machine use, from the system's counters."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._before = self._seconds()

    def cores(self) -> float | None:
        """Return the mean since the object was made; None if the system has no such counters."""
        now = self._seconds()
        if now is None or self._before is None:
            return None
        return max(now - self._before, 0.0) / (time.perf_counter() - self._start)

    def _seconds(self) -> float | None:
        """Return the processor time of all other processes in seconds."""
        counters = Path("/proc/stat")
        if not counters.exists():
            return None
        user, nice, system = map(int, counters.read_text().split()[1:4])
        return (user + nice + system) / os.sysconf("SC_CLK_TCK") - time.process_time()
