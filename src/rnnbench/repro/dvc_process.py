"""DVC as ever, only that it reads YAML with libyaml.

DVC reads the whole lock file in pure Python before each stage and writes it after, and reads
`params.yaml` for every stage it looks at: for this pipeline that is four seconds a stage. libyaml
takes a third of a second. Scalars are those of YAML 1.2, by the very patterns that DVC's library
uses, so that both read the same; the lock file holds no comments that could get lost.

Run as `python -m rnnbench.repro.dvc_process status --json`, or with `--lane` to reproduce the
stages whose names come on standard input, one a line.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import dvc.dvcfile
import dvc.utils.serialize._yaml as dvc_yaml
import dvc.utils.strictyaml
import yaml
from dvc.cli import main as dvc_main
from ruamel.yaml.resolver import implicit_resolvers

from rnnbench.files import write_text

LOCK_FILE = "dvc.lock"
LANE = "--lane"
# Begins the line that says how a lane's stage ended: no stage prints such a line.
END_OF_STAGE = "\x00ended "


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]
    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


class _Dumper(yaml.CSafeDumper):  # type: ignore[misc]
    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


for _versions, _tag, _pattern, _first in implicit_resolvers:
    if (1, 2) in _versions:
        _Loader.add_implicit_resolver(_tag, _pattern, _first)
        _Dumper.add_implicit_resolver(_tag, _pattern, _first)
_Dumper.add_multi_representer(dict, yaml.CSafeDumper.represent_dict)  # DVC's are ordered ones

_pure_parse = dvc_yaml.parse_yaml
_pure_modify = dvc_yaml.modify_yaml


def parse_yaml(text: str, path: str, typ: str = "safe") -> Any:
    """Parse YAML as DVC does, which keeps to its own way where comments must be kept.

    What libyaml cannot read goes there too: it says best what is wrong.
    """
    if typ != "safe":
        return _pure_parse(text, path, typ)
    try:
        return yaml.load(text, Loader=_Loader) or {}  # noqa: S506 - safe, but for its scalars
    except yaml.YAMLError:
        return _pure_parse(text, path, typ)


@contextmanager
def modify_yaml(path: str, fs: Any = None) -> Iterator[Any]:
    """Read a file, let it be changed, and write it: the lock file fast, others as DVC does."""
    target = Path(path)
    if target.name != LOCK_FILE:
        with _pure_modify(path, fs=fs) as content:
            yield content
        return
    content = parse_yaml(target.read_text(encoding="utf-8"), path) if target.exists() else {}
    yield content
    write_text(target, dump_yaml(content))


def dump_yaml(content: Any) -> str:
    """Return content as YAML, mappings in their order."""
    written: str = yaml.dump(content, Dumper=_Dumper, sort_keys=False, default_flow_style=False)
    return written


@contextmanager
def lock_as_dvc_writes_it(root: Path) -> Iterator[None]:
    """Let the block change the lock file; in the end all is written by DVC's own library.

    What the block left alone keeps its text to the letter: a diff shows the stages that ran.
    """
    lock = root / LOCK_FILE
    before = lock.read_text(encoding="utf-8") if lock.exists() else ""
    try:
        yield
    finally:
        if lock.exists():
            after = parse_yaml(lock.read_text(encoding="utf-8"), str(lock))
            content = dvc_yaml.parse_yaml_for_update(before, str(lock))
            _change_where_different(content, after, depth=2)  # the stages, each as a whole
            write_text(lock, dvc_yaml.dumps_yaml(content))


def _change_where_different(content: dict[str, Any], after: dict[str, Any], depth: int) -> None:
    """Make content equal to `after`; what is equal already stays the very object it is."""
    for name in content.keys() - after.keys():
        del content[name]
    for name, value in after.items():
        if depth > 1 and isinstance(content.get(name), dict):
            _change_where_different(content[name], value, depth - 1)
        elif name not in content or content[name] != value:
            content[name] = value


def use_libyaml() -> None:
    """Make this process's DVC read and write with libyaml."""
    dvc_yaml.parse_yaml = parse_yaml
    dvc.utils.strictyaml.parse_yaml = parse_yaml
    dvc.dvcfile.modify_yaml = modify_yaml


def run_lane() -> None:
    """Reproduce the stages named on standard input, and say of each how it ended."""
    names = os.fdopen(os.dup(0))
    with open(os.devnull) as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)  # what is told this process is not for the stages
    for name in names:
        code = dvc_main(["--wait-for-lock", "repro", "--single-item", name.strip()])
        print(f"{END_OF_STAGE}{code}", flush=True)


def main(arguments: list[str]) -> int:
    """Run DVC's command line, or a lane."""
    use_libyaml()
    if arguments != [LANE]:
        return int(dvc_main(arguments))
    try:
        run_lane()
    except KeyboardInterrupt:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
