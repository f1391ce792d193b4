"""Run a stage's script and write down which parameters and files it reads.

    python tests/record_reads.py OUTPUT.json stages/train.py imdb-lstm

A parameter counts as read when its value is taken from the validated parameters, after loading:
checking the file reads all of it and decides nothing.
"""

import json
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path("src").resolve()))

import rnnbench.params
from rnnbench.params import PARAMS_FILE, Experiment, Params, Section, load_params

ROOT = Path.cwd()
files: set[str] = set()
keys: set[str] = set()
# Of each object, what its attributes are called in the file.
names: dict[int, dict[str, str]] = {}
kept: list[Any] = []  # so that no other object gets the identity of one of these


def record_file(event: str, arguments: tuple[Any, ...]) -> None:
    """Note a file of the repository that is opened for reading."""
    if event != "open" or not isinstance(arguments[0], str | bytes):
        return
    path = Path(arguments[0].decode() if isinstance(arguments[0], bytes) else arguments[0])
    mode = arguments[1]
    path = path if path.is_absolute() else ROOT / path
    writes = isinstance(mode, str) and mode.strip("rbt") != ""
    if path.is_relative_to(ROOT) and not writes:
        files.add(path.relative_to(ROOT).as_posix())


def name_section(section: Section, where: str) -> None:
    """Remember what the keys of a section and of all within it are called."""
    kept.append(section)
    named = names.setdefault(id(section), {})
    fields = {name: field.alias or name for name, field in type(section).model_fields.items()}
    for attribute, key in fields.items():
        value, path = section.__dict__[attribute], f"{where}.{key}".strip(".")
        if not isinstance(value, Mapping | Section):
            named[attribute] = path
        name_content(value, path)


def name_content(value: Any, where: str) -> None:
    if isinstance(value, Section):
        name_section(value, where)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            name_content(part, f"{where}.{key}")


def name_experiment(experiment: Experiment, params: Params) -> None:
    kept.append(experiment)
    line, where = params.lines[experiment.name], f"experiments.{experiment.name}"
    names[id(experiment)] = {
        "suite": f"{where}.suite",
        "view": f"{where}.view",
        "model": f"{where}.model",
        "seeds": "seeds",
    }
    kept.append(experiment.training)
    names[id(experiment.training)] = {
        key: f"{where}.{key}" if key in line.overrides else f"suites.{line.suite}.training.{key}"
        for key in type(experiment.training).model_fields
    }


def record_attributes(kind: Any) -> None:
    """Let a class note which of its attributes are read."""
    plain = kind.__getattribute__

    def read(self: Any, attribute: str) -> Any:
        keys.update(filter(None, [names.get(id(self), {}).get(attribute)]))
        return plain(self, attribute)

    kind.__getattribute__ = read


def dumped(section: Section, **options: Any) -> dict[str, Any]:
    keys.update(names.get(id(section), {}).values())
    for value in section.__dict__.values():
        if isinstance(value, Section):
            dumped(value)
    return plain_dump(section, **options)


def load_recorded(path: Path = PARAMS_FILE) -> Params:
    params = load_params(path)
    for experiment in params.experiments.values():
        name_experiment(experiment, params)
    name_section(params, "")
    keys.clear()
    return params


plain_dump = Section.model_dump
setattr(rnnbench.params, "load_params", load_recorded)  # noqa: B010 - replaced on purpose
Section.model_dump = dumped  # type: ignore[method-assign, assignment]
record_attributes(Section)
record_attributes(Experiment)
sys.addaudithook(record_file)
output, sys.argv = sys.argv[1], sys.argv[2:]
sys.path.insert(0, str(Path(sys.argv[0]).parent))
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    # Of source the modules that were imported: a run's record has a digest of every file. Else
    # files that are there when the stage has ended, not what it wrote under another name.
    modules = {getattr(module, "__file__", None) for module in sys.modules.values()}
    imported = {Path(path).relative_to(ROOT) for path in modules if path and str(ROOT) in path}
    opened = {Path(path) for path in files if not path.startswith("src/") and Path(path).is_file()}
    read = sorted(
        path.as_posix()
        for path in imported | opened
        if not any(part[0] == "." for part in path.parts)
    )
    Path(output).write_text(json.dumps({"files": read, "keys": sorted(keys)}))
