"""For how many stages a GPU has memory."""

from typing import Any

# Kinds of stages that compute on it.
ON_GPU = ("train", "time", "evaluate")
# The driver takes some for each process, and the allocator grows beyond what is needed.
BYTES_OF_A_STAGE = 4 * 2**30


def stages_that_fit(nvml: Any | None) -> int | None:
    """Return for how many stages the first GPU has free memory, at least one; None without a GPU.

    `nvml` is the module `pynvml`, if there is a GPU.
    """
    if nvml is None:
        return None
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(nvml.nvmlDeviceGetHandleByIndex(0))
    except nvml.NVMLError:  # a part of a GPU need not answer
        return 1
    return max(1, int(memory.free) // BYTES_OF_A_STAGE)
