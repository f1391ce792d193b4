"""What DVC cannot read once it was killed while it wrote: it writes both files in place."""

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
    """Make DVC's files readable again; its repository lock is held.

    Of a `dvc.lock` that was cut off, the stages that are whole are kept; what DVC's run cache has
    of the others need not run again. Of `.dvc/tmp/rwlock`, which says which process uses which
    path, nothing is kept: its writer is gone.
    """
    processes = Path(repo.tmp_dir, RWLOCK_FILE)
    if processes.exists() and not _is_json(processes):
        processes.unlink()
        print(f"removed {processes}, which was cut off when DVC was killed", flush=True)
    lock = Path(repo.root_dir, LOCK_FILE)
    if lock.exists() and not _loads(repo, lock):
        _cut_to_whole_stages(repo, lock)


def _cut_to_whole_stages(repo: Repo, lock: Path) -> None:
    text = lock.read_text(encoding="utf-8", errors="replace")
    if CONFLICT in text:
        return  # of a merge, for a person to resolve
    stages = [match.start() for match in re.finditer(r"^  \S", text, re.MULTILINE)]
    if len(stages) > 1:
        write_text(lock, text[: stages[-1]])
    else:
        lock.unlink()
    if _loads(repo, lock):
        print(
            f"{LOCK_FILE} was cut off when DVC was killed: its whole stages were kept, and DVC's"
            " run cache restores what it has of the others",
            flush=True,
        )
    else:
        write_text(lock, text)  # something else is wrong with it, which DVC will say


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
