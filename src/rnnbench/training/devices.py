"""The machine a run used: processor, and where there is one, the GPU and what it gave."""

import contextlib
import os
import platform
import sys
import threading
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

SAMPLING_SECONDS = 0.2
RECORDED_PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy", "mlflow", "dvc")


def environment() -> dict[str, Any]:
    """Describe software and machine, for a run's record."""
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
        "cores": os.cpu_count(),
    }


def processor_name() -> str:
    """Return the processor's name as the system tells it."""
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


def peak_gpu_memory_bytes() -> int | None:
    """Return the allocator's peak since the process began; None where it does not say."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    if backend == "jax":
        import jax

        statistics = jax.devices()[0].memory_stats() or {}
        return statistics.get("peak_bytes_in_use")
    return int(sys.modules["torch"].cuda.max_memory_allocated())


class GpuMonitor:
    """Sample a GPU's utilisation while a block runs.

    Parameters
    ----------
    nvml : module
        `pynvml`, or what answers like it.
    index : int, default 0
        Which GPU.
    """

    def __init__(self, nvml: ModuleType | Any, index: int = 0) -> None:
        self._nvml = nvml
        self._nvml.nvmlInit()
        self._handle = nvml.nvmlDeviceGetHandleByIndex(index)
        self._samples: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "GpuMonitor":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def summary(self) -> dict[str, Any]:
        """Return the GPU's name and its mean utilisation in percent."""
        name = self._nvml.nvmlDeviceGetName(self._handle)
        return {
            "gpu_name": name.decode() if isinstance(name, bytes) else name,
            "gpu_utilisation_percent": sum(self._samples) / len(self._samples),
        }

    def _sample(self) -> None:
        while True:
            rates = self._nvml.nvmlDeviceGetUtilizationRates(self._handle)
            self._samples.append(float(rates.gpu))
            if self._stop.wait(SAMPLING_SECONDS):
                return


class DeviceUsage:
    """What the device did while a block ran; on a processor only its kind is known."""

    def __init__(self) -> None:
        self._monitor: GpuMonitor | None = None
        if has_gpu():
            with contextlib.suppress(ImportError):
                import pynvml

                self._monitor = _monitor_or_none(pynvml)

    def __enter__(self) -> "DeviceUsage":
        if self._monitor:
            self._monitor.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._monitor:
            self._monitor.__exit__(*error)

    def summary(self) -> dict[str, Any]:
        """Return `device`, and of a GPU its name, peak memory and utilisation.

        What cannot be measured is absent, not zero.
        """
        if not has_gpu():
            return {"device": "cpu", "load_average_1_minute": os.getloadavg()[0]}
        facts: dict[str, Any] = {"device": "gpu"}
        if self._monitor:
            facts.update(self._monitor.summary())
        peak = peak_gpu_memory_bytes()
        if peak is not None:
            facts["gpu_peak_memory_bytes"] = peak
        return facts


def _monitor_or_none(nvml: ModuleType) -> GpuMonitor | None:
    try:
        return GpuMonitor(nvml)
    except nvml.NVMLError:
        return None
