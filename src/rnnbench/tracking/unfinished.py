"""Trainings whose process was killed, so that the tracking server still shows them as running."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from rnnbench.files import read_json, text_digest, write_json
from rnnbench.tracking.runs import EXPERIMENT_TAG, PARENT_TAG, find_runs
from rnnbench.tracking.store import repository_root, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

NOTES_FOLDER = Path(".dvc/tmp/trainings")


@contextmanager
def noted(record: Mapping[str, Any]) -> Iterator[None]:
    """Keep a note of a training in the repository while the block runs.

    The process holds a lock on the note, which ends with the process: a note without lock belongs
    to a training that was killed.

    Parameters
    ----------
    record : mapping
        The `experiment_id` and the `suite` of the training.
    """
    note = repository_root() / NOTES_FOLDER / f"{record['experiment_id']}.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    with _locked(note):
        write_json(note, {"suite": record["suite"], "server": text_digest(tracking_uri())})
        try:
            yield
        finally:
            _remove(note)


def end_killed(client: "MlflowClient", root: Path) -> None:
    """Mark the runs of a repository's killed trainings as KILLED on a server.

    Parameters
    ----------
    client : MlflowClient
        A client of the current tracking server. Notes of trainings on other servers stay.
    root : Path
        The repository.
    """
    for note in (root / NOTES_FOLDER).glob("*.json"):
        # A locked note belongs to a training that runs; a missing one to one that has just ended.
        with suppress(Timeout, FileNotFoundError), _locked(note):
            training = read_json(note)
            if training["server"] == text_digest(tracking_uri(root)):
                _end_runs(client, training["suite"], note.stem)
                _remove(note)


def _locked(note: Path) -> FileLock:
    return FileLock(note.with_suffix(".lock"), timeout=0, mode=0o666)


def _remove(note: Path) -> None:
    for path in (note, note.with_suffix(".lock")):
        path.unlink(missing_ok=True)


def _end_runs(client: "MlflowClient", suite: str, experiment: str) -> None:
    for parent in find_runs(client, suite, f"tags.`{EXPERIMENT_TAG}` = '{experiment}'"):
        children = find_runs(client, suite, f"tags.`{PARENT_TAG}` = '{parent.info.run_id}'")
        for run in (*children, parent):
            if run.info.status == "RUNNING":
                client.set_terminated(run.info.run_id, "KILLED", _last_heard_of(client, run))


def _last_heard_of(client: "MlflowClient", run: "Run") -> int:
    """Return when a run logged its last metric, or began, in milliseconds since 1970."""
    histories = [client.get_metric_history(run.info.run_id, name) for name in run.data.metrics]
    times = [metric.timestamp for history in histories for metric in history]
    return int(max(times, default=run.info.start_time))
