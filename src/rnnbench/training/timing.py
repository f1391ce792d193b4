"""What training costs in time: a Keras callback for anyone's `model.fit`."""

import time
from typing import Any

import keras
import numpy as np


class TimingCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Time each step and epoch; the first step, which compiles, is kept apart.

    A step's time is read after its loss was brought to the host, so that a device that works
    asynchronously has done the step. The clock of an epoch stops before validation begins. The
    processor time of an epoch, that of all threads, stands beside it: unlike the wall clock's, it
    hardly grows when other programs compete for the cores.
    """

    def __init__(self) -> None:
        super().__init__()
        self.step_seconds: list[float] = []
        self.epoch_seconds: list[float] = []
        self.epoch_processor_seconds: list[float] = []
        self.validation_seconds: list[float] = []
        self._step_begun = 0.0
        self._epoch_begun = 0.0
        self._processor_begun = 0.0
        self._validation_begun: float | None = None
        self._processor_validation_begun = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the epoch's clock."""
        self._validation_begun = None
        self._epoch_begun = time.perf_counter()
        self._processor_begun = time.process_time()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the step's clock."""
        self._step_begun = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Read the step's time once its loss is here."""
        float((logs or {}).get("loss", 0.0))
        self.step_seconds.append(time.perf_counter() - self._step_begun)

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
            `step_milliseconds` (p50 and p95 of all steps but the first; absent with one step),
            `first_step_seconds`, `compile_seconds` (the first step less a median one) and
            `examples_per_second` (without compiling).
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
        }
        if later:
            p50, p95 = (float(1000 * np.percentile(later, share)) for share in (50, 95))
            summary["step_milliseconds"] = {"p50": p50, "p95": p95}
            summary["compile_seconds"] = compiling
        if self.validation_seconds:
            summary["validation_seconds"] = self.validation_seconds
        return summary
