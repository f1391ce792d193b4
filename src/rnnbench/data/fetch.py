"""Fetching data sets and recording their origin."""

from pathlib import Path
from typing import Any

from rnnbench.data.dataset import DATASETS
from rnnbench.data.download import LOCAL_DATA_VARIABLE, FetchError, Source, cache_folder, get_file
from rnnbench.files import atomic_folder, file_digest, temporary_folder, write_json
from rnnbench.layout import ORIGIN_FILE, RAW_FOLDER
from rnnbench.params import DatasetSettings, Download, Params


def fetch(name: str, params: Params, raw_folder: Path = RAW_FOLDER) -> Path:
    """Fetch a data set by the route that its parameters name.

    Parameters
    ----------
    name : str
        A data set of `params.yaml`.
    params : Params
        Has the settings of the data set and of downloads.
    raw_folder : Path, default data/raw
        The content is written to its folder NAME, completely or not at all; `NAME.origin.json`
        beside it records the route, the sources and the hashes of the content.

    Returns
    -------
    Path
        The data set's folder.

    Raises
    ------
    FetchError
        If no route to this content works. The message has the reasons, where to place the files by
        hand, and how to choose another route.
    """
    settings = params.settings_of(name)
    raw = raw_folder / name
    with atomic_folder(raw) as folder:
        try:
            origin = _take_first_open_route(name, settings, params.download, folder)
        except FetchError as error:
            raise FetchError(f"{error}\n{_advice(name, settings)}") from error
        # The old record does not describe the new content.
        origin_path(raw).unlink(missing_ok=True)
    write_json(origin_path(raw), origin)
    print(f"{name}: {origin['route']} route, {origin.get('counts', 'a seed')}", flush=True)
    return raw


def origin_path(raw: Path) -> Path:
    """Return the path of a data set's origin record, beside the folder with its content."""
    return raw.with_name(f"{raw.name}.{ORIGIN_FILE}")


class ContentFile(Source):
    """A file of another data set, all of whose routes give the same content.

    `origin` is DATASET/FILE; the other data set is fetched with its default settings.
    """

    def obtain(self, partial: Path, settings: Download) -> None:
        """Fetch the other data set into a temporary folder."""
        name, file = self.origin.split("/")
        with temporary_folder(partial) as folder:
            defaults = DATASETS[name].settings()
            _take_first_open_route(name, defaults, settings, folder)
            (folder / file).replace(partial)

    def by_hand(self) -> list[str]:
        """Return the files of the other data set."""
        name, _ = self.origin.split("/")
        return _files_by_hand(name, DATASETS[name].settings())


def _take_first_open_route(
    name: str, settings: DatasetSettings, download: Download, folder: Path
) -> dict[str, Any]:
    """Write the content into `folder` and return its origin."""
    failures = []
    for route in DATASETS[name].routes_for(settings):
        try:
            return _take(route, name, settings, download, folder)
        except FetchError as error:
            failures.append(f"{name} could not be fetched by its {route} route: {error}")
    raise FetchError("\n".join(failures))


def _take(
    route: str, name: str, settings: DatasetSettings, download: Download, folder: Path
) -> dict[str, Any]:
    dataset = DATASETS[name]
    sources = dataset.routes[route].sources
    files = {source.name: get_file(source, download) for source in sources}
    facts = dataset.routes[route].convert(files, folder, settings)
    content = {path.name: file_digest(path) for path in sorted(folder.iterdir())}
    if dataset.counts is not None and facts["counts"] != dataset.counts:
        raise FetchError(f"it has {facts['counts']} examples, expected {dataset.counts}")
    if dataset.content is not None and content != dataset.content:
        raise FetchError(f"its content has the hashes {content}, expected {dataset.content}")
    return {
        "dataset": name,
        "route": route,
        **facts,
        "sources": {
            source.name: {"from": source.origin, "sha256": file_digest(files[source.name])}
            for source in sources
        }
        | facts.get("sources", {}),
        "licence": dataset.licence,
        "citation": dataset.citation,
        "files": content,
    }


def _advice(name: str, settings: DatasetSettings) -> str:
    lines = [
        f"Place these files by hand in {cache_folder()}, or in a folder that"
        f" {LOCAL_DATA_VARIABLE} or download.local_folder names:",
        *(f"  {file}" for file in _files_by_hand(name, settings)),
    ]
    dataset = DATASETS[name]
    lines += [
        f"Or choose the {route} route, which gives other content:"
        f" `dvc exp run -S datasets.{name}.route={route}`, or change it in params.yaml."
        for route in dataset.routes
        if route not in dataset.routes_for(settings)
    ]
    return "\n".join(lines)


def _files_by_hand(name: str, settings: DatasetSettings) -> list[str]:
    dataset = DATASETS[name]
    routes = (dataset.routes[route] for route in dataset.routes_for(settings))
    return [line for route in routes for source in route.sources for line in source.by_hand()]
