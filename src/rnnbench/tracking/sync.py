"""Logging recorded runs that a tracking server lacks.

The files of a run are the truth, and MLflow shows them. After a run-cache hit, a `dvc pull`, a
fresh clone, the loss of a database or a change of the server, missing runs are logged from files.
"""

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rnnbench.commands import DVC, git, output_of, share_cache
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
from rnnbench.tracking.runs import (
    EXPERIMENT_TAG,
    PARENT_TAG,
    RUN_TAG,
    TRAINED_TAG,
    Tracker,
    connect,
    find_runs,
    search_runs,
)
from rnnbench.tracking.store import tracking_uri
from rnnbench.tracking.unfinished import end_killed


@dataclass(frozen=True)
class RecordedRun:
    """A run as its files record it.

    Attributes
    ----------
    record : dict
        The content of `run.json`.
    folder : Path
        The folder of the run, with model, history and timing.
    results : Path
        The folder of its experiment's scores and figures.
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
        """Its test metrics; empty if it was not evaluated."""
        scores = self.scores
        return scores["runs"][self.folder.name] if scores else {}

    @property
    def means(self) -> dict[str, float]:
        """Its experiment's means over seeds; empty if the run was not evaluated."""
        metrics: dict[str, float] = read_json(self.results / METRICS_FILE) if self.scores else {}
        return metrics

    @cached_property
    def times(self) -> dict[str, Any] | None:
        """Its experiment's `times.json`; None if its steps were not timed."""
        path = self.results / TIMES_FILE
        return read_json(path) if path.exists() else None


@dataclass(frozen=True)
class Status:
    """The difference between files and server.

    Attributes
    ----------
    missing : list of RecordedRun
        Runs that the server lacks, or has only in part.
    complete : int
        How many recorded runs the server has completely.
    """

    missing: list[RecordedRun]
    complete: int


def recorded_runs(root: Path) -> list[RecordedRun]:
    """Read the runs whose files are in a repository, experiments by name."""
    found = []
    for path in sorted((root / RUNS_FOLDER).glob(f"*/*/*/{RECORD_FILE}")):
        record = read_json(path)
        results = root / RESULTS_FOLDER / record["suite"] / record["experiment"]
        found.append(RecordedRun(record, path.parent, results))
    return found


def compare_with_server(root: Path) -> Status:
    """Find the recorded runs that the current server lacks, or has only in part.

    Raises
    ------
    RnnbenchError
        If it does not answer.
    """
    runs = recorded_runs(root)
    with _explained_failures():
        end_killed(connect(), root)
        logged = _logged(runs)
    missing = [run for run in runs if not _is_complete(logged, run)]
    return Status(missing, len(runs) - len(missing))


def unknown_runs(root: Path) -> list[str]:
    """Return the names of this project's runs that the server has but no file records.

    Raises
    ------
    RnnbenchError
        If it does not answer.
    """
    known = {run.record["run_id"] for run in recorded_runs(root)}
    with _explained_failures():
        client = connect()
        experiments = [one.experiment_id for one in client.search_experiments()]
        found = list(search_runs(client, experiments, f"tags.`{RUN_TAG}` != ''"))
    return sorted(str(run.info.run_name) for run in found if run.data.tags[RUN_TAG] not in known)


def sync(root: Path, experiments: Collection[str] | None = None) -> Status:
    """Log to the current server the recorded runs of a repository that it lacks.

    Parameters
    ----------
    root : Path
        The repository.
    experiments : collection of str or None
        The experiments whose runs are logged; by default all.

    Returns
    -------
    Status
        The difference before this call: its missing runs have been logged.

    Raises
    ------
    RnnbenchError
        If the server fails meanwhile; runs that it has by then are not logged again next time.
    """
    before = compare_with_server(root)
    for run in before.missing:
        if experiments is None or run.record["experiment"] in experiments:
            print(f"{run.name}", flush=True)
            _project(run)
    return before


@contextmanager
def files_of_revision(root: Path, revision: str) -> Iterator[Path]:
    """Yield a folder with the files of a commit, from git and DVC's cache, while the block runs.

    Raises
    ------
    RnnbenchError
        If the commit does not exist.
    """
    with tempfile.TemporaryDirectory(prefix="rnnbench-") as folder:
        tree = Path(folder) / "tree"
        git(root, "worktree", "add", "--detach", str(tree), revision)
        try:
            share_cache(root, tree)
            # The cache may lack files that were never pulled: the others are checked out.
            output_of([*DVC, "checkout", "--allow-missing"], tree)
            yield tree
        finally:
            git(root, "worktree", "remove", "--force", str(tree))


@contextmanager
def _explained_failures() -> Iterator[None]:
    """Turn every failure of a server, a database or a disk into an error for the user."""
    try:
        yield
    except Exception as error:
        raise RnnbenchError(
            f"the tracking server {tracking_uri()} does not answer: {error}; MLFLOW_TRACKING_URI"
            " names another one"
        ) from error


def _logged(runs: Iterable[RecordedRun]) -> dict[str, Any]:
    """Return the server's runs for recorded runs, and their parents, by the records' identifiers.

    The server filters them, so that other runs on a shared server are not read.
    """
    client = connect()
    logged: dict[str, Any] = {}
    for suite, key in sorted({(one.record["suite"], one.record["experiment_id"]) for one in runs}):
        for parent in find_runs(client, suite, f"tags.`{EXPERIMENT_TAG}` = '{key}'"):
            logged[key] = parent
            children = find_runs(client, suite, f"tags.`{PARENT_TAG}` = '{parent.info.run_id}'")
            logged |= {run.data.tags.get(RUN_TAG, ""): run for run in children}
    return logged


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
        tracker.log_experiment_metrics(run.means, end)
    else:
        tracker.finish_experiment(end)
    tracker.finish("FAILED" if "diverged" in run.record else "FINISHED", end_time=end)
    if tracker.failed:
        raise RnnbenchError(
            f"the tracking server failed at {run.name}; `rnnbench track sync` continues from there"
        )


def _end(run: RecordedRun) -> int:
    """Return when training ended, in milliseconds since 1970."""
    seconds = read_json(run.folder / TIMING_FILE)["training_seconds"]
    return milliseconds(run.record["started_at"]) + int(1000 * seconds)


def _is_complete(on_server: Mapping[str, Any], run: RecordedRun) -> bool:
    """Return whether a server's run and its parent have all that the files record."""
    logged = on_server.get(run.record["run_id"])
    parent = on_server.get(run.record["experiment_id"])
    if logged is None or parent is None or not logged.data.tags.get(TRAINED_TAG):
        return False
    if "RUNNING" in (logged.info.status, parent.info.status):
        return False
    times = {one.key: one.value for one in metrics_of_times(run.times)} if run.times else {}
    return _holds(logged, _tested(run.metrics)) and _holds(parent, times | _tested(run.means))


def _tested(metrics: Mapping[str, float]) -> dict[str, float]:
    return {f"test/{name}": value for name, value in metrics.items()}


def _holds(logged: Any, metrics: Mapping[str, float]) -> bool:
    return all(logged.data.metrics.get(name) == value for name, value in metrics.items())
