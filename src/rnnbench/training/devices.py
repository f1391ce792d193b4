"""The machine of a run: software, processor, and the use of memory and of a GPU."""

import contextlib
import os
import platform
import resource
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import keras

from rnnbench.models.fast.cores import usable_cores
from rnnbench.training.gpu import monitor_if_any

RECORDED_PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy", "mlflow", "dvc")


def environment() -> dict[str, Any]:
    """Return the versions of the software and a description of the machine, for a run's record."""
    versions = {}
    for package in RECORDED_PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return {
        "python": platform.python_version(),
        "backend": keras.backend.backend(),
        "packages": versions,
        "platform": platform.platform(),
        "processor": processor_name(),
        "cores": usable_cores(),
    }


def processor_name() -> str:
    """Return the processor's name as the system reports it."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def has_gpu() -> bool:
    """Whether the Keras back end in use computes on a GPU."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    if backend == "jax":
        import jax

        return bool(jax.default_backend() == "gpu")
    return bool(sys.modules["torch"].cuda.is_available())


def peak_memory_bytes() -> int:
    """Return the peak of this process's resident memory so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def peak_gpu_memory_bytes() -> int | None:
    """Return the peak of the GPU's allocator since its last reset; None if it reports none."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    if backend == "jax":
        import jax

        statistics = jax.devices()[0].memory_stats() or {}
        return statistics.get("peak_bytes_in_use")
    return int(sys.modules["torch"].cuda.max_memory_allocated())


def reset_peak_gpu_memory() -> None:
    """Reset the peak of the GPU's allocator; JAX's cannot be reset."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.reset_memory_stats("GPU:0")
    elif backend == "torch":
        sys.modules["torch"].cuda.reset_peak_memory_stats()


class DeviceUsage:
    """Measure the use of memory and, if there is one, of the GPU while a block runs."""

    def __init__(self) -> None:
        self._has_gpu = has_gpu()
        self._monitor = monitor_if_any() if self._has_gpu else None

    def __enter__(self) -> "DeviceUsage":
        if self._has_gpu:
            reset_peak_gpu_memory()
        if self._monitor:
            self._monitor.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._monitor:
            self._monitor.__exit__(*error)

    def joules(self) -> float | None:
        """Return the GPU's energy above idling since the block began; None if not measured."""
        return self._monitor.joules() if self._monitor else None

    def timing_warnings(self) -> list[str]:
        """Return the reasons why times measured in the block may be wrong."""
        return self._monitor.timing_warnings() if self._monitor else []

    def summary(self) -> dict[str, Any]:
        """Return `device`, the process's peak memory, and the summary of `GpuMonitor` for a GPU.

        Quantities that cannot be measured are absent, not zero.
        """
        facts: dict[str, Any] = {"device": "cpu", "peak_memory_bytes": peak_memory_bytes()}
        if not self._has_gpu:
            return {**facts, "load_average_1_minute": os.getloadavg()[0]}
        facts["device"] = "gpu"
        if self._monitor:
            facts.update(self._monitor.summary())
        peak = peak_gpu_memory_bytes()
        if peak is not None:
            facts["gpu_peak_memory_bytes"] = peak
        return facts
