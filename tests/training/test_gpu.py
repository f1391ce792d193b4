"""What is said of a GPU, from recorded answers of NVIDIA's library."""

import time

import keras
import numpy as np
import pytest

from rnnbench.training import gpu
from rnnbench.training.gpu import GpuMonitor
from rnnbench.training.timing import TimingCallback
from tests.training.recorded_nvml import IDLE_WATTS, RecordedNvml


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "SAMPLING_SECONDS", 0.01)
    monkeypatch.setattr(gpu, "IDLE_SECONDS", 0.1)


@pytest.mark.parametrize("name", ["NVIDIA H100", b"NVIDIA H100"])
def test_a_gpu_is_named_and_its_utilisation_is_the_mean_of_samples(name: str | bytes) -> None:
    with GpuMonitor(RecordedNvml(name, (20, 60, 40))) as monitor:
        time.sleep(0.2)
    summary = monitor.summary()
    assert (summary["gpu_name"], summary["gpu_driver"]) == ("NVIDIA H100", "570.1")
    assert 30.0 < summary["gpu_utilisation_percent"] <= 40.5
    assert summary["gpu_clock_megahertz"] == 1980
    assert monitor.timing_warnings() == []


def test_what_idling_takes_is_subtracted_from_the_energy() -> None:
    nvml = RecordedNvml()
    with GpuMonitor(nvml) as monitor:
        time.sleep(0.2)
        idle = monitor.joules()
        nvml.works()
        begun = time.perf_counter()
        time.sleep(0.2)
    worked = time.perf_counter() - begun
    assert idle == pytest.approx(0.0, abs=0.5)
    summary = monitor.summary()
    assert summary["gpu_idle_watts"] == pytest.approx(IDLE_WATTS, rel=0.05)
    assert summary["gpu_energy_joules"] == pytest.approx(worked * IDLE_WATTS, rel=0.1)


def test_the_energy_of_epochs_is_what_the_gpu_takes_beyond_idling_in_their_seconds() -> None:
    nvml = RecordedNvml()
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with GpuMonitor(nvml) as monitor:
        timing = TimingCallback(monitor.joules)
        nvml.works()
        model.fit(np.zeros((640, 3)), np.zeros((640, 1)), epochs=3, verbose=0, callbacks=[timing])
    summary = timing.summary(640)
    epochs = summary["gpu_epoch_energy_joules"]
    assert len(epochs) == 3
    assert sum(epochs) == pytest.approx(IDLE_WATTS * sum(summary["epoch_seconds"]), rel=0.2)
    assert sum(epochs) < monitor.summary()["gpu_energy_joules"]


def test_another_process_on_the_gpu_makes_times_timing_warnings() -> None:
    nvml = RecordedNvml()
    nvml.processes = 3
    with GpuMonitor(nvml) as monitor:
        pass
    assert monitor.timing_warnings() == ["other processes on the GPU: 2"]


def not_supported(*_: object) -> None:
    raise RecordedNvml.NVMLError("Not Supported")


QUESTIONS = {
    "nvmlDeviceGetTotalEnergyConsumption": {"gpu_energy_joules", "gpu_idle_watts"},
    "nvmlDeviceGetUtilizationRates": {"gpu_utilisation_percent"},
    "nvmlDeviceGetClockInfo": {"gpu_clock_megahertz"},
    "nvmlDeviceGetComputeRunningProcesses": set(),
    "nvmlDeviceGetName": {"gpu_name"},
    "nvmlSystemGetDriverVersion": {"gpu_driver"},
}


@pytest.mark.parametrize("refused", [*([name] for name in QUESTIONS), list(QUESTIONS)], ids=str)
def test_what_a_part_of_a_gpu_does_not_answer_is_left_out(
    refused: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml = RecordedNvml()
    for name in refused:
        monkeypatch.setattr(nvml, name, not_supported)
    with GpuMonitor(nvml) as monitor:
        time.sleep(0.05)
    absent = set().union(*(QUESTIONS[name] for name in refused))
    assert set(monitor.summary()) == set().union(*QUESTIONS.values()) - absent
    assert monitor.timing_warnings() == []


@pytest.mark.parametrize(
    ("visible", "handle"),
    [("", 0), ("0", 0), ("3,1", 3), (" 2 , 0", 2), ("MIG-42/7/0,GPU-1", "MIG-42/7/0")],
)
def test_the_gpu_that_is_watched_is_the_first_one_that_is_visible(
    visible: str, handle: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu.visible_gpu(RecordedNvml()) == handle


def test_a_gpu_that_the_library_does_not_know_is_not_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gpu, "nvml_if_any", RecordedNvml)
    assert gpu.monitor_if_any() is not None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "NoDevFiles")
    assert gpu.monitor_if_any() is None


def test_a_gpu_that_counts_no_energy_says_none() -> None:
    nvml = RecordedNvml("NVIDIA K80")

    def refuse(_: int) -> int:
        raise nvml.NVMLError

    nvml.nvmlDeviceGetTotalEnergyConsumption = refuse  # type: ignore[method-assign]
    with GpuMonitor(nvml) as monitor:
        assert monitor.joules() is None
    assert not [name for name in monitor.summary() if "energy" in name or "watts" in name]
