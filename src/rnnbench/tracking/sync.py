"""Bringing a tracking server to what the files say.

The files of a run are the truth, MLflow shows them. After a run-cache hit, a `dvc pull`, a fresh
clone, a lost database or a changed server, what is missing there is made from the files.
"""

import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rnnbench.commands import output_of
from rnnbench.errors import RnnbenchError
from rnnbench.files import read_json
from rnnbench.layout import (
    EVALUATION_FOLDER,
    FIGURES_FOLDER,
    METRICS_FILE,
    RECORD_FILE,
    RESULTS_FOLDER,
    RUNS_FOLDER,
    SCORES_FILE,
    TIMES_FILE,
    TIMING_FILE,
)
from rnnbench.tracking.metrics import metrics_of_times, milliseconds
from rnnbench.tracking.runs import EXPERIMENT_TAG, RUN_TAG, TRAINED_TAG, Tracker, connect
from rnnbench.tracking.store import tracking_uri

DVC = (sys.executable, "-m", "dvc")


@dataclass(frozen=True)
class RecordedRun:
    """A run as its files tell it.

    Attributes
    ----------
    record : dict
        `run.json`.
    folder : Path
        Where that lies, with model, history and timing.
    results : Path
        Its experiment's folder of scores and figures.
    """

    record: dict[str, Any]
    folder: Path
    results: Path

    @property
    def name(self) -> str:
        """Experiment and seed."""
        return f"{self.record['experiment']} seed {self.record['seed']}"

    @cached_property
    def scores(self) -> dict[str, Any] | None:
        """Its experiment's `scores.json`; None if the run was not evaluated."""
        path = self.results / EVALUATION_FOLDER / SCORES_FILE
        scores: dict[str, Any] = read_json(path) if path.exists() else {"runs": {}}
        return scores if self.folder.name in scores["runs"] else None

    @property
    def metrics(self) -> dict[str, float]:
        """Its test metrics, none if it was not evaluated."""
        scores = self.scores
        return scores["runs"][self.folder.name] if scores else {}

    @cached_property
    def times(self) -> dict[str, Any] | None:
        """Its experiment's `times.json`; None if its steps were not timed."""
        path = self.results / TIMES_FILE
        return read_json(path) if path.exists() else None


@dataclass(frozen=True)
class Status:
    """Where files and server differ.

    Attributes
    ----------
    missing : list of RecordedRun
        Runs that the server lacks, or has in part.
    unknown : list of str
        Names of runs that the server has and no file tells of.
    whole : int
        How many runs both have.
    """

    missing: list[RecordedRun]
    unknown: list[str]
    whole: int


def recorded_runs(root: Path) -> list[RecordedRun]:
    """Read the runs whose files are in a repository, experiments by name."""
    found = []
    for path in sorted((root / RUNS_FOLDER).glob(f"*/*/*/{RECORD_FILE}")):
        record = read_json(path)
        results = root / RESULTS_FOLDER / record["suite"] / record["experiment"]
        found.append(RecordedRun(record, path.parent, results))
    return found


def compare_with_server(root: Path) -> Status:
    """Say which runs the current server lacks, and which it alone has.

    Raises
    ------
    RnnbenchError
        If it does not answer.
    """
    try:
        tagged = _runs_on_server()
    except Exception as error:  # whatever a server, a database or a disk comes up with
        raise RnnbenchError(
            f"the tracking server {tracking_uri()} does not answer: {error}; MLFLOW_TRACKING_URI"
            " names another one"
        ) from error
    runs = recorded_runs(root)
    missing = [run for run in runs if not _is_whole(tagged, run)]
    known = {run.record["run_id"] for run in runs}
    unknown = [
        str(run.info.run_name)
        for key, run in tagged.items()
        if key not in known and RUN_TAG in run.data.tags
    ]
    return Status(missing, sorted(unknown), len(runs) - len(missing))


def sync(root: Path, experiments: Collection[str] | None = None) -> Status:
    """Make on the current server what it lacks of the runs whose files are in a repository.

    Parameters
    ----------
    root : Path
        The repository.
    experiments : collection of str or None
        Whose runs, by default those of all.

    Returns
    -------
    Status
        How it was before: what is missing there has been made.

    Raises
    ------
    RnnbenchError
        If the server fails meanwhile; what it has by then is not made again next time.
    """
    before = compare_with_server(root)
    for run in before.missing:
        if experiments is None or run.record["experiment"] in experiments:
            print(f"{run.name}", flush=True)
            _project(run)
    return before


@contextmanager
def files_of_revision(root: Path, revision: str) -> Iterator[Path]:
    """Give a folder with the files of a commit, from git and DVC's cache, for a while.

    Raises
    ------
    RnnbenchError
        If the commit does not exist.
    """
    with tempfile.TemporaryDirectory(prefix="rnnbench-") as folder:
        there = Path(folder) / "tree"
        cache = output_of([*DVC, "cache", "dir"], root).strip()
        output_of(["git", "worktree", "add", "--detach", str(there), revision], root)
        try:
            output_of([*DVC, "cache", "dir", "--local", str((root / cache).resolve())], there)
            # Some of it may never have been pushed or pulled: what is there is shown.
            output_of([*DVC, "checkout", "--allow-missing"], there)
            yield there
        finally:
            output_of(["git", "worktree", "remove", "--force", str(there)], root)


def _runs_on_server() -> dict[str, Any]:
    """Return the runs of all experiments and their parents by the identifier in their record."""
    client = connect()
    identifiers = [experiment.experiment_id for experiment in client.search_experiments()]
    tagged: dict[str, Any] = {}
    token: str | None = None
    while token is None or token:
        page = client.search_runs(identifiers, page_token=token)
        for run in page:
            key = run.data.tags.get(RUN_TAG) or run.data.tags.get(EXPERIMENT_TAG)
            if key:
                tagged[key] = run
        token = page.token or ""
    return tagged


def _project(run: RecordedRun) -> None:
    tracker = Tracker(run.record)
    tracker.start()
    tracker.log_training(run.folder)
    if run.times:
        tracker.log_times(run.times)
    end, metrics = _end(run), run.metrics
    if metrics:
        assert run.scores
        figures = run.results / EVALUATION_FOLDER / FIGURES_FOLDER / run.folder.name
        route = run.scores["data"]["route"]
        tracker.log_evaluation(metrics, sorted(figures.glob("*.png")), route)
        tracker.log_experiment_metrics(read_json(run.results / METRICS_FILE), end)
    tracker.finish("FAILED" if "diverged" in run.record else "FINISHED", end_time=end)
    if tracker.failed:
        raise RnnbenchError(
            f"the tracking server failed at {run.name}; `rnnbench track sync` goes on from there"
        )


def _end(run: RecordedRun) -> int:
    """Return when training ended, in milliseconds since 1970."""
    seconds = read_json(run.folder / TIMING_FILE)["training_seconds"]
    return milliseconds(run.record["started_at"]) + int(1000 * seconds)


def _is_whole(on_server: Mapping[str, Any], run: RecordedRun) -> bool:
    """Whether a server's run and its parent say what the files say."""
    logged = on_server.get(run.record["run_id"])
    parent = on_server.get(run.record["experiment_id"])
    if logged is None or parent is None or not logged.data.tags.get(TRAINED_TAG):
        return False
    scores = {f"test/{name}": value for name, value in run.metrics.items()}
    times = {one.key: one.value for one in metrics_of_times(run.times)} if run.times else {}
    return _holds(logged, scores) and _holds(parent, times)


def _holds(logged: Any, metrics: Mapping[str, float]) -> bool:
    return all(logged.data.metrics.get(name) == value for name, value in metrics.items())
