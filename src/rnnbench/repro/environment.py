"""The environment in which stages run side by side."""

import os
from pathlib import Path


def stage_environment(root: Path) -> dict[str, str]:
    """Return the environment of stages that share a machine and run the repository's source.

    A stage's threads do not depend on how many others run: what is added in parts adds up in
    another order with another number of threads, and what comes out must be what `dvc repro` alone
    gives.
    """
    return {
        # TensorFlow otherwise gives all of a GPU's memory to the first that asks.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        **os.environ,
        "PYTHONPATH": str(root / "src"),
    }
