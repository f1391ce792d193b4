"""Adding entries to `params.yaml` without changing other lines."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from rnnbench.errors import RnnbenchError
from rnnbench.files import write_text
from rnnbench.params import Params, parse_params

# A section that a file may lack, and the comment above it.
FILES = "files"
FILES_COMMENT = (
    "# Your own files, as `rnnbench new` adds them: KIND-NAME, their paths and how they are read.\n"
    "# They stay where they are, and DVC detects changes by their hashes.\n"
)
NEXT_TO_FILES = "views"
_SECTION = re.compile(r"^([A-Za-z_]\w*):")
MOST_ROUNDS = 4


def require_free(content: Mapping[str, Any], names: Mapping[str, list[str]]) -> None:
    """Raise an error if a name exists in `params.yaml` already.

    Parameters
    ----------
    content : mapping
        The content of the file.
    names : mapping of list of str
        New names by section.

    Raises
    ------
    RnnbenchError
        If a name is taken.
    """
    taken = [
        f"{section}.{name}"
        for section, added in names.items()
        for name in added
        if name in (content.get(section) or {})
    ]
    if taken:
        raise RnnbenchError(
            f"params.yaml has {', '.join(taken)} already; choose another name with --name, or"
            " remove these entries first"
        )


def add_entries(path: Path, blocks: Mapping[str, str]) -> Params:
    """Add entries at the end of sections of `params.yaml`, completely or not at all.

    Parameters
    ----------
    path : Path
        The file.
    blocks : mapping of str
        The lines to add by section, indented as its entries.

    Returns
    -------
    Params
        The parameters with the new entries.

    Raises
    ------
    RnnbenchError
        If the file would be invalid with the entries, or a section is not laid out in lines. The
        file is then unchanged.
    """
    text = path.read_text(encoding="utf-8")
    for section, block in blocks.items():
        text = _insert(text, section, block)
    text = as_dvc_writes(text, path)
    params = parse_params(YAML(typ="safe").load(text), str(path))
    write_text(path, text)
    return params


def as_dvc_writes(text: str, path: Path) -> str:
    """Return the text of a YAML file as DVC writes it back, so that an override changes one line.

    Raises
    ------
    RnnbenchError
        If DVC writes it differently each time.
    """
    from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update

    for _ in range(MOST_ROUNDS):
        written: str = dumps_yaml(parse_yaml_for_update(text, str(path)))
        if written == text:
            return text
        text = written
    raise RnnbenchError(f"DVC does not write {path} twice in the same way; check its layout")


def _insert(text: str, section: str, block: str) -> str:
    """Put lines at the end of a section, above the comment of the next one."""
    lines = text.splitlines(keepends=True)
    begins = {
        match[1]: number for number, line in enumerate(lines) if (match := _SECTION.match(line))
    }
    if section not in begins:
        if section != FILES or NEXT_TO_FILES not in begins:
            raise RnnbenchError(f"params.yaml has no section {section!r}; add it")
        at = _above_comment(lines, begins[NEXT_TO_FILES])
        return "".join([*lines[:at], FILES_COMMENT, f"{FILES}:\n", block, "\n", *lines[at:]])
    begin = begins[section]
    given = lines[begin].partition(":")[2].split("#")[0].strip()
    if given == "{}":
        lines[begin] = lines[begin].replace(" {}", "", 1)
    elif given:
        raise RnnbenchError(
            f"the section {section} of params.yaml is in braces; write each of its entries on a"
            " line of its own"
        )
    later = [number for number in begins.values() if number > begin]
    at = _above_comment(lines, min(later)) if later else len(lines)
    while not lines[at - 1].strip():
        at -= 1
    if not lines[at - 1].endswith("\n"):
        lines[at - 1] += "\n"
    return "".join([*lines[:at], block, *lines[at:]])


def _above_comment(lines: list[str], number: int) -> int:
    """Return where the comment above a line begins."""
    while number and lines[number - 1].startswith("#"):
        number -= 1
    return number
