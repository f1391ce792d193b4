"""The experiments of each suite as files, so that comparing one depends on its members alone."""

from pathlib import Path

from rnnbench.files import read_json, write_json
from rnnbench.layout import MEMBERS_FOLDER
from rnnbench.params import Params


def write_members(params: Params, folder: Path = MEMBERS_FOLDER) -> None:
    """Write the names of each suite's experiments, in the order of `params.yaml`, to SUITE.json.

    Unchanged files are not written, and files of suites that no longer exist are removed.
    """
    for suite in params.suites:
        names, target = params.experiment_names(suite), folder / f"{suite}.json"
        if not target.exists() or read_json(target) != names:
            write_json(target, names)
    for path in folder.glob("*.json"):
        if path.stem not in params.suites:
            path.unlink()
