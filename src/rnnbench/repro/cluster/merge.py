"""Merging a node's result into the driver's repository, if DVC finds it up to date there."""

import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from dvc.dvcfile import LOCK_FILE
from dvc.repo import Repo, lock_repo
from dvc.stage import PipelineStage
from dvc.stage.loader import StageLoader
from dvc.utils.serialize import dumps_yaml, load_yaml

from rnnbench.errors import RnnbenchError
from rnnbench.files import write_text
from rnnbench.repro.cluster.exchange import Entry, Exchange, as_cached
from rnnbench.repro.cluster.sources import Sources, read_sources
from rnnbench.repro.pipeline import wait_while_locked


class RefusedError(RnnbenchError):
    """A result differs from the one that the driver's repository would give."""


def merge(
    root: Path, exchange: Exchange, entries: Mapping[str, Entry], trained_with: Sources
) -> None:
    """Take the outputs of some stages from the exchange, and record the stages in `dvc.lock`.

    DVC compares the commands, parameters, sources and data of the node with those of this
    repository, and the outputs with the hashes that the node recorded. `dvc.lock` is written last,
    once for all stages, so that a process that is killed before has recorded nothing.

    Parameters
    ----------
    root : Path
        The repository.
    exchange : Exchange
        The exchange that has the outputs.
    entries : mapping
        The stages in order, each with the entry that the node recorded.
    trained_with : Sources
        The sources that the node had, to name the files that have changed since.

    Raises
    ------
    RefusedError
        If something differs. All files are then left unchanged.
    ExchangeError
        If the outputs are not available.
    """
    with exchange.open(root) as repo:
        stages = [_stage(repo, name, entry) for name, entry in entries.items()]
        made = {out.def_path for stage in stages for out in stage.outs}
        _refuse_other_dependencies(stages, made, trained_with, root)
        exchange.receive(repo, entries.values())
        wait_while_locked(lambda: _put_in_place(repo, stages, entries))


def _stage(repo: Repo, name: str, entry: Entry) -> PipelineStage:
    """Return a stage of the driver's dvc.yaml with the hashes that a node recorded."""
    stage = repo.stage.load_one(str(Path(repo.root_dir, "dvc.yaml")), name)
    StageLoader.fill_from_lock(stage, entry)
    stage.cmd_changed = stage.cmd != entry["cmd"]
    return stage


def _refuse_other_dependencies(
    stages: Collection[PipelineStage],
    made: Collection[str],
    trained_with: Sources,
    root: Path,
) -> None:
    """Refuse, before anything is fetched, a result that was made from other dependencies."""
    changed: list[str] = []
    for stage in stages:
        if stage.cmd_changed:
            changed.append(f"the command of {stage.name}")
        for dependency in stage.deps:
            if dependency.def_path not in made:
                changed += _differences(dependency.status())
    if changed:
        now = read_sources(root)
        named = [name for one in changed for name in now.changed(trained_with, one) or [one]]
        raise RefusedError(
            f"refused, because {', '.join(dict.fromkeys(named))} changed while it ran on the"
            " cluster: run the command again"
        )


def _differences(status: Mapping[str, Any]) -> list[str]:
    """Return the changes in a status of DVC: paths, or parameters with their file."""
    return [
        f"{key} in {path}" if key else path
        for path, state in status.items()
        for key in (state if isinstance(state, Mapping) else [None])
    ]


def _put_in_place(
    repo: Repo, stages: Collection[PipelineStage], entries: Mapping[str, Entry]
) -> None:
    root = Path(repo.root_dir)
    outputs = [root / output["path"] for entry in entries.values() for output in entry["outs"]]
    with lock_repo(repo), _set_aside(outputs, Path(repo.tmp_dir)):
        for entry in entries.values():
            as_cached(repo, entry).checkout(force=True)
        status = {name: state for stage in stages for name, state in stage.status().items()}
        if status:
            raise RefusedError(f"refused, because DVC finds a difference: {status}")
        _record(root, entries)
        for stage in stages:
            stage.ignore_outs()
        with chdir(root):  # DVC looks for "dvc.yaml" in the working directory
            for stage in stages:
                repo.stage_cache.save(stage)  # a return to these parameters need not train again


def _record(root: Path, entries: Mapping[str, Entry]) -> None:
    lock = root / LOCK_FILE
    content: dict[str, Any] = load_yaml(lock) if lock.exists() else {"schema": "2.0"}
    content.setdefault("stages", {}).update(entries)
    write_text(lock, dumps_yaml(content))


@contextmanager
def _set_aside(paths: Collection[Path], temporary: Path) -> Iterator[None]:
    """Move files and folders away; they come back if the block raises."""
    with tempfile.TemporaryDirectory(prefix="replaced-", dir=temporary) as folder:
        moved: dict[Path, Path] = {}
        try:
            for number, path in enumerate(paths):
                if path.exists():
                    moved[path] = Path(shutil.move(path, Path(folder, str(number))))
            yield
        except BaseException:
            for path in paths:
                _remove(path)
            for path, aside in moved.items():
                shutil.move(aside, path)
            raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
