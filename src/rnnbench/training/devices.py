"""The machine a run used: processor, and where there is one, the GPU and what it gave."""

import contextlib
import os
import platform
import resource
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


def peak_memory_bytes() -> int:
    """Return the most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


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
    """Sample a GPU's utilisation and count its energy while a block runs.

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
        self._millijoules: int | None = None
        self._joules: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "GpuMonitor":
        self._millijoules = self._energy()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        before, after = self._millijoules, self._energy()
        self._joules = None if before is None or after is None else (after - before) / 1000

    def summary(self) -> dict[str, Any]:
        """Return the GPU's name, driver, mean utilisation in percent, and energy if it counts it.

        The energy is all that the GPU took, idling included.
        """
        facts = {
            "gpu_name": _text(self._nvml.nvmlDeviceGetName(self._handle)),
            "gpu_driver": _text(self._nvml.nvmlSystemGetDriverVersion()),
            "gpu_utilisation_percent": sum(self._samples) / len(self._samples),
        }
        return facts if self._joules is None else {**facts, "gpu_energy_joules": self._joules}

    def _energy(self) -> int | None:
        """Return the counter of energy, in millijoules since the driver was loaded."""
        try:
            return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))
        except self._nvml.NVMLError:  # GPUs older than Volta have none
            return None

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
        """Return `device`, the process's peak memory, and of a GPU what `GpuMonitor` says of it.

        What cannot be measured is absent, not zero.
        """
        facts: dict[str, Any] = {"device": "cpu", "peak_memory_bytes": peak_memory_bytes()}
        if not has_gpu():
            return {**facts, "load_average_1_minute": os.getloadavg()[0]}
        facts["device"] = "gpu"
        if self._monitor:
            facts.update(self._monitor.summary())
        peak = peak_gpu_memory_bytes()
        if peak is not None:
            facts["gpu_peak_memory_bytes"] = peak
        return facts


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _monitor_or_none(nvml: ModuleType) -> GpuMonitor | None:
    try:
        return GpuMonitor(nvml)
    except nvml.NVMLError:
        return None
