"""How many stages fit into a GPU's memory."""

from typing import Any

# Kinds of stages that compute on the GPU.
ON_GPU = ("train", "time", "evaluate")
# The driver takes memory for each process, and the allocator grows beyond the need of a model.
BYTES_OF_A_STAGE = 4 * 2**30


def stages_that_fit(nvml: Any | None) -> int | None:
    """Return how many stages fit into the first GPU's free memory, at least 1; None without a GPU.

    `nvml` is the module `pynvml`, if there is a GPU.
    """
    if nvml is None:
        return None
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(nvml.nvmlDeviceGetHandleByIndex(0))
    except nvml.NVMLError:  # a MIG slice need not report its memory
        return 1
    return max(1, int(memory.free) // BYTES_OF_A_STAGE)
