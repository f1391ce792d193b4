"""What NVIDIA's management library answers on a machine with one GPU."""

import time
from types import SimpleNamespace

IDLE_WATTS = 50.0


class RecordedNvml:
    """Answers as pynvml does: a GPU that takes `IDLE_WATTS`, and as many more once it `works`."""

    NVMLError = RuntimeError
    NVML_CLOCK_SM = 1

    def __init__(
        self, name: str | bytes = "NVIDIA H100", utilisation: tuple[int, ...] = (50,)
    ) -> None:
        self._name = name
        self._utilisation = list(utilisation)
        self._begun = time.perf_counter()
        self._working: float | None = None
        self.processes = 1
        self.free_memory = 16 * 2**30

    def works(self) -> None:
        self._working = time.perf_counter()

    def nvmlInit(self) -> None:  # noqa: N802
        pass

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetHandleByUUID(self, identifier: str) -> str:  # noqa: N802
        if not identifier.startswith(("GPU-", "MIG-")):
            raise self.NVMLError("Invalid Argument")
        return identifier

    def nvmlDeviceGetMemoryInfo(self, _: int) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(total=80 * 2**30, free=self.free_memory)

    def nvmlDeviceGetName(self, _: int) -> str | bytes:  # noqa: N802
        return self._name

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "570.1"

    def nvmlDeviceGetTotalEnergyConsumption(self, _: int) -> int:  # noqa: N802
        now = time.perf_counter()
        seconds = now - self._begun + (now - self._working if self._working else 0.0)
        return int(1000 * IDLE_WATTS * seconds)

    def nvmlDeviceGetUtilizationRates(self, _: int) -> SimpleNamespace:  # noqa: N802
        rate = self._utilisation.pop(0) if len(self._utilisation) > 1 else self._utilisation[0]
        return SimpleNamespace(gpu=rate)

    def nvmlDeviceGetClockInfo(self, _: int, kind: int) -> int:  # noqa: N802
        assert kind == self.NVML_CLOCK_SM
        return 1980

    def nvmlDeviceGetComputeRunningProcesses(self, _: int) -> list[SimpleNamespace]:  # noqa: N802
        return [SimpleNamespace(pid=4711 + number) for number in range(self.processes)]
