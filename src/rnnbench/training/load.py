"""How busy the machine was while a block ran: MLflow's system metrics, for short runs too.

MLflow itself samples every ten seconds and thus says nothing of a run that takes nine. Here the
first samples are half a second apart and later ones ever further; the last is taken at the end.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rnnbench.training.devices import has_gpu

FIRST_INTERVAL = 0.5
# An interval is this share of the time so far: an hour makes some 300 samples.
SHARE_OF_ELAPSED = 0.02


class MachineLoad:
    """Sample processor, memory, disk, network and GPUs while a block runs.

    Attributes
    ----------
    samples : list of dict
        `seconds` since the block began, and what MLflow's monitors say, by their names
        (https://mlflow.org/docs/latest/ml/tracking/system-metrics/).
    """

    def __init__(self) -> None:
        self.samples: list[dict[str, float]] = []
        self._monitors = _monitors()
        self._begun = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "MachineLoad":
        self._begun = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        self._collect()  # the processor's load is that since the same thread last asked
        stopped = False
        while not stopped:
            elapsed = time.perf_counter() - self._begun
            stopped = self._stop.wait(max(FIRST_INTERVAL, SHARE_OF_ELAPSED * elapsed))
            seconds = time.perf_counter() - self._begun
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

    # At each sample it would warn again of what a part of a GPU (MIG) does not answer.
    logging.getLogger(GPUMonitor.__module__).setLevel(logging.ERROR)
    kinds: list[Callable[[], Any]] = [CPUMonitor, DiskMonitor, NetworkMonitor]
    if has_gpu():
        kinds.append(GPUMonitor)
    monitors = []
    for kind in kinds:
        with suppress(Exception):  # no NVIDIA library, no driver, no permission: each its own error
            monitors.append(kind())
    return monitors
