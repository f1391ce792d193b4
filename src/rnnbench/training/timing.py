"""What training costs in time: a Keras callback for anyone's `model.fit`.

The protocol. A step's clock runs from Keras's `on_train_batch_begin` until its loss is on the
host: a device that works asynchronously has then done the step; fetching its input is part of it.
The first step of all traces and compiles; it is kept apart. An epoch's clock stops before
validation and before what other callbacks do when it ends, logging included. Percentiles are those
of all steps but the first. `unfit` says what speaks against believing the times.
"""

import os
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

# Share of the loop's time that its steps may leave unexplained.
STEPS_MAY_MISS = 0.02
# Cores that other programs may use on average before they count.
OTHERS_MAY_USE = 0.1


class TimingCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Time each step and epoch; put it first in the list of callbacks.

    The processor time of an epoch, that of all threads, stands beside its wall-clock time: it
    hardly grows when other programs compete for the cores.
    """

    def __init__(self) -> None:
        super().__init__()
        self.step_seconds: list[float] = []
        self.loop_seconds: list[float] = []
        self.epoch_seconds: list[float] = []
        self.epoch_processor_seconds: list[float] = []
        self.validation_seconds: list[float] = []
        self._step_begun = 0.0
        self._loop_begun: float | None = None
        self._epoch_begun = 0.0
        self._processor_begun = 0.0
        self._validation_begun: float | None = None
        self._processor_validation_begun = 0.0
        self._others = OtherPrograms()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the epoch's clock."""
        self._validation_begun = None
        self._loop_begun = None
        self._epoch_begun = time.perf_counter()
        self._processor_begun = time.process_time()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the step's clock, and with the first step that of the epoch's loop."""
        self._step_begun = time.perf_counter()
        if self._loop_begun is None:
            self._loop_begun = self._step_begun
            self.loop_seconds.append(0.0)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Read the step's time once its loss is here."""
        float((logs or {}).get("loss", 0.0))
        now = time.perf_counter()
        self.step_seconds.append(now - self._step_begun)
        self.loop_seconds[-1] = now - (self._loop_begun or now)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Stop the epoch's clock and start that of validation."""
        self._validation_begun = time.perf_counter()
        self._processor_validation_begun = time.process_time()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Read both clocks."""
        now, processor = time.perf_counter(), time.process_time()
        if self._validation_begun is not None:
            self.validation_seconds.append(now - self._validation_begun)
            now, processor = self._validation_begun, self._processor_validation_begun
        self.epoch_seconds.append(now - self._epoch_begun)
        self.epoch_processor_seconds.append(processor - self._processor_begun)

    def summary(self, examples_per_epoch: int) -> dict[str, Any]:
        """Summarise what was timed.

        Parameters
        ----------
        examples_per_epoch : int
            Size of the training split.

        Returns
        -------
        dict
            `epoch_seconds`, `epoch_processor_seconds` and `validation_seconds` (one an epoch),
            `step_milliseconds` (p50, p95 and p99 of all steps but the first; absent with one
            step), `first_step_seconds`, `compile_seconds` (the first step less a median one),
            `examples_per_second` and `steps_per_second` (without compiling), and `unfit`: a list of
            what speaks against the times, empty if nothing does.
        """
        first, later = self.step_seconds[0], self.step_seconds[1:]
        median = float(np.median(later)) if later else first
        compiling = max(first - median, 0.0)
        spent = sum(self.epoch_seconds) - compiling
        summary: dict[str, Any] = {
            "epoch_seconds": self.epoch_seconds,
            "epoch_processor_seconds": self.epoch_processor_seconds,
            "first_step_seconds": first,
            "examples_per_second": examples_per_epoch * len(self.epoch_seconds) / spent,
            "steps_per_second": len(self.step_seconds) / spent,
            "unfit": self._unfit(),
        }
        if later:
            percentiles = {
                f"p{share}": float(1000 * np.percentile(later, share)) for share in (50, 95, 99)
            }
            summary["step_milliseconds"] = percentiles
            summary["compile_seconds"] = compiling
        if self.validation_seconds:
            summary["validation_seconds"] = self.validation_seconds
        return summary

    def _unfit(self) -> list[str]:
        reasons = []
        missed = 1 - sum(self.step_seconds) / sum(self.loop_seconds)
        if missed > STEPS_MAY_MISS:
            reasons.append(f"{100 * missed:.1f} % of the loop's time is in no step")
        others = self._others.cores()
        if others is not None and others > OTHERS_MAY_USE:
            reasons.append(f"other programs used {others:.1f} of {os.cpu_count()} cores")
        return reasons


class OtherPrograms:
    """How many cores other programs of this machine use, from the system's own counters."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._before = self._seconds()

    def cores(self) -> float | None:
        """Return the mean since the object was made; None where the system does not tell."""
        now = self._seconds()
        if now is None or self._before is None:
            return None
        return max(now - self._before, 0.0) / (time.perf_counter() - self._begun)

    def _seconds(self) -> float | None:
        """Return what all processors have worked, less this process."""
        counters = Path("/proc/stat")
        if not counters.exists():
            return None
        user, nice, system = map(int, counters.read_text().split()[1:4])
        return (user + nice + system) / os.sysconf("SC_CLK_TCK") - time.process_time()
