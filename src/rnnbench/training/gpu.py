"""An NVIDIA GPU while training runs: utilisation, clock, energy, and who else uses it."""

import contextlib
import statistics
import threading
import time
from types import ModuleType
from typing import Any

SAMPLING_SECONDS = 0.2
IDLE_SECONDS = 1.0


class GpuMonitor:
    """Sample a GPU and count its energy while a block runs.

    Before the block it watches the idle GPU for a second: that power is subtracted from what is
    counted afterwards.

    Parameters
    ----------
    nvml : module
        `pynvml`, or what answers like it.
    index : int, default 0
        Which GPU.
    """

    def __init__(self, nvml: ModuleType | Any, index: int = 0) -> None:
        self._nvml = nvml
        self._handle = nvml.nvmlDeviceGetHandleByIndex(index)
        self._utilisation: list[float] = []
        self._megahertz: list[float] = []
        self._most_processes = 0
        self._idle_watts = 0.0
        self._begun: tuple[float, float] | None = None  # when, and the counter then
        self._used: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "GpuMonitor":
        before, begun = self._counter(), time.perf_counter()
        if before is not None:
            time.sleep(IDLE_SECONDS)
            after, now = self._counter(), time.perf_counter()
            assert after is not None
            self._idle_watts = (after - before) / (now - begun)  # a sleep may last longer
            self._begun = (now, after)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._used = self.joules()

    def joules(self) -> float | None:
        """Return the energy since the block began, idling subtracted; None if none is counted."""
        now = self._counter()
        if now is None or self._begun is None:
            return None
        moment, then = self._begun
        return now - then - self._idle_watts * (time.perf_counter() - moment)

    def summary(self) -> dict[str, Any]:
        """Return the GPU's name and driver, means of utilisation in percent and clock in MHz.

        And, if it counts energy, what the block used beyond idling, and the power of idling.
        """
        facts: dict[str, Any] = {
            "gpu_name": _text(self._nvml.nvmlDeviceGetName(self._handle)),
            "gpu_driver": _text(self._nvml.nvmlSystemGetDriverVersion()),
            "gpu_utilisation_percent": statistics.fmean(self._utilisation),
            "gpu_clock_megahertz": statistics.fmean(self._megahertz),
        }
        if self._used is not None:
            facts |= {"gpu_energy_joules": self._used, "gpu_idle_watts": self._idle_watts}
        return facts

    def timing_warnings(self) -> list[str]:
        """Say what speaks against the times: another process that computed on the GPU."""
        others = self._most_processes - 1
        return [f"processes of others on the GPU: {others}"] if others > 0 else []

    def _counter(self) -> float | None:
        """Return the counter of energy, in joules since the driver was loaded."""
        try:
            return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) / 1000
        except self._nvml.NVMLError:  # GPUs older than Volta have none
            return None

    def _sample(self) -> None:
        while True:
            rates = self._nvml.nvmlDeviceGetUtilizationRates(self._handle)
            self._utilisation.append(float(rates.gpu))
            clock = self._nvml.nvmlDeviceGetClockInfo(self._handle, self._nvml.NVML_CLOCK_SM)
            self._megahertz.append(float(clock))
            # Counted, not compared with our own number: in a container the two differ.
            processes = self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
            self._most_processes = max(self._most_processes, len(processes))
            if self._stop.wait(SAMPLING_SECONDS):
                return


def monitor_if_any() -> GpuMonitor | None:
    """Return a monitor of the first GPU, or None without NVIDIA's library or driver."""
    nvml = nvml_if_any()
    return GpuMonitor(nvml) if nvml else None


def nvml_if_any() -> Any:
    """Return NVIDIA's management library, ready; None without it or without a driver."""
    with contextlib.suppress(ImportError):
        import pynvml

        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            return pynvml
    return None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
