"""What a data set is; each module of `rnnbench.data.datasets` registers one here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from rnnbench.data.download import Source
from rnnbench.data.prepared import Split
from rnnbench.params import DatasetSettings, FileSettings, View
from rnnbench.registry import Registry

Settings = TypeVar("Settings", bound=DatasetSettings)
AnyView = TypeVar("AnyView", bound=View)


@dataclass(frozen=True)
class Route(Generic[Settings]):
    """One way to the content of a data set.

    Attributes
    ----------
    convert : callable
        Takes the route's files by name, their hashes checked, the folder to write the content to
        and the data set's settings. Returns facts for the record of the origin: `counts`, the
        number of examples of each split, and `seed` where one decides the content.
    sources : tuple of Source, default ()
        The files that it needs.
    """

    convert: Callable[[Mapping[str, Path], Path, Settings], dict[str, Any]]
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Material:
    """A data set in the shape of a view, before it is limited and validation data are held out.

    Attributes
    ----------
    splits : mapping
        `train` and `test`, as the data set divides them; and `validation` where the data set holds
        that out itself, as one in the order of time does.
    class_names : tuple of str, default ()
        Empty where targets are not classes.
    vocabulary_size : int or None, default None
        The number of token ids; None where inputs are numbers.
    words : list of str or None, default None
        The words that have an id of their own, the most frequent first.
    lengths : mapping, default {}
        For each split the lengths of its sequences before padding and truncation.
    facts : mapping, default {}
        What else the task needs to know.
    """

    splits: Mapping[str, Split]
    class_names: tuple[str, ...] = ()
    vocabulary_size: int | None = None
    words: list[str] | None = None
    lengths: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset(Generic[Settings, AnyView]):
    """Everything about one data set.

    Attributes
    ----------
    task : str
        The kind of task, a name in `rnnbench.tasks`.
    settings : type of DatasetSettings
        What `datasets.NAME` in `params.yaml` accepts. Its field `route` names one of the routes;
        a data set with one route needs none.
    view : type of View
        What a view of the data set accepts.
    licence, citation : str
        To state where the data are used or shown.
    limits : str
        What a reader must know before using a model that was trained on the data.
    routes : mapping
        Ways to the content by name: "upstream" for the canonical files, "registry" for published
        packages, "generated" for what is drawn by a seed.
    prepare : callable
        Takes a view and the folder with the content.
    counts : mapping or None, default None
        The number of examples of each split; None where the route decides it.
    content : mapping or None, default None
        SHA-256 of each content file, if every route gives the same ones. One route may then stand
        in for another.
    markup : mapping, default {}
        What its texts have in place of a character, `&lt;` for `<` for example; a text to predict
        from gets the same.
    """

    task: str
    settings: type[Settings]
    view: type[AnyView]
    licence: str
    citation: str
    limits: str
    routes: Mapping[str, Route[Settings]]
    prepare: Callable[[AnyView, Path], Material]
    counts: Mapping[str, int] | None = None
    content: Mapping[str, str] | None = None
    markup: Mapping[str, str] = field(default_factory=dict)

    @property
    def of_file(self) -> bool:
        """Whether it is a kind of data set, read from a file of your own."""
        return issubclass(self.settings, FileSettings)

    @property
    def fetch_stage(self) -> str:
        """The stage of `dvc.yaml` that brings it here, without the name after `@`."""
        return "fetch_file" if self.of_file else "fetch"

    def routes_for(self, settings: DatasetSettings) -> list[str]:
        """Return the routes that give the content which the settings ask for, theirs first."""
        chosen = getattr(settings, "route", next(iter(self.routes)))
        others = [name for name in self.routes if name != chosen]
        return [chosen, *others] if self.content else [chosen]


class Datasets(Registry[Dataset[Any, Any]]):
    """Data sets by name; one of a file of your own is called KIND-NAME, after the kind it is of.

    What is known of a trained model is the name of its data set: with the kind in it, the model can
    be used where no `params.yaml` is.
    """

    def __getitem__(self, name: str) -> Dataset[Any, Any]:
        return super().__getitem__(self._registered(name))

    def __contains__(self, name: object) -> bool:
        return super().__contains__(self._registered(str(name)))

    def _registered(self, name: str) -> str:
        kind = name.partition("-")[0]
        is_own = super().__contains__(kind) and super().__getitem__(kind).of_file
        return kind if is_own else name


DATASETS = Datasets("data set", "rnnbench.data.datasets")
