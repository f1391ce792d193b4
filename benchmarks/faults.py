"""Kill every command that writes at random moments, and compare the result of the next run.

`python benchmarks/faults.py [SEED]` writes benchmarks/results/kills.csv, one row per kill.
"""

import hashlib
import http.server
import os
import random
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from killing import (
    FaultError,
    Repository,
    count_changes,
    draw,
    kill,
    outcome,
    require_nothing_runs,
    running_runs,
    small_repository,
)

from results import FOLDER, write_csv
from rnnbench.files import TEMPORARY_SUFFIX, file_digest
from rnnbench.tracking.store import ARTIFACTS, DATABASE

RNNBENCH = ("-m", "rnnbench.cli")
SYNC = (*RNNBENCH, "track", "sync")
# A kill falls in the first of this many parts of a run's changes, so that kills come in a row.
SHARE = 4
# How long the server of the downloads takes for its file.
SERVING_SECONDS = 1.0
PARTS = 50


@dataclass
class Subject:
    """A command that is killed.

    Attributes
    ----------
    name : str
        The command as a person types it.
    command : tuple
        The arguments of Python.
    kills : int
        How often it is killed.
    begin : callable
        Resets the repository, so that the command has everything to do.
    look : callable
        Returns the result, which must be the same after each round; raises `FaultError` if the
        result is incomplete.
    share : int
        A kill falls in the first of this many parts of the changes of an undisturbed run.
    """

    name: str
    command: tuple[str, ...]
    kills: int
    begin: Callable[[Repository], None]
    look: Callable[[Repository], Any]
    share: int = SHARE


def pipeline(repository: Repository) -> Any:
    """Return the pipeline's result, after a sync if MLflow shows a killed training as running."""
    if running_runs(repository.folder):
        repository.run(*SYNC)
    return outcome(repository)


def demo(repository: Repository) -> Any:
    """Return the result of the pipeline in demo/."""
    return outcome(repository, "demo")


def lose_database(repository: Repository) -> None:
    """Remove MLflow's database and artifacts, and keep the files of the runs."""
    (repository.folder / DATABASE).unlink(missing_ok=True)
    shutil.rmtree(repository.folder / ARTIFACTS, ignore_errors=True)


def fetched(repository: Repository) -> dict[str, str]:
    """Return the digests of the fetched files."""
    raw = repository.folder / "data" / "raw"
    left = list(repository.folder.rglob(f".*{TEMPORARY_SUFFIX}"))
    if left or list(repository.folder.rglob("*.rejected")):
        raise FaultError(f"temporary files are left: {left}")
    return {path.name: file_digest(path) for path in raw.rglob("*") if path.is_file()}


def subjects(address: str, digest: str) -> list[Subject]:
    """Return all commands to kill, with their settings."""
    fetching = (str(Path(__file__).with_name("fetching.py")), address, digest)
    return [
        Subject("fetch", fetching, 6, Repository.reset, fetched, share=1),
        Subject("dvc repro", ("-m", "dvc", "repro"), 9, Repository.reset, pipeline),
        Subject("rnnbench track sync", SYNC, 6, lose_database, pipeline, share=2),
        Subject(
            "rnnbench repro --jobs 2",
            (*RNNBENCH, "repro", "--jobs", "2"),
            9,
            Repository.reset,
            pipeline,
        ),
        Subject("rnnbench demo", (*RNNBENCH, "demo"), 6, Repository.reset, demo),
    ]


def kill_often(
    subject: Subject, repository: Repository, generator: random.Random
) -> Iterator[dict[str, Any]]:
    """Kill a command `subject.kills` times; yield one row per kill, with the outcome of its round.

    A round begins with nothing done and ends when the command has run to its end.
    """
    subject.begin(repository)
    changes = count_changes(repository, *subject.command)
    expected = subject.look(repository)
    done = 0
    for number in count(1):
        if done == subject.kills:
            return
        subject.begin(repository)
        start = time.monotonic()
        rows: list[dict[str, Any]] = []
        try:
            while done + len(rows) < subject.kills:
                killing = draw(generator, changes // subject.share)
                if not kill(repository, killing, *subject.command):
                    break
                about = {"command": subject.name, "changes": changes, "round": number}
                rows.append(about | vars(killing))
            else:
                repository.run(*subject.command)
            require_nothing_runs(repository)
            result = "equal" if subject.look(repository) == expected else "different"
        except FaultError as error:
            result = str(error)
            print(result, flush=True)
            require_nothing_runs(repository)
        seconds = time.monotonic() - start
        print(f"{subject.name}: {len(rows)} kills, {result[:60]}, {seconds:.0f} s", flush=True)
        done += len(rows)
        for row in rows:
            yield {**row, "outcome": " ".join(result.split())[-300:]}


class SlowHandler(http.server.BaseHTTPRequestHandler):
    """Serves a file in parts, with pauses, from the requested offset."""

    content = b""

    def do_GET(self) -> None:
        """Send the file from the requested offset."""
        requested = self.headers.get("Range")
        begin = int(re.findall(r"\d+", requested)[0]) if requested else 0
        if begin >= len(self.content):
            self.send_error(416)
            return
        self.send_response(206 if requested else 200)
        self.send_header("Content-Length", str(len(self.content) - begin))
        self.end_headers()
        size = len(self.content) // PARTS
        with suppress(ConnectionError):  # the client was killed
            for offset in range(begin, len(self.content), size):
                self.wfile.write(self.content[offset : offset + size])
                time.sleep(SERVING_SECONDS / PARTS)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def served_digits() -> Iterator[tuple[str, str]]:
    """Serve a small file in the format of MNIST; yield its address and its hash."""
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mnist.npz"
        arrays = {
            f"{kind}_{split}": generator.integers(0, 10, (count, *shape), dtype=np.uint8)
            for split, count in (("train", 6000), ("test", 1000))
            for kind, shape in (("x", (28, 28)), ("y", ()))
        }
        np.savez(path, **arrays)  # type: ignore[arg-type]
        SlowHandler.content = path.read_bytes()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), SlowHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/mnist.npz"
        yield address, hashlib.sha256(SlowHandler.content).hexdigest()
        server.shutdown()


def main(seed: int, *names: str) -> None:
    """Kill commands, by default all, at random moments drawn from a seed."""
    print(f"seed {seed}", flush=True)
    with served_digits() as (address, digest), small_repository() as repository:
        repository.environment["RNNBENCH_CACHE"] = str(repository.folder / ".dvc" / "downloads")
        for subject in subjects(address, digest):
            if not names or subject.name in names:
                generator = random.Random(f"{seed} {subject.name}")  # noqa: S311
                rows = kill_often(subject, repository, generator)
                replace_rows(subject.name, pd.DataFrame([{"seed": seed, **row} for row in rows]))


def replace_rows(command: str, rows: pd.DataFrame) -> None:
    """Replace the recorded kills of a command."""
    path = FOLDER / "kills.csv"
    recorded = pd.read_csv(path) if path.exists() else pd.DataFrame({"command": []})
    write_csv("kills", pd.concat([recorded[recorded["command"] != command], rows]))


if __name__ == "__main__":
    drawn = int.from_bytes(os.urandom(2))
    main(int(sys.argv[1]) if len(sys.argv) > 1 else drawn, *sys.argv[2:])
