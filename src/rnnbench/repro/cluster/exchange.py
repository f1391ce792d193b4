"""The DVC remote through which data and outputs go between the driver and the nodes."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from dvc.config import RemoteConfigError
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import PipelineStage, create_stage
from dvc.stage.loader import StageLoader

from rnnbench.errors import RnnbenchError

T = TypeVar("T")
# The remote's name if a folder is given.
FOLDER_REMOTE = "exchange"
# Seconds between attempts to reach the exchange.
PAUSES = (1.0, 4.0, 10.0)

Entry = Mapping[str, Any]


class ExchangeError(RnnbenchError):
    """The exchange cannot be reached, or lacks files that it should have."""


@dataclass(frozen=True)
class Exchange:
    """A DVC remote that the driver and all nodes reach.

    Attributes
    ----------
    name : str
        The name of the remote.
    url : str
        Its address. Other settings come from the repository's configuration.
    """

    name: str
    url: str

    def open(self, root: Path) -> Repo:
        """Open a repository that has this remote.

        Fetched files are hashed: DVC otherwise trusts a remote, and would store a truncated file
        under the hash of the complete one.
        """
        remote = {self.name: {"url": self.url, "verify": True}}
        return Repo(str(root), config={"remote": remote}, _wait_for_lock=True)

    def send(self, repo: Repo, entries: Iterable[Entry]) -> None:
        """Copy the outputs of some entries of `dvc.lock` from the cache to the exchange.

        Raises
        ------
        ExchangeError
            If it cannot be reached in several attempts.
        """
        objects = _objects(repo, entries)
        _repeat(lambda: self._send(repo, objects))

    def _send(self, repo: Repo, objects: set[Any]) -> None:
        remote = self._reach(repo)
        failed = repo.cloud.push(objects, remote=self.name).failed
        if failed or not all(remote.exists(one.value) for one in objects):
            raise ExchangeError(f"{self.url} did not store {_names(failed or objects)}")

    def receive(self, repo: Repo, entries: Iterable[Entry]) -> None:
        """Copy the outputs of some entries of `dvc.lock` from the exchange to the cache.

        Raises
        ------
        ExchangeError
            If it cannot be reached in several attempts, or lacks some of the outputs.
        """
        stages = [as_cached(repo, entry) for entry in entries]
        _repeat(lambda: self._receive(repo, stages))

    def _receive(self, repo: Repo, stages: Iterable[PipelineStage]) -> None:
        for stage in stages:
            if stage.outs_cached():
                continue
            remote = self._reach(repo)
            for output in stage.outs:
                # A folder's list of files comes first; it names the other objects to fetch.
                repo.cloud.pull([output.hash_info], remote=self.name)
                objects = _used(output, remote=self.name)
                repo.cloud.pull(objects, remote=self.name)
                lacking = [one for one in objects if not repo.cache.local.exists(one.value)]
                if lacking or output.changed_cache():
                    lacking = lacking or [output.hash_info]
                    paths = ", ".join(remote.oid_to_path(one.value) for one in lacking)
                    raise ExchangeError(
                        f"the exchange lacks {_names(lacking) or output.def_path}, or its copy is"
                        f" damaged: see {paths}; remove damaged files and run the command again"
                    )

    def _reach(self, repo: Repo) -> Any:
        """Return DVC's object store in the exchange."""
        remote = repo.cloud.get_remote_odb(self.name)
        # If the folder is not mounted, DVC would create it on the local disk and fill it.
        if remote.fs.protocol == "local" and not Path(self.url).is_dir():
            raise ExchangeError(f"the exchange {self.url} does not exist")
        return remote


def find_exchange(root: Path, given: str | None) -> Exchange:
    """Return the exchange: the given DVC remote or folder, or else the default remote.

    Raises
    ------
    RnnbenchError
        If there is no such remote or folder.
    """
    with Repo(str(root)) as repo:
        remotes = repo.config["remote"]
        name = given or repo.config["core"].get("remote")
        if name in remotes:
            return Exchange(name, remotes[name]["url"])
    if given and Path(given).is_dir():
        return Exchange(FOLDER_REMOTE, str(Path(given).resolve()))
    asked = f"{given!r} is neither a DVC remote nor a folder" if given else "no exchange is given"
    known = f" (there are {', '.join(remotes)})" if remotes else ""
    raise RnnbenchError(
        f"{asked}: name with --exchange a DVC remote{known} or a folder that this machine and all"
        " nodes reach; without the option it is DVC's default remote"
    )


def as_cached(repo: Repo, entry: Entry) -> PipelineStage:
    """Return a stage with the outputs of an entry of `dvc.lock`, all of them as cached outputs.

    The cache also has the outputs with `cache: false`, for DVC's run cache to restore.
    """
    root = Path(repo.root_dir)
    outputs = [output["path"] for output in entry["outs"]]
    stage = create_stage(
        PipelineStage,
        repo=repo,
        path=str(root / "dvc.yaml"),
        wdir=str(root),
        cmd=entry["cmd"],
        outs=outputs,
    )
    StageLoader.fill_from_lock(stage, entry)
    return stage


def _objects(repo: Repo, entries: Iterable[Entry]) -> set[Any]:
    """Return the hashes of all files and folders in the outputs of some entries."""
    objects: set[Any] = set()
    for entry in entries:
        stage = as_cached(repo, entry)
        if not stage.outs_cached():
            missing = ", ".join(out.def_path for out in stage.outs if out.changed_cache())
            raise RnnbenchError(
                f"DVC's cache lacks {missing}: `dvc commit` it, or run its stage again"
            )
        for output in stage.outs:
            objects |= _used(output)
    return objects


def _used(output: Any, **options: Any) -> set[Any]:
    return {one for objects in output.get_used_objs(**options).values() for one in objects}


def _names(objects: Iterable[Any]) -> str:
    return ", ".join(sorted({str(one.obj_name) for one in objects if one.obj_name}))


def _repeat(action: Callable[[], T]) -> T:
    """Repeat an action while the exchange cannot be reached, a few times."""
    for pause in PAUSES:
        try:
            return action()
        except RemoteConfigError:
            raise
        except (ExchangeError, DvcException, OSError):
            time.sleep(pause)
    try:
        return action()
    except (DvcException, OSError) as error:
        raise ExchangeError(f"the exchange cannot be reached: {error}") from error
