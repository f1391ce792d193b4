"""The whole pipeline with a small budget, in a folder of its own.

Nothing of the repository is touched: `demo/` is a clone of it, with the working tree's files, the
repository's DVC cache and a `params.yaml` that asks for less.
"""

import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from rnnbench.commands import output_of
from rnnbench.comparison.findings import read_comparisons
from rnnbench.comparison.table import readable_tables
from rnnbench.files import atomic_file, write_text
from rnnbench.layout import (
    COMPARISONS_FOLDER,
    PREPARED_FOLDER,
    RAW_FOLDER,
    REPORT_FILE,
    REPORT_FOLDER,
    RESULTS_FOLDER,
    RUNS_FOLDER,
)
from rnnbench.params import PARAMS_FILE, Params, parse_params
from rnnbench.repro.reproduce import default_jobs, reproduce
from rnnbench.tables import print_table
from rnnbench.tracking.store import tracking_uri

DEMO_FOLDER = "demo"
# What the pipeline writes: the demo has its own.
OUTPUTS = (
    "dvc.lock",
    *map(str, (RESULTS_FOLDER, COMPARISONS_FOLDER, REPORT_FOLDER)),
    *map(str, (RAW_FOLDER, PREPARED_FOLDER, RUNS_FOLDER)),
)
EXAMPLES = {"train_examples": 400, "test_examples": 150}
FRAME_EXAMPLES = {"train_examples": 16, "test_examples": 8}
HEADER = "# Made by `rnnbench demo` from the repository's params.yaml, with a small budget.\n"


def shrink(
    content: Mapping[str, Any],
    examples: Mapping[str, int] = EXAMPLES,
    frame_examples: Mapping[str, int] = FRAME_EXAMPLES,
) -> dict[str, Any]:
    """Return the content of a `params.yaml` that runs the same pipeline on less.

    Parameters
    ----------
    content : mapping
        The file as read.
    examples, frame_examples : mapping
        `train_examples` and `test_examples` of views, and of views of frames.

    Returns
    -------
    dict
        One seed, one epoch, fewer examples, and Keras's own loops: a few steps do not earn back
        what compiling takes. Every data set, view, experiment and suite is kept.
    """
    views = {
        name: {**view, **_at_most(frame_examples if "input_frames" in view else examples, view)}
        for name, view in content["views"].items()
    }
    suites = {
        name: {**suite, "training": {**suite["training"], "epochs": 1}}
        for name, suite in content["suites"].items()
    }
    experiments = {
        name: {key: value for key, value in line.items() if key != "epochs"}
        for name, line in content["experiments"].items()
    }
    return {
        **content,
        "seeds": 1,
        "compiled_loops": False,
        "views": views,
        "suites": suites,
        "experiments": experiments,
    }


def only(content: Mapping[str, Any], experiments: Collection[str]) -> dict[str, Any]:
    """Leave out of a `params.yaml` what none of some experiments needs.

    Parameters
    ----------
    content : mapping
        The file as read.
    experiments : collection of str
        Which ones stay, with their views, models and suites.
    """
    lines = _named(experiments, content["experiments"])
    sections = {
        section: _named({line[key] for line in lines.values()}, content[section])
        for section, key in (("views", "view"), ("models", "model"), ("suites", "suite"))
    }
    return {**content, **sections, "experiments": lines}


def _named(names: Collection[str], entries: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry for name, entry in entries.items() if name in names}


def _at_most(limits: Mapping[str, int], view: Mapping[str, Any]) -> dict[str, int]:
    return {name: min(limit, view.get(name, limit)) for name, limit in limits.items()}


def lay_out(root: Path, target: Path) -> Params:
    """Put the repository's present files into `target`, with a small `params.yaml`.

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
    """
    if (target / ".git").exists():
        _git(target, "fetch", "--quiet", str(root), "HEAD")
        _git(target, "reset", "--quiet", "--mixed", "FETCH_HEAD")
    else:
        shutil.rmtree(target, ignore_errors=True)
        _git(root, "clone", "--quiet", str(root), str(target))
        for output in OUTPUTS:
            _remove(target / output)
    _copy_working_tree(root, target)
    content = shrink(YAML(typ="safe").load((root / PARAMS_FILE).read_text(encoding="utf-8")))
    params = parse_params(content, str(root / PARAMS_FILE))
    write_params(content, target / PARAMS_FILE)
    cache = root / ".dvc" / "cache"
    write_text(target / ".dvc" / "config.local", f"[cache]\n    dir = {cache}\n")
    return params


def run_demo(root: Path, target: Path) -> bool:
    """Run the pipeline in `target` and say what came out.

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
    print(f"running the whole pipeline with a small budget in {target}", flush=True)
    reproduce(target, jobs=default_jobs(), suites=params.suites)
    return _say_what_came_out(params, target)


def _say_what_came_out(params: Params, target: Path) -> bool:
    missing = []
    for comparison in read_comparisons(params, target / COMPARISONS_FOLDER):
        for table in readable_tables(comparison.table, short=True):
            print_table(table, comparison.title)
        missing += [found.name for found in comparison.findings if not found.was_run]
    print("These numbers come from a small budget; the README shows those of the full one.\n")
    print(f"report:     {target / REPORT_FOLDER / REPORT_FILE}")
    print(f"MLflow UI:  {_ui_command(target)}")
    if missing:
        print(f"missing:    {', '.join(missing)}; the messages above say why", flush=True)
    return not missing


def _ui_command(target: Path) -> str:
    executable = Path(sys.executable).with_name("mlflow")
    return f"{executable} ui --backend-store-uri {tracking_uri(target)}"


def _copy_working_tree(root: Path, target: Path) -> None:
    listed = _git(root, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    names = {name for name in listed.split("\0") if name and not _is_output(name)}
    for name in _git(target, "ls-files", "-z").split("\0"):
        if name and name not in names and not _is_output(name):
            _remove(target / name)
    for name in names:
        source, copy = root / name, target / name
        if not source.exists():
            _remove(copy)
        elif not copy.exists() or source.read_bytes() != copy.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)


def _is_output(name: str) -> bool:
    return any(name == output or name.startswith(f"{output}/") for output in OUTPUTS)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_params(content: Mapping[str, Any], path: Path) -> None:
    """Write the content of a `params.yaml`, whole or not at all."""
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        stream.write(HEADER)
        YAML().dump(dict(content), stream)


def _git(folder: Path, *arguments: str) -> str:
    return output_of(["git", "-C", str(folder), *arguments], folder)
