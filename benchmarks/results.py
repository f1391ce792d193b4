"""Where measurements are kept, each with the machine that made them."""

import os
from pathlib import Path

import pandas as pd

from rnnbench.files import atomic_file
from rnnbench.training.devices import processor_name

FOLDER = Path(__file__).with_name("results")


def write_csv(name: str, table: pd.DataFrame) -> None:
    """Write a measurement; every row names the processor."""
    FOLDER.mkdir(exist_ok=True)
    with atomic_file(FOLDER / f"{name}.csv") as temporary:
        named = table.assign(processor=processor_name(), cores=os.cpu_count())
        named.to_csv(temporary, index=False, float_format="%.4g")


def read_csv(name: str) -> pd.DataFrame:
    """Read a measurement."""
    return pd.read_csv(FOLDER / f"{name}.csv")
