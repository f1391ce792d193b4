"""For how many stages a GPU has memory."""

from types import ModuleType
from typing import Any

# Stages that compute on it.
ON_GPU = ("train", "evaluate")
# What the driver takes for each process, and an allocator that grows beyond what is needed.
BYTES_OF_A_STAGE = 4 * 2**30


def stages_that_fit(nvml: ModuleType | Any | None) -> int | None:
    """Return for how many stages the first GPU has free memory; one always runs.

    Parameters
    ----------
    nvml : module or None
        `pynvml`, or what answers like it.

    Returns
    -------
    int or None
        None without a GPU.
    """
    if nvml is None:
        return None
    memory = nvml.nvmlDeviceGetMemoryInfo(nvml.nvmlDeviceGetHandleByIndex(0))
    return max(1, int(memory.free) // BYTES_OF_A_STAGE)
