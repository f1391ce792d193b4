"""Run the pipeline in places where programs often fail, and record the outcomes.

`python benchmarks/places.py` writes benchmarks/results/places.csv. It mounts small disks and runs
as other users, so it needs root on Linux. The clock is set back by libfaketime, whose library is
given by the variable FAKETIME_LIBRARY.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from faults import served_digits
from killing import EXPERIMENT, FaultError, running_runs, small_repository

from results import update_csv, write_csv
from rnnbench.files import file_digest
from rnnbench.layout import HISTORY_FILE, RESULTS_FOLDER
from rnnbench.tracking.unfinished import NOTES_FOLDER

TRAIN = ("-m", "dvc", "repro", f"train@{EXPERIMENT}")
SYNC = ("-m", "rnnbench.cli", "track", "sync")
STRANGE = "a b ü #1 50%25,?x"
AS_ELSEWHERE = "the same result as in an ordinary place"
NAMELESS, ANOTHER, GROUP = 64001, 64002, 64000
# Other users need root's permission to read, because Python may be in a folder of root.
READ = "+dac_read_search"
BECOME = ("setpriv", "--clear-groups", f"--inh-caps={READ}", f"--ambient-caps={READ}")
FAKETIME_LIBRARY = os.environ.get(
    "FAKETIME_LIBRARY", "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
)


class Place:
    """A copy of the small repository in some place.

    Parameters
    ----------
    folder : Path
        Its root.
    before : str
        A prefix of every command, such as one that changes the user.
    environment : str
        Environment variables to add.
    """

    def __init__(self, folder: Path, *before: str, **environment: str) -> None:
        self.folder = folder
        self._before = before
        self._environment = {**os.environ, "PYTHONPATH": str(folder / "src"), **environment}
        for name in ("MLFLOW_TRACKING_URI", "PYTHONDONTWRITEBYTECODE"):
            self._environment.pop(name, None)
        path = (str(Path(sys.executable).parent), os.environ["PATH"])
        self._environment["PATH"] = os.pathsep.join(path)

    def without(self, *names: str) -> "Place":
        """Remove environment variables."""
        for name in names:
            self._environment.pop(name, None)
        return self

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run Python to its end."""
        return subprocess.run(  # noqa: S603
            [*self._before, sys.executable, *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def trained(self) -> str:
        """Train, and return whether the result is the same as in an ordinary place."""
        answer = self.run(*TRAIN)
        if answer.returncode != 0:
            return failure(answer)
        if "warning: tracking is off" in answer.stdout:
            return f"trained; {warning(answer)}"
        if running := running_runs(self.folder):
            return f"MLflow says that these still run: {running}"
        return AS_ELSEWHERE if self.history() == expected() else "another result"

    def history(self) -> str:
        """Return the digest of the history of training."""
        (path,) = (self.folder / RESULTS_FOLDER).glob(f"*/{EXPERIMENT}/{HISTORY_FILE}")
        return file_digest(path)


_EXPECTED: list[str] = []


def expected() -> str:
    """Return the digest of the history in an ordinary place."""
    return _EXPECTED[0]


def failure(answer: "subprocess.CompletedProcess[str]") -> str:
    """Return the error message of a command."""
    lines = [line for line in answer.stderr.splitlines() if line.lower().startswith("error:")]
    traceback = "Traceback" in answer.stdout + answer.stderr
    first = lines[0] if lines else (answer.stderr.strip().splitlines() or ["no message"])[-1]
    return f"{'a traceback, ' if traceback else ''}{first}"


def warning(answer: "subprocess.CompletedProcess[str]") -> str:
    """Return the warning that tracking failed."""
    return next(line for line in answer.stdout.splitlines() if line.startswith("warning:"))


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Mount a file system at a folder while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", *options, str(folder)], check=True)  # noqa: S603, S607
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder, with a user for commits."""
    identity = ("-c", "user.name=Faults", "-c", "user.email=faults@example.org")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True)  # noqa: S603, S607


def copied(original: Path, target: Path) -> Path:
    """Copy a repository, and return the copy."""
    shutil.copytree(original, target, symlinks=True)
    return target


def ordinary(original: Path, folder: Path) -> str:
    """Train in an ordinary place, and store the expected history."""
    place = Place(copied(original, folder / "clone"))
    answer = place.run(*TRAIN)
    if answer.returncode != 0:
        raise FaultError(answer.stdout + answer.stderr)
    _EXPECTED.append(place.history())
    return AS_ELSEWHERE


def strange_path(original: Path, folder: Path) -> str:
    """Train in a path of characters that are special to some program."""
    return Place(copied(original, folder / STRANGE / "clone")).trained()


def strange_path_synced(original: Path, folder: Path) -> str:
    """Restore a lost database from the files in that path."""
    place = Place(folder.parent / "strange_path" / STRANGE / "clone")
    (place.folder / "mlflow.db").unlink()
    answer = place.run(*SYNC)
    return answer.stdout.splitlines()[-1] if answer.returncode == 0 else failure(answer)


def subfolder(original: Path, folder: Path) -> str:
    """Train in a folder of a larger git repository."""
    inner = folder / "large" / "projects" / "rnn"
    shutil.copytree(original, inner, ignore=shutil.ignore_patterns(".git"))
    git(folder / "large", "init", "--quiet")
    git(folder / "large", "add", "--all")
    git(folder / "large", "commit", "--quiet", "--message", "all")
    return Place(inner).trained()


def worktree(original: Path, folder: Path) -> str:
    """Train in a worktree."""
    git(original, "worktree", "add", "--quiet", "--detach", str(folder / "tree"))
    return Place(folder / "tree").trained()


def shallow(original: Path, folder: Path) -> str:
    """Train in a clone without history."""
    git(folder, "clone", "--quiet", "--depth", "1", original.as_uri(), str(folder / "clone"))
    return Place(folder / "clone").trained()


def nameless(original: Path, folder: Path) -> str:
    """Train as a user who has no name and no home."""
    clone = copied(original, folder / "clone")
    homeless = as_user(clone, NAMELESS).without("HOME", "USER", "LOGNAME", "XDG_CACHE_HOME")
    first = failure(homeless.run("-m", "rnnbench.cli", "repro", f"train@{EXPERIMENT}"))
    named = as_user(clone, NAMELESS, HOME=str(clone), USER="someone")
    return f"{first}; with HOME and USER: {named.trained()}"


def as_user(folder: Path, user: int, **environment: str) -> Place:
    """Give a repository to a user and return it as that user's."""
    subprocess.run(["chown", "-R", f"{user}:{GROUP}", str(folder)], check=True)  # noqa: S603, S607
    return Place(folder, *BECOME, f"--reuid={user}", f"--regid={GROUP}", "--", **environment)


def nameless_fetch(original: Path, folder: Path) -> str:
    """Fetch a file as the nameless user, who has no folder for downloads."""
    place = as_user(copied(original, folder / "clone"), NAMELESS)
    place.without("HOME", "XDG_CACHE_HOME", "RNNBENCH_CACHE", "RNNBENCH_LOCAL_DATA")
    return failure(place.run(str(fetching()), "http://127.0.0.1:9/mnist.npz", "0" * 64))


def fetching() -> Path:
    """Return the script that fetches from an address."""
    return Path(__file__).with_name("fetching.py")


def full_disk(original: Path, folder: Path) -> str:
    """Train with too little disk space for models, then with enough."""
    place = Place(copied(original, folder / "clone"))
    with mounted(place.folder / "runs", "-t", "tmpfs", "-o", "size=16k", "tmpfs"):
        first = failure(place.run(*TRAIN))
    return f"{first}; afterwards: {place.trained()}"


def full_artifacts(original: Path, folder: Path) -> str:
    """Train with too little disk space for MLflow's artifacts, then sync with enough."""
    place = Place(copied(original, folder / "clone"))
    with mounted(place.folder / "mlartifacts", "-t", "tmpfs", "-o", "size=16k", "tmpfs"):
        first = place.trained()
    synced = place.run(*SYNC).stdout.splitlines()[-1]
    return f"{first}; afterwards: {synced}"


def full_cache(original: Path, folder: Path) -> str:
    """Train with too little disk space for DVC's cache, then with enough."""
    place = Place(copied(original, folder / "clone"))
    with mounted(place.folder / ".dvc" / "cache", "-t", "tmpfs", "-o", "size=40k", "tmpfs"):
        first = failure(place.run(*TRAIN))
    return f"{first}; afterwards: {place.trained()}"


def read_only(original: Path, folder: Path) -> str:
    """Fetch into a folder that is read-only."""
    place = Place(copied(original, folder / "clone"))
    raw = place.folder / "data" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    with mounted(raw, "--bind", str(raw)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(raw)], check=True)  # noqa: S603, S607
        return failure(place.run("stages/fetch.py", "adding"))


def clock_back(original: Path, folder: Path) -> str:
    """Train while the clock is set back two hours."""
    offset = folder / "offset"
    offset.write_text("+0\n")
    place = Place(
        copied(original, folder / "clone"),
        LD_PRELOAD=FAKETIME_LIBRARY,
        FAKETIME_TIMESTAMP_FILE=str(offset),
        FAKETIME_NO_CACHE="1",
    )
    training = place.folder / NOTES_FOLDER

    def set_back() -> None:
        while not list(training.glob("*.json")):
            time.sleep(0.1)
        offset.write_text("-2h\n")

    threading.Thread(target=set_back, daemon=True).start()
    first = place.trained()
    again = place.run(*TRAIN).stdout
    return f"{first}{'' if 'Running stage' not in again else '; and again: trained anew'}"


def two_users(original: Path, folder: Path) -> str:
    """Fetch with a cache that has the unfinished download of another user of the same group."""
    cache = folder / "cache"
    cache.mkdir(mode=0o2775)
    cache.chmod(0o2775)
    os.chown(cache, NAMELESS, GROUP)
    first = as_user(copied(original, folder / "one"), NAMELESS, RNNBENCH_CACHE=str(cache))
    second = as_user(copied(original, folder / "other"), ANOTHER, RNNBENCH_CACHE=str(cache))
    with served_digits() as (address, digest):
        process = subprocess.Popen(  # noqa: S603
            [*first._before, sys.executable, str(fetching()), address, digest],
            cwd=first.folder,
            env=first._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not list(cache.glob("*.part")):
            time.sleep(0.02)
        process.kill()
        process.wait()
        answers = [place.run(str(fetching()), address, digest) for place in (second, first)]
    bad = [failure(answer) for answer in answers if answer.returncode != 0]
    return "; ".join(bad) if bad else "fetched by the other user, and taken from there by the first"


def shared_dvc_cache(original: Path, folder: Path) -> str:
    """Reproduce with DVC's cache in a folder that two users of a group share."""
    cache = folder / "cache"
    cache.mkdir()
    os.chown(cache, NAMELESS, GROUP)
    cache.chmod(0o2775)
    outcomes = []
    for name, user in (("one", NAMELESS), ("other", ANOTHER)):
        home = str(folder / name)
        place = as_user(copied(original, folder / name), user, HOME=home, USER=name)
        for option, value in (("cache.dir", str(cache)), ("cache.shared", "group")):
            place.run("-m", "dvc", "config", "--local", option, value)
        answer = place.run("-m", "dvc", "repro", "prepare")
        ran = "ran" if "Running stage" in answer.stdout else "taken from the cache"
        outcomes.append(ran if answer.returncode == 0 else failure(answer))
    return "; ".join(outcomes)


PLACES: dict[str, Callable[[Path, Path], str]] = {
    "an ordinary folder": ordinary,
    f"a path with spaces, umlauts, #, ?, % and a comma: `{STRANGE}`": strange_path,
    "the same, `rnnbench track sync` after the database was lost": strange_path_synced,
    "a subfolder of a larger git repository": subfolder,
    "a git worktree": worktree,
    "a shallow clone": shallow,
    "a user without a name and without HOME": nameless,
    "the same user, fetching a file": nameless_fetch,
    "a full disk under runs/": full_disk,
    "a full disk under mlartifacts/": full_artifacts,
    "a full disk under .dvc/cache": full_cache,
    "a read-only data/raw": read_only,
    "a clock that is set back by two hours": clock_back,
    "a cache of downloads that two users share, one killed": two_users,
    "`dvc repro prepare` by two users who share DVC's cache, one after the other": shared_dvc_cache,
}


def main(*wanted: str) -> None:
    """Run all places, or only those whose functions are named."""
    rows = []
    with small_repository() as repository, tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        base.chmod(0o755)
        repository.folder.parent.chmod(0o755)
        for name, go in PLACES.items():
            if wanted and go.__name__ not in ("ordinary", *wanted):
                continue
            folder = base / go.__name__
            folder.mkdir()
            outcome = " ".join(go(repository.folder, folder).replace(str(base), "…").split())
            print(f"{name}: {outcome}", flush=True)
            rows.append({"place": name, "outcome": outcome})
    if wanted:
        update_csv("places", pd.DataFrame(rows), key="place")
    else:
        write_csv("places", pd.DataFrame(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
