"""How many stages share a GPU."""

from types import SimpleNamespace

import pytest

from rnnbench.repro.gpu import BYTES_OF_A_STAGE, stages_that_fit
from tests.training.recorded_nvml import RecordedNvml


@pytest.mark.parametrize(("free", "stages"), [(0.5, 1), (1.0, 1), (3.9, 3), (20.0, 20)])
def test_a_gpu_is_for_as_many_stages_as_its_free_memory_has_room_for(
    free: float, stages: int
) -> None:
    nvml = RecordedNvml()
    nvml.free_memory = int(free * BYTES_OF_A_STAGE)
    assert stages_that_fit(nvml) == stages


def test_without_a_gpu_nothing_is_held_back() -> None:
    assert stages_that_fit(None) is None


def test_a_gpu_that_does_not_tell_its_memory_is_for_one_stage() -> None:
    class Silent(RecordedNvml):
        def nvmlDeviceGetMemoryInfo(self, _: int) -> SimpleNamespace:  # noqa: N802
            raise self.NVMLError("not supported")

    assert stages_that_fit(Silent()) == 1
