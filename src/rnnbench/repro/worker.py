"""A process that reproduces one stage with DVC: `python -m rnnbench.repro.worker STAGE PARENT`.

It leads a process group with all processes of the stage. If its parent process PARENT is killed,
the group is interrupted, as by Ctrl-C, and then killed.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dvc.dependency import Dependency
from dvc.dvcfile import LOCK_FILE
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import Stage
from dvc.stage.serialize import to_lockfile
from dvc.utils.serialize import dumps_yaml, load_yaml

from rnnbench.errors import INTERRUPTED
from rnnbench.files import write_text
from rnnbench.repro.pipeline import wait_while_locked

SECONDS_TO_END = 10.0
# Seconds to wait for locks of other programs that use DVC, such as an editor's extension.
TRIES = 600


def reproduce(name: str) -> None:
    """Reproduce one stage of the repository in the working directory.

    Raises
    ------
    dvc.exceptions.ReproductionError
        If the stage fails; the cause of the exception is the failure.
    """
    with Repo(_wait_for_lock=True) as repo:
        reproduce = partial(repo.reproduce, name, single_item=True, repro_fn=_reproduce_stage)
        wait_while_locked(reproduce, TRIES)


def _reproduce_stage(stage: Stage, **options: Any) -> Stage | None:
    """Run a stage and record it; replaces DVC's own function."""
    _refuse_changes(stage)
    reproduced = stage.reproduce(**options)
    if reproduced:
        _record(stage)
    return reproduced


def _record(stage: Stage) -> None:
    """Write a stage into dvc.lock, atomically: DVC itself writes the file in place."""
    lock = Path(stage.repo.root_dir, LOCK_FILE)
    content: dict[str, Any] = load_yaml(lock) if lock.exists() else {"schema": "2.0"}
    content.setdefault("stages", {}).update(to_lockfile(stage))
    write_text(lock, dumps_yaml(content))


def _refuse_changes(stage: Stage) -> None:
    """Make a stage raise if its dependencies changed while its command ran.

    DVC hashes them before and after, and records the later hashes, of files that the command may
    not have read.
    """
    save_dependencies = stage.save_deps
    before: dict[str, Any] = {}

    def save_and_compare(**options: Any) -> None:
        save_dependencies(**options)
        now = {name: value for one in stage.deps for name, value in _contents(one).items()}
        changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        if before and changed:
            raise DvcException(
                f"not recorded, because {', '.join(changed)} changed while {stage.name} ran:"
                " run it again"
            )
        before.update(now)

    stage.save_deps = save_and_compare


def _contents(dependency: Dependency) -> Mapping[str, Any]:
    """Return the hash of each file of a dependency, or the value of each parameter."""
    name, value = dependency.def_path, dependency.hash_info.value
    if isinstance(value, dict):
        return {f"{key} in {name}": parameter for key, parameter in value.items()}
    if dependency.hash_info.isdir:
        return {"/".join([name, *key]): file.value for key, _, file in dependency.obj}
    return {name: value}


def end_with(parent: int) -> None:
    """Wait for the end of the parent process, then end the process group of this one."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os.killpg(0, signal.SIGINT)
    time.sleep(SECONDS_TO_END)
    os.killpg(0, signal.SIGKILL)


def main(name: str, parent: int) -> int:
    """Reproduce a stage; return the exit code."""
    threading.Thread(target=end_with, args=[parent], daemon=True).start()
    try:
        reproduce(name)
    except DvcException as error:
        print(error.__cause__ or error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        if os.getppid() != parent:
            os.killpg(0, signal.SIGKILL)  # kills what the interrupted stage left running
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], parent=int(sys.argv[2])))
