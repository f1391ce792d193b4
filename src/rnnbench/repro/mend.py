"""Repairing files that DVC writes in place and cannot read after it was killed while writing."""

import json
import re
from pathlib import Path

from dvc.dvcfile import LOCK_FILE, Lockfile
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.rwlock import RWLOCK_FILE

from rnnbench.files import write_text

CONFLICT = "<<<<<<<"


def mend(repo: Repo) -> None:
    """Make DVC's files readable again; the caller holds the repository lock.

    The complete stages of a truncated `dvc.lock` are kept; the others need not run again if DVC's
    run cache has them. A truncated `.dvc/tmp/rwlock`, which lists the paths that processes use, is
    removed, because its writer has ended.
    """
    processes = Path(repo.tmp_dir, RWLOCK_FILE)
    if processes.exists() and not _is_json(processes):
        processes.unlink()
        print(f"removed {processes}, which was truncated when DVC was killed", flush=True)
    lock = Path(repo.root_dir, LOCK_FILE)
    if lock.exists() and not _loads(repo, lock):
        _cut_to_whole_stages(repo, lock)


def _cut_to_whole_stages(repo: Repo, lock: Path) -> None:
    text = lock.read_text(encoding="utf-8", errors="replace")
    if CONFLICT in text:
        return  # a merge conflict, which a person must resolve
    stages = [match.start() for match in re.finditer(r"^  \S", text, re.MULTILINE)]
    if len(stages) > 1:
        write_text(lock, text[: stages[-1]])
    else:
        lock.unlink()
    if _loads(repo, lock):
        print(
            f"{LOCK_FILE} was truncated when DVC was killed: its complete stages were kept, and"
            " DVC's run cache restores the others if it has them",
            flush=True,
        )
    else:
        write_text(lock, text)  # the file has another fault, which DVC will report


def _loads(repo: Repo, lock: Path) -> bool:
    try:
        Lockfile(repo, str(lock)).load()
    except DvcException:
        return False
    return True


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True
