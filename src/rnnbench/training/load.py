"""The load of the machine while a block runs: MLflow's system metrics, also for short runs.

MLflow itself samples every ten seconds, which gives no sample for a run of nine. Here the first
samples are half a second apart, and later intervals grow; the last sample is taken at the end.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rnnbench.training.devices import has_gpu

FIRST_INTERVAL = 0.5
# An interval is this share of the elapsed time: an hour gives about 300 samples.
SHARE_OF_ELAPSED = 0.02


class MachineLoad:
    """Sample processor, memory, disk, network and GPUs while a block runs.

    Attributes
    ----------
    samples : list of dict
        `seconds` since the block began, and the values of MLflow's monitors by MLflow's names
        (https://mlflow.org/docs/latest/ml/tracking/system-metrics/).
    """

    def __init__(self) -> None:
        self.samples: list[dict[str, float]] = []
        self._monitors = _monitors()
        self._start = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "MachineLoad":
        self._start = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        self._collect()  # the processor's load is measured since the thread's previous call
        stopped = False
        while not stopped:
            elapsed = time.perf_counter() - self._start
            stopped = self._stop.wait(max(FIRST_INTERVAL, SHARE_OF_ELAPSED * elapsed))
            seconds = time.perf_counter() - self._start
            self.samples.append({"seconds": round(seconds, 3), **self._collect()})

    def _collect(self) -> dict[str, float]:
        collected: dict[str, float] = {}
        for monitor in self._monitors:
            monitor.collect_metrics()
            collected |= monitor.aggregate_metrics()
            monitor.clear_metrics()
        return collected


def _monitors() -> list[Any]:
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    # At each sample it would warn of the metrics that a MIG instance does not report.
    logging.getLogger(GPUMonitor.__module__).setLevel(logging.ERROR)
    kinds: list[Callable[[], Any]] = [CPUMonitor, DiskMonitor, NetworkMonitor]
    if has_gpu():
        kinds.append(GPUMonitor)
    monitors = []
    for kind in kinds:
        with suppress(Exception):  # different errors without a library, a driver or permission
            monitors.append(kind())
    return monitors
