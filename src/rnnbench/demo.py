"""The pipeline on some experiments with a small budget, in a folder of its own.

The repository itself is not changed: `demo/` is a clone of it, with the working tree's files, the
repository's DVC cache and a `params.yaml` with the values of `demo.yaml`.
"""

import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from rnnbench.commands import files_of_working_tree, git, share_cache
from rnnbench.comparison.findings import Comparison, Finding, main_finding, read_comparisons
from rnnbench.comparison.table import readable_tables
from rnnbench.credentials import without_credentials
from rnnbench.errors import RnnbenchError
from rnnbench.files import atomic_file
from rnnbench.layout import (
    COMPARISONS_FOLDER,
    OUTPUTS_IN_GIT,
    PREPARED_FOLDER,
    RAW_FOLDER,
    REPORT_FILE,
    REPORT_FOLDER,
    RUNS_FOLDER,
)
from rnnbench.params import PARAMS_FILE, Params, load_params, parse_params, read_yaml
from rnnbench.repro.reproduce import default_jobs, reproduce
from rnnbench.tables import print_table
from rnnbench.tracking.store import tracking_uri

DEMO_FOLDER = "demo"
# Outputs of the pipeline, which are not copied into the demo.
OUTPUTS = (*OUTPUTS_IN_GIT, RAW_FOLDER, PREPARED_FOLDER, RUNS_FOLDER)
BUDGET_FILE = Path("demo.yaml")
HEADER = "# Made by `rnnbench demo` from the repository's params.yaml and demo.yaml.\n"


def with_budget(content: Mapping[str, Any], budget: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a `params.yaml` that runs some experiments with other values.

    Parameters
    ----------
    content : mapping
        The file as read.
    budget : mapping
        Part of such a file: only its `experiments` are kept, and its values replace the file's.
    """
    return only(_merged(content, budget), budget["experiments"])


def _merged(content: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **content,
        **{
            key: _merged(content.get(key, {}), value) if isinstance(value, Mapping) else value
            for key, value in values.items()
        },
    }


def only(content: Mapping[str, Any], experiments: Collection[str]) -> dict[str, Any]:
    """Return the content of a `params.yaml` reduced to some experiments and what they need.

    Parameters
    ----------
    content : mapping
        The file as read.
    experiments : collection of str
        The ones to keep, with their views, models and suites.
    """
    lines = _named(experiments, content["experiments"])
    sections = {
        section: _named({line.get(key) for line in lines.values()}, content[section])
        for section, key in (("views", "view"), ("models", "model"), ("suites", "suite"))
    }
    datasets = {view["dataset"] for view in sections["views"].values()}
    files = {"files": _named(datasets, content["files"])} if "files" in content else {}
    return {**content, **files, **sections, "experiments": lines}


def _named(names: Collection[str], entries: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry for name, entry in entries.items() if name in names}


def lay_out(root: Path, target: Path) -> Params:
    """Put the repository's current files into `target`, with a small `params.yaml`.

    Parameters
    ----------
    root : Path
        The repository.
    target : Path
        A folder; results of an earlier demo in it are kept.

    Returns
    -------
    Params
        The parameters of the demo.

    Raises
    ------
    RnnbenchError
        If `demo.yaml` names something that `params.yaml` does not have, or if the project is a
        folder of a larger git repository.
    """
    top = Path(git(root, "rev-parse", "--show-toplevel").strip())
    if top.resolve() != root.resolve():
        raise RnnbenchError(
            f"the demo is made from a git repository of the project alone, and {root} is a folder"
            f" in that of {top}: run it in a clone of the project, or `rnnbench repro` here"
        )
    if (target / ".git").exists():
        git(target, "fetch", "--quiet", str(root), "HEAD")
        git(target, "reset", "--quiet", "--mixed", "FETCH_HEAD")
    else:
        shutil.rmtree(target, ignore_errors=True)
        git(root, "clone", "--quiet", str(root), str(target))
        for output in OUTPUTS:
            _remove(target / output)
    _copy_working_tree(root, target)
    content = with_budget(read_yaml(root / PARAMS_FILE), read_yaml(root / BUDGET_FILE))
    params = parse_params(content, f"{PARAMS_FILE} with the values of {BUDGET_FILE}")
    write_params(content, target / PARAMS_FILE)
    share_cache(root, target)
    return params


def run_demo(root: Path, target: Path) -> bool:
    """Run the pipeline in `target` and print its results.

    Parameters
    ----------
    root, target : Path
        The repository and the demo's folder.

    Returns
    -------
    bool
        Whether every experiment was run.
    """
    params = lay_out(root, target)
    print(
        f"running {len(params.experiments)} experiments with a small budget in {target}", flush=True
    )
    reproduce(target, jobs=default_jobs(), suites=params.suites, leave_out=["time"])
    found = read_comparisons(params, target / COMPARISONS_FOLDER)
    for comparison in found:
        for table in readable_tables(comparison.table, True, comparison.baselines):
            print_table(table, comparison.title)
        print(f"{main_finding(comparison)}\n")
    print(f"{_full_run(found, root)}\n")
    print(f"report:     {target / REPORT_FOLDER / REPORT_FILE}")
    print(f"MLflow UI:  {_ui_command(target)}")
    missing = [one.name for part in found for one in part.findings if not one.was_run]
    if missing:
        print(f"missing:    {', '.join(missing)}; the messages above say why", flush=True)
    return not missing


def _full_run(found: list[Comparison], root: Path) -> str:
    """Return a sentence on what the full run adds, and how long it takes at the demo's speed."""
    full = load_params(root / PARAMS_FILE)
    recorded = read_comparisons(full, root / COMPARISONS_FOLDER)
    added = (
        f"The full run, `rnnbench repro`, trains all {len(full.experiments)} experiments with up to"
        f" {max(len(one.seeds) for one in full.experiments.values())} seeds on all examples and"
        " times each of them alone"
    )
    known = {one.name: one for part in recorded for one in part.findings if one.seconds_alone > 0}
    here = {one.name: one for part in found for one in part.findings if one.was_run}
    if not here.keys() & known.keys():
        return f"{added}."
    slowness = np.median(
        [
            _seconds_per_example(here[name], here[name].number("training_seconds"))
            / _seconds_per_example(known[name], known[name].seconds_alone)
            for name in here.keys() & known.keys()
        ]
    )
    seconds = slowness * sum(one.seconds_alone for one in known.values()) / default_jobs()
    return f"{added}; at this machine's speed training takes about {seconds / 3600:.1f} hours."


def _seconds_per_example(finding: Finding, seconds: float) -> float:
    return seconds / (finding.examples["train"] * finding.trained_epochs)


def _ui_command(target: Path) -> str:
    executable = Path(sys.executable).with_name("mlflow")
    return f"{executable} ui --backend-store-uri {without_credentials(tracking_uri(target))}"


def _copy_working_tree(root: Path, target: Path) -> None:
    names = {name for name in files_of_working_tree(root) if not _is_output(name)}
    for name in git(target, "ls-files", "-z").split("\0"):
        if name and name not in names and not _is_output(name):
            _remove(target / name)
    for name in names:
        source, copy = root / name, target / name
        if not source.exists():
            _remove(copy)
        elif source.is_dir():
            continue  # a link to a folder, or another repository inside this one
        elif not copy.exists() or source.read_bytes() != copy.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)


def _is_output(name: str) -> bool:
    return any(map(Path(name).is_relative_to, OUTPUTS))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_params(content: Mapping[str, Any], path: Path) -> None:
    """Write the content of a `params.yaml` atomically."""
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        stream.write(HEADER)
        YAML().dump(dict(content), stream)
