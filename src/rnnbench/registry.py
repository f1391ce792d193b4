"""Registries: the members of a kind by name, each registered by a module of its own."""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import TypeVar

from rnnbench.errors import RnnbenchError

NAMES_LISTED = 25

Thing = TypeVar("Thing")


class Registry(MutableMapping[str, Thing]):
    """Members of one kind by name; the first look-up imports the modules that register them.

    Parameters
    ----------
    kind : str
        The kind, for messages.
    package : str or None, default None
        A package all of whose modules are imported; each adds what it defines. A new module in it
        needs no other change.
    """

    def __init__(self, kind: str, package: str | None = None) -> None:
        self.kind = kind
        self._package = package
        self._things: dict[str, Thing] = {}

    @staticmethod
    def named(kind: str) -> Callable[[Mapping[str, Thing]], "Registry[Thing]"]:
        """Return a function that turns a mapping into a registry of the same members."""

        def make(things: Mapping[str, Thing]) -> Registry[Thing]:
            made: Registry[Thing] = Registry(kind)
            made.update(things)
            return made

        return make

    def add(self, name: str, thing: Thing) -> Thing:
        """Register a member and return it.

        Raises
        ------
        RnnbenchError
            If the name is taken by another member.
        """
        if name in self._things:
            raise RnnbenchError(f"{self.kind} {name!r} is registered twice; choose another name")
        self._things[name] = thing
        return thing

    def __getitem__(self, name: str) -> Thing:
        self._load()
        if name not in self._things:
            raise RnnbenchError(
                f"{self.kind} {name!r} does not exist; {choices(name, self._things)}"
            )
        return self._things[name]

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._things

    def __setitem__(self, name: str, thing: Thing) -> None:
        self._things[name] = thing

    def __delitem__(self, name: str) -> None:
        del self._things[name]

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(self._things)

    def __len__(self) -> int:
        self._load()
        return len(self._things)

    def _load(self) -> None:
        if self._package is None:
            return
        name, self._package = self._package, None  # the modules look each other up, too
        try:
            package = importlib.import_module(name)
            for module in pkgutil.iter_modules(package.__path__, f"{name}."):
                importlib.import_module(module.name)
        except BaseException:
            self._package = name
            raise


def choices(given: str, names: Iterable[str]) -> str:
    """Return the names that exist, and the one that was probably meant."""
    known = sorted(names)
    close = difflib.get_close_matches(given, known, n=1)
    if close and len(known) > NAMES_LISTED:
        return f"did you mean {close[0]!r}? params.yaml has all {len(known)}"
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"there are: {', '.join(known)}{hint}"
