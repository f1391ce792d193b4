"""Reading and writing measurements, each with the machine that made them."""

import os
from pathlib import Path

import pandas as pd

from rnnbench.files import atomic_file
from rnnbench.training.devices import processor_name

FOLDER = Path(__file__).with_name("results")


class OtherMachineError(Exception):
    """Raised if the measurements in a file were made on another machine."""


def write_csv(name: str, table: pd.DataFrame) -> None:
    """Write a measurement; every row names the processor."""
    _write(name, _named(table))


def update_csv(name: str, table: pd.DataFrame, key: str) -> None:
    """Replace the rows of a measurement that have the same key; other rows stay.

    Raises
    ------
    OtherMachineError
        If the other rows were measured on another machine, so that they are not comparable.
    """
    fresh = _named(table).set_index(key)
    recorded = read_csv(name).set_index(key)
    others = recorded.drop(fresh.index, errors="ignore")
    machine = ["processor", "cores"]
    if (others[machine].to_numpy() != fresh[machine].iloc[0].to_numpy()).any():
        raise OtherMachineError(
            f"{name}.csv was measured on {others['processor'].iloc[0]} with"
            f" {others['cores'].iloc[0]} cores, which is not this machine: measure all cases"
        )
    order = list(dict.fromkeys([*recorded.index, *fresh.index]))
    _write(name, pd.concat([others, fresh]).loc[order].reset_index())


def _named(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(processor=processor_name(), cores=os.cpu_count())


def _write(name: str, table: pd.DataFrame) -> None:
    FOLDER.mkdir(exist_ok=True)
    with atomic_file(FOLDER / f"{name}.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.4g")


def read_csv(name: str) -> pd.DataFrame:
    """Read a measurement."""
    return pd.read_csv(FOLDER / f"{name}.csv")
