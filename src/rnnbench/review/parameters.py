"""The parameters that differ between two states, as in `dvc params diff`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ABSENT = "absent"


@dataclass(frozen=True)
class Change:
    """A parameter by its dotted key, and its values as text; a missing value is `absent`."""

    key: str
    old: str
    new: str


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Compare the content of two parameters files, or sections of them by their dotted keys.

    Returns
    -------
    list of Change
        In the order of the new content; parameters that it lacks come last.
    """
    before, after = _leaves(old), _leaves(new)
    return [
        Change(key, before.get(key, ABSENT), after.get(key, ABSENT))
        for key in dict.fromkeys([*after, *before])
        if before.get(key, ABSENT) != after.get(key, ABSENT)
    ]


def select(content: Any, keys: Iterable[str]) -> dict[str, Any]:
    """Return the sections of a parameters file by their dotted keys, without those it lacks."""
    found = {key: lookup(content, key) for key in keys}
    return {key: value for key, value in found.items() if value is not None}


def lookup(content: Any, key: str) -> Any:
    """Return the value at a dotted key; None where there is none."""
    for name in key.split("."):
        content = content.get(name) if isinstance(content, Mapping) else None
    return content


def _leaves(content: Any, prefix: str = "") -> dict[str, str]:
    if not isinstance(content, Mapping) or (prefix and not content):
        return {prefix: _as_text(content)}
    return {
        key: text
        for name, part in content.items()
        for key, text in _leaves(part, f"{prefix}.{name}" if prefix else str(name)).items()
    }


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
