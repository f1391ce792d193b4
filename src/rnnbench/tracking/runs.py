"""Runs in MLflow: one place writes out everything that is logged.

An experiment is a parent run, each seed a child run; both are found again by the identifiers in
their record (`run.json`), whatever server is current. Tracking never stops training: the first
failure is said once and the rest is left out.
"""

import getpass
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import pandas as pd

from rnnbench.files import read_json
from rnnbench.layout import HISTORY_FILE, RECORD_FILE, TIMING_FILE
from rnnbench.tracking.store import artifact_location, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

RUN_TAG = "rnnbench.run_id"
EXPERIMENT_TAG = "rnnbench.experiment_id"
TRAINED_TAG = "rnnbench.training_logged"
PARENT_TAG = "mlflow.parentRunId"
TAGS_OF_RECORD = (
    "experiment",
    "suite",
    "view",
    "dataset",
    "data_route",
    "seed",
    "stage",
    "git_commit",
    "git_dirty",
    "git_diff_digest",
    "source_digest",
    "data_digest",
)
# The UI opens on runs and charts, not on its pages for language models.
KIND_OF_EXPERIMENT = {"mlflow.experimentKind": "custom_model_development"}
MLFLOW_SETTINGS = {
    # An unreachable server is given up after seconds, not minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    # Copying a few files needs no progress bar.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
TALKATIVE_LOGGERS = ("mlflow.store.db.utils", "mlflow.models.signature")

Record = Mapping[str, Any]
P = ParamSpec("P")


def _forgiving(
    method: Callable[Concatenate["Tracker", P], None],
) -> Callable[Concatenate["Tracker", P], None]:
    """Let a tracker's method fail without its caller: one warning, then silence."""

    @wraps(method)
    def guarded(self: "Tracker", /, *args: P.args, **kwargs: P.kwargs) -> None:
        if self.failed:
            return
        try:
            method(self, *args, **kwargs)
        except Exception as error:  # whatever a server, a database or a disk comes up with
            self.failed = True
            first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
            print(
                f"warning: tracking is off for this run: {first_line}; `rnnbench track sync`"
                " makes up for it later",
                flush=True,
            )

    return guarded


def connect(root: Path | None = None) -> "MlflowClient":
    """Return a client of the current tracking server, `root` being the repository's."""
    for name, value in MLFLOW_SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow

    for name in TALKATIVE_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    mlflow.set_tracking_uri(tracking_uri(root))
    return mlflow.MlflowClient()


def find_or_create_experiment(client: "MlflowClient", name: str, root: Path | None = None) -> str:
    """Return the identifier of the MLflow experiment of a suite."""
    found = client.get_experiment_by_name(name)
    if found:
        return str(found.experiment_id)
    return str(client.create_experiment(name, artifact_location(root), tags=KIND_OF_EXPERIMENT))


def find_run(client: "MlflowClient", suite: str, tag: str, value: str) -> "Run | None":
    """Return the run of a suite that carries a tag, if the server has it."""
    experiment = client.get_experiment_by_name(suite)
    if experiment is None:
        return None
    found = client.search_runs(
        [experiment.experiment_id], f"tags.`{tag}` = '{value}'", max_results=1
    )
    return found[0] if found else None


def create_experiments(suites: Iterable[str], root: Path) -> None:
    """Make the store and its experiments, so that runs side by side find both there."""
    try:
        client = connect(root)
        for suite in suites:
            find_or_create_experiment(client, suite, root)
    except Exception as error:  # tracking stops nothing; each run says so itself
        print(f"warning: the tracking server does not answer: {error}", flush=True)


class Tracker:
    """One run of an experiment in MLflow.

    Parameters
    ----------
    record : mapping
        What `run.json` says: identifiers, parameters, data, commit, environment.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.failed = False
        self._run: str | None = None

    @_forgiving
    def start(self) -> None:
        """Begin the run, and its experiment's, so that their durations are those of the work."""
        _ = self._run_id

    @_forgiving
    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log an epoch's metrics while training goes on; epochs count from 1.

        Names are those of the columns of `history.csv`.
        """
        for column, value in metrics.items():
            self._client.log_metric(self._run_id, metric_name(column), value, step=epoch)

    @_forgiving
    def log_training(self, folder: Path) -> None:
        """Log what training wrote: epochs not logged yet, timing, the data set, the model.

        Parameters
        ----------
        folder : Path
            The run's: history, timing, model and what it takes to predict with it.
        """
        import mlflow

        from rnnbench.tracking.models import log_model

        timing = read_json(folder / TIMING_FILE)
        run = self._client.get_run(self._run_id)
        if run.data.tags.get(TRAINED_TAG):
            return
        facts = flatten(timing, "timing")
        self._log_new_metrics(
            self._run_id,
            {name: value for name, value in facts.items() if isinstance(value, int | float)},
        )
        for name, value in facts.items():
            if isinstance(value, str):
                self._client.set_tag(self._run_id, name.replace("/", "."), value)
        self._client.set_tag(self._run_id, "timing.unfit", "; ".join(timing.get("unfit", [])))
        for layer, found in self.record["kernels"].items():
            for name, value in found.items():  # the kernel and, if it is a slower one, the reason
                self._client.set_tag(self._run_id, f"{name}.{layer}", value)
        total = sum(self.record["layer_parameters"].values())
        self._client.log_param(self._run_id, "model.parameters", total)
        self._log_missing_epochs(pd.read_csv(folder / HISTORY_FILE))
        self._log_per_epoch_seconds(timing)
        with mlflow.start_run(run_id=self._run_id, log_system_metrics=False):
            if not (run.inputs and run.inputs.dataset_inputs):
                self._log_dataset()
            if not (run.outputs and run.outputs.model_outputs):
                log_model(folder, self.record)
        self._client.log_artifact(self._run_id, str(folder / RECORD_FILE))
        self._client.set_tag(self._run_id, TRAINED_TAG, "true")

    @_forgiving
    def log_evaluation(self, metrics: Mapping[str, float], figures: list[Path]) -> None:
        """Log a run's test metrics and figures."""
        self._log_new_metrics(
            self._run_id, {f"test/{name}": value for name, value in metrics.items()}
        )
        for figure in figures:
            self._client.log_artifact(self._run_id, str(figure), "figures")

    @_forgiving
    def log_experiment_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log the means over seeds to the parent run and close it."""
        parent = self._parent_id()
        self._log_new_metrics(parent, {f"test/{name}": value for name, value in metrics.items()})
        self._client.set_terminated(parent, "FINISHED")

    @_forgiving
    def finish(self, status: str = "FINISHED", end_time: int | None = None) -> None:
        """Say how the run ended: FINISHED, FAILED or KILLED; not finished, so did its parent.

        When, in milliseconds since 1970, is now by default.
        """
        self._client.set_terminated(self._run_id, status, end_time)
        if status != "FINISHED":
            self._client.set_terminated(self._parent_id(), status)

    @contextmanager
    def running(self) -> Iterator["Tracker"]:
        """Begin the run, and close it with the right status, however the block ends."""
        self.start()
        try:
            yield self
        except KeyboardInterrupt:
            self.finish("KILLED")
            raise
        except Exception:
            self.finish("FAILED")
            raise
        self.finish()

    @cached_property
    def _client(self) -> "MlflowClient":
        return connect()

    @property
    def _run_id(self) -> str:
        if self._run is None:
            self._run = self._find(RUN_TAG, self.record["run_id"]) or self._create()
        return self._run

    def _find(self, tag: str, value: str) -> str | None:
        found = find_run(self._client, self.record["suite"], tag, value)
        return str(found.info.run_id) if found else None

    def _parent_id(self) -> str:
        identifier = self.record["experiment_id"]
        found = self._find(EXPERIMENT_TAG, identifier)
        if found:
            return found
        tags = {name: value for name, value in self._tags().items() if name != "seed"}
        run = self._client.create_run(
            self._mlflow_experiment(),
            start_time=self._start_time(),
            tags={**tags, EXPERIMENT_TAG: identifier},
            run_name=self.record["experiment"],
        )
        self._log_parameters(run.info.run_id)
        return str(run.info.run_id)

    def _create(self) -> str:
        run = self._client.create_run(
            self._mlflow_experiment(),
            start_time=self._start_time(),
            tags={
                **self._tags(),
                RUN_TAG: self.record["run_id"],
                PARENT_TAG: self._parent_id(),
            },
            run_name=f"{self.record['experiment']} seed {self.record['seed']}",
        )
        self._log_parameters(run.info.run_id)
        return str(run.info.run_id)

    def _start_time(self) -> int | None:
        """Return when training began, which may be long before the server hears of it."""
        begun = self.record.get("started_at")
        return None if begun is None else milliseconds(begun)

    def _tags(self) -> dict[str, str]:
        tags = {name: str(self.record[name]) for name in TAGS_OF_RECORD if name in self.record}
        with suppress(KeyError, OSError):  # a user without a name, as in some containers
            tags["mlflow.user"] = getpass.getuser()
        tags["mlflow.source.name"] = tags["stage"]
        if "git_commit" in tags:
            tags["mlflow.source.git.commit"] = tags["git_commit"]
        return tags

    def _log_parameters(self, run_id: str) -> None:
        from mlflow.entities import Param

        parameters = flatten(self.record["parameters"], separator=".")
        self._client.log_batch(
            run_id, params=[Param(name, str(value)) for name, value in parameters.items()]
        )

    def _mlflow_experiment(self) -> str:
        return find_or_create_experiment(self._client, self.record["suite"])

    def _log_new_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        """Log what the run does not say already: twice makes nothing twice."""
        known = self._client.get_run(run_id).data.metrics
        for name, value in metrics.items():
            if known.get(name) != value:
                self._client.log_metric(run_id, name, value)

    def _log_missing_epochs(self, history: pd.DataFrame) -> None:
        for column in history.columns.drop("epoch"):
            self._log_missing_steps(metric_name(column), history[column].tolist())

    def _log_per_epoch_seconds(self, timing: Record) -> None:
        for name in ("epoch_seconds", "epoch_processor_seconds", "validation_seconds"):
            self._log_missing_steps(f"timing/{name}", timing.get(name, []))

    def _log_missing_steps(self, name: str, values: Iterable[float]) -> None:
        """Log a metric's values, one an epoch, that the run does not have; epochs count from 1."""
        logged = {metric.step for metric in self._client.get_metric_history(self._run_id, name)}
        for epoch, value in enumerate(values, start=1):
            if epoch not in logged:
                self._client.log_metric(self._run_id, name, float(value), step=epoch)

    def _log_dataset(self) -> None:
        import mlflow
        from mlflow.data.code_dataset_source import CodeDatasetSource
        from mlflow.data.meta_dataset import MetaDataset

        names = ("dataset", "data_route", "citation")
        source = CodeDatasetSource(tags={name: self.record[name] for name in names})
        dataset = MetaDataset(  # type: ignore[abstract]
            source, name=self.record["view"], digest=self.record["data_digest"]
        )
        mlflow.log_input(dataset, context="training")


def milliseconds(moment: str) -> int:
    """Return what MLflow calls a moment that a record gives in ISO 8601."""
    return int(1000 * datetime.fromisoformat(moment).timestamp())


def metric_name(column: str) -> str:
    """Return what MLflow calls a column of `history.csv`: the UI groups by the first part."""
    part = "validation" if column.startswith("validation_") else "train"
    return f"{part}/{column.removeprefix('validation_')}"


def flatten(content: Mapping[str, Any], prefix: str = "", separator: str = "/") -> dict[str, Any]:
    """Turn nested mappings into one level, keys joined by `separator`."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        name = f"{prefix}{separator}{key}" if prefix else str(key)
        if isinstance(value, Mapping):
            flat.update(flatten(value, name, separator))
        else:
            flat[name] = value
    return flat
