"""The definition of a data set; each module of `rnnbench.data.datasets` registers one here."""

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
    """One way to obtain the content of a data set.

    Attributes
    ----------
    convert : callable
        Takes the route's verified files by name, the folder to write the content to and the data
        set's settings. Returns facts for the origin record, such as `counts`, the number of
        examples of each split, and `seed` for generated content.
    sources : tuple of Source, default ()
        The files that the route needs.
    """

    convert: Callable[[Mapping[str, Path], Path, Settings], dict[str, Any]]
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Material:
    """A data set in the shape of a view, before it is limited and validation data are held out.

    Attributes
    ----------
    splits : mapping
        `train` and `test`, as the data set divides them, and `validation` if the data set holds it
        out itself, as time series do.
    class_names : tuple of str, default ()
        Empty if targets are not classes.
    vocabulary_size : int or None, default None
        The number of token ids; None if inputs are numbers.
    words : list of str or None, default None
        The words that have an id of their own, the most frequent first.
    lengths : mapping, default {}
        For each split, the lengths of its sequences before padding and truncation.
    facts : mapping, default {}
        Further facts that the task needs.
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
        Class of the data set's section in `params.yaml`. Its field `route` names one of the routes;
        a data set with a single route needs no such field.
    view : type of View
        Class of the data set's views in `params.yaml`.
    licence, citation : str
        To be stated where the data are used or shown.
    limits : str
        What a reader must know before using a model that was trained on the data.
    routes : mapping
        Routes by name: "upstream" for the canonical files, "registry" for published packages,
        "generated" for content drawn by a seed, "file" for a user's own file.
    prepare : callable
        Takes a view and the folder with the content, and returns the `Material`.
    counts : mapping or None, default None
        The number of examples of each split; None if the route decides it.
    content : mapping or None, default None
        SHA-256 of each content file, if it is the same by every route. Each route may then replace
        the others.
    markup : mapping, default {}
        Replacements for characters in the data set's texts, such as `&lt;` for `<`; texts to
        predict from get the same replacements.
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
        """Whether the data set is read from a user's own file."""
        return issubclass(self.settings, FileSettings)

    @property
    def fetch_stage(self) -> str:
        """The `dvc.yaml` stage that fetches the data set, without the name after `@`."""
        return "fetch_file" if self.of_file else "fetch"

    def routes_for(self, settings: DatasetSettings) -> list[str]:
        """Return the routes to the content that the settings name, the chosen route first."""
        chosen = getattr(settings, "route", next(iter(self.routes)))
        others = [name for name in self.routes if name != chosen]
        return [chosen, *others] if self.content else [chosen]


class Datasets(Registry[Dataset[Any, Any]]):
    """Data sets by name; a data set from a user's own file is called KIND-NAME.

    A trained model records only the name of its data set. Since the name contains the kind, the
    model can be used without `params.yaml`.
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
