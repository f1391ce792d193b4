"""What is said of the machine: what is not there is absent, not zero."""

import time
from types import SimpleNamespace

import pytest

from rnnbench.training import devices


class RecordedNvml:
    """Answers as pynvml does on a machine with one GPU."""

    NVMLError = RuntimeError

    def __init__(self, name: str | bytes, utilisation: list[int]) -> None:
        self._name = name
        self._utilisation = utilisation
        self._millijoules = 5_000

    def nvmlInit(self) -> None:  # noqa: N802
        pass

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetName(self, _: int) -> str | bytes:  # noqa: N802
        return self._name

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "570.1"

    def nvmlDeviceGetTotalEnergyConsumption(self, _: int) -> int:  # noqa: N802
        self._millijoules += 2_500
        return self._millijoules

    def nvmlDeviceGetUtilizationRates(self, _: int) -> SimpleNamespace:  # noqa: N802
        rate = self._utilisation.pop(0) if len(self._utilisation) > 1 else self._utilisation[0]
        return SimpleNamespace(gpu=rate)


def test_the_environment_names_back_end_packages_and_processor() -> None:
    environment = devices.environment()
    assert environment["backend"] == "tensorflow"
    assert {"keras", "tensorflow", "numpy", "mlflow", "dvc"} <= set(environment["packages"])
    assert environment["processor"]
    assert environment["cores"] >= 1


@pytest.mark.skipif(devices.has_gpu(), reason="this machine has a GPU")
def test_without_a_gpu_nothing_is_said_of_one() -> None:
    with devices.DeviceUsage() as usage:
        pass
    summary = usage.summary()
    assert summary["device"] == "cpu"
    assert not [name for name in summary if "gpu" in name]


@pytest.mark.parametrize("name", ["NVIDIA H100", b"NVIDIA H100"])
def test_a_gpu_is_named_and_its_utilisation_is_the_mean_of_samples(
    name: str | bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "SAMPLING_SECONDS", 0.01)
    with devices.GpuMonitor(RecordedNvml(name, [20, 60, 40])) as monitor:
        time.sleep(0.2)
    summary = monitor.summary()
    assert summary["gpu_name"] == "NVIDIA H100"
    assert 30.0 < summary["gpu_utilisation_percent"] <= 40.5


def test_a_gpu_run_reports_name_memory_and_utilisation(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(devices, "has_gpu", lambda: True)
    monkeypatch.setattr(devices, "peak_gpu_memory_bytes", lambda: 123_456)
    monkeypatch.setitem(sys.modules, "pynvml", RecordedNvml("NVIDIA H100", [50]))
    with devices.DeviceUsage() as usage:
        pass
    summary = usage.summary()
    assert summary.pop("peak_memory_bytes") > 0
    assert summary == {
        "device": "gpu",
        "gpu_name": "NVIDIA H100",
        "gpu_driver": "570.1",
        "gpu_energy_joules": 2.5,
        "gpu_utilisation_percent": 50.0,
        "gpu_peak_memory_bytes": 123_456,
    }


def test_a_gpu_that_counts_no_energy_says_none() -> None:
    nvml = RecordedNvml("NVIDIA K80", [10])

    def refuse(_: int) -> int:
        raise nvml.NVMLError

    nvml.nvmlDeviceGetTotalEnergyConsumption = refuse  # type: ignore[method-assign]
    with devices.GpuMonitor(nvml) as monitor:
        pass
    assert "gpu_energy_joules" not in monitor.summary()
