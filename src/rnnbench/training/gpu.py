"""An NVIDIA GPU during training: utilisation, clock, energy and other processes."""

import contextlib
import os
import statistics
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T")

SAMPLING_SECONDS = 0.2
IDLE_SECONDS = 1.0


class GpuMonitor:
    """Sample a GPU and measure its energy while a block runs.

    Before the block, it measures the power of the idle GPU for a second, which is subtracted from
    the energy of the block. Quantities that the GPU does not report are left out: a MIG instance
    reports neither utilisation nor energy, and a container may lack the permission.

    Parameters
    ----------
    nvml : module
        `pynvml`, or an object with the same functions.

    Raises
    ------
    nvml.NVMLError
        If the library does not know the GPU that this process may use.
    """

    def __init__(self, nvml: ModuleType | Any) -> None:
        self._nvml = nvml
        self._handle = visible_gpu(nvml)
        self._utilisation: list[float] = []
        self._megahertz: list[float] = []
        self._most_processes = 0
        self._idle_watts = 0.0
        self._start: tuple[float, float] | None = None  # time, and the energy counter at it
        self._used: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "GpuMonitor":
        before, start = self._counter(), time.perf_counter()
        if before is not None:
            time.sleep(IDLE_SECONDS)
            after, now = self._counter(), time.perf_counter()
            assert after is not None
            # Divided by the measured time, as a sleep may last longer.
            self._idle_watts = (after - before) / (now - start)
            self._start = (now, after)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._used = self.joules()

    def joules(self) -> float | None:
        """Return the energy above idling since the block began; None if it is not measured."""
        now = self._counter()
        if now is None or self._start is None:
            return None
        start, before = self._start
        return now - before - self._idle_watts * (time.perf_counter() - start)

    def summary(self) -> dict[str, Any]:
        """Return the GPU's name and driver, mean utilisation in percent and mean clock in MHz.

        If the GPU measures energy, the block's energy above idling in joules and the power of
        idling in watts are included. Quantities that the GPU does not report are absent.
        """
        nvml = self._nvml
        name = self._answer(lambda: nvml.nvmlDeviceGetName(self._handle))
        driver = self._answer(nvml.nvmlSystemGetDriverVersion)
        texts = {"gpu_name": name, "gpu_driver": driver}
        samples = {
            "gpu_utilisation_percent": self._utilisation,
            "gpu_clock_megahertz": self._megahertz,
        }
        facts: dict[str, Any] = {
            **{key: _text(value) for key, value in texts.items() if value is not None},
            **{key: statistics.fmean(values) for key, values in samples.items() if values},
        }
        if self._used is not None:
            facts |= {"gpu_energy_joules": self._used, "gpu_idle_watts": self._idle_watts}
        return facts

    def timing_warnings(self) -> list[str]:
        """Return a warning about the times if other processes used the GPU, else an empty list."""
        others = self._most_processes - 1
        return [f"other processes on the GPU: {others}"] if others > 0 else []

    def _counter(self) -> float | None:
        """Return the energy counter, in joules since the driver was loaded; None without one."""
        nvml = self._nvml
        millijoules = self._answer(lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))
        return None if millijoules is None else int(millijoules) / 1000

    def _answer(self, question: Callable[[], T]) -> T | None:
        """Return the library's answer, or None on an error: an old GPU, MIG, no permission."""
        try:
            return question()
        except self._nvml.NVMLError:
            return None

    def _sample(self) -> None:
        nvml, handle = self._nvml, self._handle
        while True:
            rates = self._answer(lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
            if rates is not None:
                self._utilisation.append(float(rates.gpu))
            clock = self._answer(lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM))
            if clock is not None:
                self._megahertz.append(float(clock))
            # Only counted: in a container, process ids differ from those that the driver reports.
            found = self._answer(lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle))
            self._most_processes = max(self._most_processes, len(found or []))
            if self._stop.wait(SAMPLING_SECONDS):
                return


def monitor_if_any() -> GpuMonitor | None:
    """Return a monitor of the GPU in use, or None if NVIDIA's library knows none."""
    nvml = nvml_if_any()
    if nvml is None:
        return None
    try:
        return GpuMonitor(nvml)
    except nvml.NVMLError:
        return None


def visible_gpu(nvml: ModuleType | Any) -> Any:
    """Return NVIDIA's handle of the first GPU that this process may use.

    `CUDA_VISIBLE_DEVICES`, which the library ignores, names it by number or by identifier
    (`GPU-…`, `MIG-…`). Numbers agree with those of the library if `CUDA_DEVICE_ORDER` is
    PCI_BUS_ID or all GPUs are of the same model.

    Raises
    ------
    nvml.NVMLError
        If the library does not know that GPU.
    """
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "").partition(",")[0].strip() or "0"
    if first.isdecimal():
        return nvml.nvmlDeviceGetHandleByIndex(int(first))
    return nvml.nvmlDeviceGetHandleByUUID(first)


def nvml_if_any() -> Any:
    """Return NVIDIA's management library, initialised; None without it or without a driver."""
    with contextlib.suppress(ImportError):
        import pynvml

        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            return pynvml
    return None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
