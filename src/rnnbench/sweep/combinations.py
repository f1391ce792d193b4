"""The values of parameters that a sweep tries: a grid, a random draw, or the rows of a file."""

import csv
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from dvc.utils.hydra import to_hydra_overrides
from hydra.core.override_parser.types import IntervalSweep, Override, ValueType
from hydra.errors import OverrideParseException

from rnnbench.errors import RnnbenchError
from rnnbench.registry import choices

MOST = 1000
DIGITS_DRAWN = 4  # significant digits of a number that is drawn from an interval
# The parser reads the ends of every interval as numbers with a point.
WHOLE_INTERVAL = re.compile(r"interval\(\s*-?\d+\s*,\s*-?\d+\s*\)")


@dataclass(frozen=True)
class Combination:
    """Values of some keys.

    Attributes
    ----------
    overrides : tuple of str
        `KEY=VALUE` for each, as `dvc exp run -S` takes them.
    """

    overrides: tuple[str, ...]

    @property
    def values(self) -> dict[str, str]:
        """The value of each key as text."""
        pairs = (one.partition("=") for one in self.overrides)
        return {key.lstrip("+"): value for key, _, value in pairs}

    def with_value(self, key: str, value: object) -> "Combination":
        """Return the combination with another value of a key that it has or `params.yaml` has."""
        present = {one.partition("=")[0].lstrip("+"): one for one in self.overrides}
        # A key that this combination adds to params.yaml keeps its +.
        left_side = present.get(key, key).partition("=")[0]
        present[key] = f"{left_side}={value}"
        return Combination(tuple(present.values()))

    def __str__(self) -> str:
        return " ".join(self.overrides)


def grid(assignments: Sequence[str]) -> list[Combination]:
    """Return all combinations of some values.

    Parameters
    ----------
    assignments : sequence of str
        `KEY=VALUE,VALUE,…`, or another set of values that DVC accepts in a queue, such as
        `KEY=range(1,4)`; a single value is the same in all combinations.

    Raises
    ------
    RnnbenchError
        If an assignment cannot be read, or there are more than a thousand combinations.
    """
    axes = [_values(one) for one in _parsed(assignments)]
    number = math.prod(map(len, axes))
    if number > MOST:
        raise RnnbenchError(
            f"these values have {number:,} combinations, and a sweep has {MOST:,} at most: give"
            " fewer values, or draw some combinations with --random NUMBER"
        )
    return _distinct(itertools.product(*axes))


def draw(assignments: Sequence[str], number: int, seed: int) -> list[Combination]:
    """Draw combinations at random.

    Parameters
    ----------
    assignments : sequence of str
        As for `grid`, and `KEY=interval(LOW,HIGH)` for any number between two, or
        `KEY=tag(log,interval(LOW,HIGH))` for a number whose logarithm is uniform. Between two
        integers only integers are drawn.
    number : int
        Number of combinations. Without an interval no combination is drawn twice, and all are
        returned if there are fewer.
    seed : int
        Seed of the random generator.

    Raises
    ------
    RnnbenchError
        If an assignment cannot be read, or more than a thousand are asked for.
    """
    if number > MOST:
        raise RnnbenchError(f"--random {number}: a sweep has {MOST:,} combinations at most")
    random = np.random.default_rng(seed)
    parsed = _parsed(assignments)
    if any(one.is_interval_sweep() for one in parsed):
        return _distinct([_drawn(one, random) for one in parsed] for _ in range(number))
    axes = [_values(one) for one in parsed]
    every = math.prod(map(len, axes))
    positions = random.choice(every, min(number, every), replace=False)
    chosen = np.unravel_index(positions, [len(axis) for axis in axes])
    indices = zip(*(part.tolist() for part in chosen), strict=True)
    return _distinct([axis[i] for axis, i in zip(axes, row, strict=True)] for row in indices)


def read_rows(path: Path) -> list[Combination]:
    """Read combinations from a CSV file whose first line names the keys.

    An empty cell leaves the key as it is in `params.yaml`.

    Raises
    ------
    RnnbenchError
        If the file cannot be read, has no rows or more than a thousand, or has a row that is not as
        long as the first line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            keys, *rows = list(csv.reader(stream))
    except (OSError, ValueError) as error:  # ValueError: not even a first line, or not UTF-8
        raise RnnbenchError(
            f"{path} cannot be read as rows of values: {error}; its first line names the keys, each"
            " further line has one combination, separated by commas"
        ) from error
    rows = [row for row in rows if row]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(keys):
            raise RnnbenchError(
                f"{path}: line {number} has {len(row)} values for {len(keys)} keys; a value with a"
                " comma stands in double quotes"
            )
    if not 0 < len(rows) <= MOST:
        raise RnnbenchError(f"{path} has {len(rows)} rows of values; 1 to {MOST:,} are accepted")
    given = [
        [f"{key.strip()}={cell.strip()}" for key, cell in zip(keys, row, strict=True) if cell]
        for row in rows
    ]
    for parsed in map(_parsed, given):
        for one in parsed:
            if one.is_sweep_override():
                raise RnnbenchError(
                    f"{path}: {one.input_line} has several values; a cell has one, and quotation"
                    " marks within it if it is a text with a comma"
                )
    return _distinct(given)


def with_values(content: Mapping[str, Any], combination: Combination) -> dict[str, Any]:
    """Return the content of `params.yaml` with the values of a combination.

    Raises
    ------
    RnnbenchError
        If a key does not exist and has no `+` in front, or exists and has one.
    """
    changed = deepcopy(dict(content))
    for override in _parsed(combination.overrides):
        *sections, last = override.key_or_group.split(".")
        section: Any = changed
        for name in sections:
            _require(name in section, name, section, override)
            section = section[name]
            _require(isinstance(section, dict), last, {}, override)
        if override.is_add() and last in section:
            raise RnnbenchError(
                f"{override.input_line}: {override.key_or_group} exists in params.yaml already:"
                " leave the + out"
            )
        added = override.is_add() or override.is_force_add()
        _require(added or last in section, last, section, override)
        section[last] = override.value()
    return changed


def _require(holds: bool, name: str, known: Mapping[str, Any], override: Override) -> None:
    if not holds:
        raise RnnbenchError(
            f"params.yaml has no key {override.key_or_group!r}: {name!r} does not exist;"
            f" {choices(name, known)}. A key that is absent is added with a + in front:"
            f" +{override.key_or_group}=…"
        )


def _parsed(assignments: Sequence[str]) -> list[Override]:
    try:
        parsed: list[Override] = to_hydra_overrides(list(assignments))
    except OverrideParseException as error:
        raise RnnbenchError(
            f"{str(error).splitlines()[0]}; write KEY=VALUE,VALUE,… as for `dvc exp run -S`, with"
            " quotation marks around a text with signs in it"
        ) from error
    keys = [one.key_or_group for one in parsed]
    for one in parsed:
        if one.is_delete() or one.value_type == ValueType.GLOB_CHOICE_SWEEP:
            raise RnnbenchError(f"{one.input_line} is not accepted: write KEY=VALUE,VALUE,…")
        if keys.count(one.key_or_group) > 1:
            raise RnnbenchError(f"{one.key_or_group} is given twice: give all its values in one")
    return parsed


def _values(override: Override) -> list[str]:
    """Return the assignments of single values."""
    key = override.get_key_element()
    if override.is_interval_sweep():
        raise RnnbenchError(
            f"{override.input_line}: an interval has no end of values; draw some with --random"
            " NUMBER, or list the values"
        )
    if not override.is_sweep_override():
        return [str(override.input_line)]
    return [f"{key}={value}" for value in override.sweep_string_iterator()]


def _drawn(override: Override, random: np.random.Generator) -> str:
    interval = override.value()
    if not isinstance(interval, IntervalSweep):
        return str(random.choice(_values(override)))
    low, high = interval.start, interval.end
    logarithmic = "log" in interval.tags
    if low is None or high is None or not low < high or (logarithmic and low <= 0):
        raise RnnbenchError(
            f"{override.input_line}: the ends of an interval are two numbers, the lower first; with"
            " log both are positive"
        )
    whole = WHOLE_INTERVAL.search(str(override.input_line)) is not None
    if whole:  # each integer has the same share
        low, high = low - 0.5, high + 0.5
    if logarithmic:
        number = math.exp(random.uniform(math.log(low), math.log(high)))
    else:
        number = random.uniform(low, high)
    text = str(round(number)) if whole else f"{number:.{DIGITS_DRAWN}g}"
    return f"{override.get_key_element()}={text}"


def _distinct(rows: Iterable[Sequence[str]]) -> list[Combination]:
    return list(dict.fromkeys(Combination(tuple(row)) for row in rows))
