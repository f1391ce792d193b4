"""The records of an experiment's runs, `run.json` in their folders."""

from pathlib import Path
from typing import Any

from rnnbench.errors import RnnbenchError
from rnnbench.files import read_json
from rnnbench.layout import RECORD_FILE, seed_folder

# By the name of a run's folder, in the order of the seeds.
Records = dict[str, dict[str, Any]]


def read_records(folder: Path) -> Records:
    """Read the record of each run of an experiment, `folder` being `runs/SUITE/EXPERIMENT`.

    Raises
    ------
    RnnbenchError
        If there are no runs.
    """
    records = [read_json(path) for path in folder.glob(f"*/{RECORD_FILE}")]
    if not records:
        raise RnnbenchError(
            f"{folder} has no runs; `dvc repro train@{folder.name}` trains the experiment"
        )
    records.sort(key=lambda record: int(record["seed"]))
    return {seed_folder(record["seed"]): record for record in records}


def read_first_record(folder: Path) -> dict[str, Any]:
    """Read the record of an experiment's first run, `folder` being `runs/SUITE/EXPERIMENT`."""
    return next(iter(read_records(folder).values()))
