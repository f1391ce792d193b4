"""What is said of the machine: what is not there is absent, not zero."""

import sys

import pytest

from rnnbench.training import devices
from tests.training.recorded_nvml import RecordedNvml


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


def test_a_gpu_run_reports_name_memory_energy_and_who_else_used_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nvml = RecordedNvml("NVIDIA H100", (50,))
    nvml.processes = 2
    reset: list[bool] = []
    monkeypatch.setattr(devices, "has_gpu", lambda: True)
    monkeypatch.setattr(devices, "peak_gpu_memory_bytes", lambda: 123_456)
    monkeypatch.setattr(devices, "reset_peak_gpu_memory", lambda: reset.append(True))
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    with devices.DeviceUsage() as usage:
        nvml.works()
    summary = usage.summary()
    assert reset == [True]
    assert summary["device"] == "gpu"
    assert summary["gpu_name"] == "NVIDIA H100"
    assert summary["gpu_peak_memory_bytes"] == 123_456
    assert summary["gpu_energy_joules"] >= 0
    assert usage.timing_warnings() == ["other processes on the GPU: 1"]
