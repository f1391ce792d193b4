"""Runs in MLflow: everything that is logged is logged by this module.

An experiment is a parent run, each seed a child run; both are found by the identifiers in their
record (`run.json`) on any server. Tracking never stops training: the first failure is reported
once, and the rest is not logged.
"""

import getpass
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from rnnbench.credentials import without_credentials
from rnnbench.data.dataset import DATASETS
from rnnbench.files import read_json
from rnnbench.layout import RECORD_FILE, TIMING_FILE
from rnnbench.tracking.description import describe_experiment, describe_run
from rnnbench.tracking.identity import repository_url
from rnnbench.tracking.metrics import (
    flatten,
    metrics_of_epoch,
    metrics_of_evaluation,
    metrics_of_times,
    metrics_of_training,
    milliseconds,
)
from rnnbench.tracking.store import (
    artifact_location,
    default_uri,
    follow_moved_artifacts,
    make_default_store,
    pass_on_credentials,
    repository_root,
    tracking_uri,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

RUN_TAG = "rnnbench.run_id"
EXPERIMENT_TAG = "rnnbench.experiment_id"
TRAINED_TAG = "rnnbench.training_logged"
PARENT_TAG = "mlflow.parentRunId"
REPOSITORY_TAG = "mlflow.source.git.repoURL"
DESCRIPTION_TAG = "mlflow.note.content"
MOST_METRICS_AT_ONCE = 1000
TAGS_OF_RECORD = (
    "experiment",
    "suite",
    "view",
    "dataset",
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
    # Give up an unreachable server after seconds, not minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    # A few files need no progress bar.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
TALKATIVE_LOGGERS = ("mlflow.store.db.utils", "mlflow.models.signature")

Record = Mapping[str, Any]
P = ParamSpec("P")


def _forgiving(
    method: Callable[Concatenate["Tracker", P], None],
) -> Callable[Concatenate["Tracker", P], None]:
    """Make a tracker's method warn about the first failure and then do nothing, never raise."""

    @wraps(method)
    def guarded(self: "Tracker", /, *args: P.args, **kwargs: P.kwargs) -> None:
        if self.failed:
            return
        try:
            method(self, *args, **kwargs)
        except Exception as error:  # servers, databases and disks raise errors of many types
            self.failed = True
            print(
                f"warning: tracking is off for this run: {_first_line(error)}; `rnnbench track"
                " sync` makes up for it later",
                flush=True,
            )

    return guarded


def _first_line(error: Exception) -> str:
    """Return the first line of an error's message, which may quote the server's address."""
    lines = without_credentials(str(error)).splitlines()
    return lines[0] if lines else type(error).__name__


def connect(root: Path | None = None) -> "MlflowClient":
    """Return a client of the current tracking server of the repository `root`."""
    for name, value in MLFLOW_SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow

    for name in TALKATIVE_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    pass_on_credentials()
    root = root or repository_root()
    uri = tracking_uri(root)
    if uri == default_uri(root):
        make_default_store(root)
    follow_moved_artifacts(uri)
    mlflow.set_tracking_uri(uri)
    return mlflow.MlflowClient()


def find_or_create_experiment(client: "MlflowClient", name: str, root: Path | None = None) -> str:
    """Return the identifier of the MLflow experiment of a suite.

    A deleted experiment is restored, because MLflow accepts neither runs in it nor another
    experiment of its name.
    """
    from mlflow import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        location = artifact_location(root)
        try:
            return str(client.create_experiment(name, location, tags=KIND_OF_EXPERIMENT))
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:  # otherwise another process has created it in between
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
        print(
            f"the MLflow experiment {name!r} had been deleted: it and its runs are restored;"
            " `mlflow gc` removes deleted experiments permanently",
            flush=True,
        )
    return str(found.experiment_id)


def find_run(client: "MlflowClient", suite: str, tag: str, value: str) -> "Run | None":
    """Return the run of a suite that carries a tag, if the server has it."""
    return next(find_runs(client, suite, f"tags.`{tag}` = '{value}'"), None)


def find_runs(client: "MlflowClient", suite: str, condition: str) -> "Iterator[Run]":
    """Yield the runs of a suite that match a filter of MLflow's search."""
    experiment = client.get_experiment_by_name(suite)
    if experiment and experiment.lifecycle_stage != "deleted":
        yield from search_runs(client, [experiment.experiment_id], condition)


def search_runs(client: "MlflowClient", experiments: list[str], condition: str) -> "Iterator[Run]":
    """Yield the runs of MLflow experiments that match a filter, page by page."""
    token: str | None = None
    while token != "":
        page = client.search_runs(experiments, condition, page_token=token)
        yield from page
        token = page.token or ""


def create_experiments(suites: Iterable[str], root: Path) -> None:
    """Create the store and its experiments, so that parallel runs find both.

    Runs of killed trainings are marked as ended.
    """
    from rnnbench.tracking.unfinished import end_killed

    try:
        client = connect(root)
        end_killed(client, root)
        for suite in suites:
            find_or_create_experiment(client, suite, root)
    except Exception as error:  # tracking stops nothing; each run reports its own failure
        print(f"warning: the tracking server does not answer: {_first_line(error)}", flush=True)


class Tracker:
    """One run of an experiment in MLflow.

    Parameters
    ----------
    record : mapping
        The content of `run.json`: identifiers, parameters, data, commit, environment.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.failed = False
        self._run: str | None = None

    @_forgiving
    def start(self) -> None:
        """Begin the run and the parent run, so that their durations are those of the work.

        Parameters are logged even if the runs exist: a killed process may have only created them.
        """
        for run_id in (self._parent_id(), self._run_id):
            self._log_parameters(run_id)

    @_forgiving
    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log an epoch's metrics while training goes on; epochs count from 1.

        Names are those of the columns of `history.csv`.
        """
        self._client.log_batch(self._run_id, metrics_of_epoch(epoch, metrics))

    @_forgiving
    def log_training(self, folder: Path) -> None:
        """Log the results of training: metrics that are not logged yet, data set and model.

        Parameters
        ----------
        folder : Path
            The folder of the run, with its history, timing, system metrics and model.
        """
        import mlflow

        from rnnbench.tracking.models import log_model

        run = self._client.get_run(self._run_id)
        if run.data.tags.get(TRAINED_TAG):
            return
        with mlflow.start_run(run_id=self._run_id, log_system_metrics=False):
            if not (run.inputs and run.inputs.dataset_inputs):
                self._log_dataset()
            if "diverged" not in self.record:
                model = model_of(self._client, run) or log_model(folder, self.record)
                self._describe_model(model)
        # After the model, because MLflow would show all metrics logged before on its page.
        self._log_missing(run, metrics_of_training(folder, self.record["started_at"]))
        self._log_facts(read_json(folder / TIMING_FILE))
        self._client.log_artifact(self._run_id, str(folder / RECORD_FILE))
        self._client.set_tag(self._run_id, TRAINED_TAG, "true")

    @_forgiving
    def log_evaluation(
        self, metrics: Mapping[str, float], figures: list[Path], data_route: str
    ) -> None:
        """Log a run's test metrics and figures, and the route of its data.

        The metrics are logged last, so that a run that has them is complete.
        """
        self._client.set_tag(self._run_id, "data_route", data_route)
        for figure in figures:
            self._client.log_artifact(self._run_id, str(figure), "figures")
        self._log_test_metrics(self._run_id, metrics)

    @_forgiving
    def log_experiment_metrics(
        self, metrics: Mapping[str, float], end_time: int | None = None
    ) -> None:
        """Log the means over seeds to the parent run, and mark it as finished."""
        parent = self._parent_id()
        self._log_test_metrics(parent, metrics)
        self._client.set_terminated(parent, "FINISHED", end_time)

    @_forgiving
    def finish_experiment(self, end_time: int | None = None) -> None:
        """Mark the parent run as finished."""
        self._client.set_terminated(self._parent_id(), "FINISHED", end_time)

    @_forgiving
    def log_times(self, times: Record) -> None:
        """Log the times of the experiment's steps, from `times.json`, to the parent run."""
        parent = self._client.get_run(self._parent_id())
        logged = parent.data.metrics
        changed = [one for one in metrics_of_times(times) if logged.get(one.key) != one.value]
        self._client.log_batch(parent.info.run_id, changed)

    @_forgiving
    def finish(self, status: str = "FINISHED", end_time: int | None = None) -> None:
        """Mark the run as FINISHED, FAILED or KILLED, and the parent too unless it is FINISHED.

        `end_time` is in milliseconds since 1970, by default now. A diverged run leaves its parent.
        """
        self._client.set_terminated(self._run_id, status, end_time)
        if status != "FINISHED" and "diverged" not in self.record:
            self._client.set_terminated(self._parent_id(), status)

    @contextmanager
    def running(self) -> Iterator["Tracker"]:
        """Begin the run, and mark it with the right status at the end of the block."""
        self.start()
        try:
            yield self
        except KeyboardInterrupt:
            self.finish("KILLED")
            raise
        except Exception:
            self.finish("FAILED")
            raise
        self.finish("FAILED" if "diverged" in self.record else "FINISHED")

    @cached_property
    def _client(self) -> "MlflowClient":
        return connect()

    @property
    def _run_id(self) -> str:
        if self._run is None:
            found = self._find(RUN_TAG, self.record["run_id"])
            self._run = str(found.info.run_id) if found else self._create()
            if found and found.data.tags.get(PARENT_TAG) != (parent := self._parent_id()):
                self._client.set_tag(self._run, PARENT_TAG, parent)  # its parent was deleted
        return self._run

    def _find(self, tag: str, value: str) -> "Run | None":
        _ = self._mlflow_experiment  # restores the experiment if it was deleted with its runs
        return find_run(self._client, self.record["suite"], tag, value)

    def _parent_id(self) -> str:
        identifier = self.record["experiment_id"]
        found = self._find(EXPERIMENT_TAG, identifier)
        if found:
            return str(found.info.run_id)
        tags = {name: value for name, value in self._tags().items() if name != "seed"}
        run = self._client.create_run(
            self._mlflow_experiment,
            start_time=self._start_time(),
            tags={
                **tags,
                EXPERIMENT_TAG: identifier,
                DESCRIPTION_TAG: describe_experiment(self.record),
            },
            run_name=self.record["experiment"],
        )
        return str(run.info.run_id)

    def _create(self) -> str:
        parent = self._parent_id()
        run = self._client.create_run(
            self._mlflow_experiment,
            start_time=self._start_time(),
            tags={
                **self._tags(),
                RUN_TAG: self.record["run_id"],
                PARENT_TAG: parent,
                DESCRIPTION_TAG: describe_run(self.record, self._page(parent)),
            },
            run_name=f"{self.record['experiment']} seed {self.record['seed']}",
        )
        return str(run.info.run_id)

    def _start_time(self) -> int:
        """Return when training began, which may be long before the run is logged."""
        return milliseconds(self.record["started_at"])

    def _tags(self) -> dict[str, str]:
        tags = {name: str(self.record[name]) for name in TAGS_OF_RECORD if name in self.record}
        with suppress(KeyError, OSError):  # in some containers the user has no name
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

    @cached_property
    def _mlflow_experiment(self) -> str:
        return find_or_create_experiment(self._client, self.record["suite"])

    def _page(self, run_id: str) -> str:
        """Return the address, within the UI, of a run of the same suite."""
        return f"#/experiments/{self._mlflow_experiment}/runs/{run_id}"

    def _log_facts(self, timing: Record) -> None:
        """Log texts on the timing and the kernels as tags, and the number of parameters."""
        from mlflow.entities import Param, RunTag

        facts = flatten(timing, "timing", separator=".")
        tags = {name: value for name, value in facts.items() if isinstance(value, str)}
        tags["timing.warnings"] = "; ".join(timing["timing_warnings"])
        for layer, found in self.record["kernels"].items():
            # The kernel and, if it is a slower one, the reason.
            tags |= {f"{name}.{layer}": value for name, value in found.items()}
        if "diverged" in self.record:
            tags["diverged"] = self.record["diverged"]
        total = sum(self.record["layer_parameters"].values())
        self._client.log_batch(
            self._run_id,
            params=[Param("model.parameters", str(total))],
            tags=[RunTag(name, value) for name, value in tags.items()],
        )

    def _describe_model(self, model_id: str) -> None:
        tags = {DESCRIPTION_TAG: describe_run(self.record, self._page(self._run_id))}
        if address := repository_url():
            tags[REPOSITORY_TAG] = address  # MLflow's own value may end with a token
        self._client.set_logged_model_tags(model_id, tags)

    def _log_test_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        """Log metrics to a run and to its model, which a parent run does not have."""
        run = self._client.get_run(run_id)
        model = model_of(self._client, run)
        self._log_missing(run, metrics_of_evaluation(metrics, model))

    def _log_missing(self, run: "Run", metrics: "list[Metric]") -> None:
        """Log the metrics that a run does not have yet, so that none is logged twice."""
        logged = {
            (one.key, one.step, one.value)
            for name in {metric.key for metric in metrics} & set(run.data.metrics)
            for one in self._client.get_metric_history(run.info.run_id, name)
        }
        missing = [one for one in metrics if (one.key, one.step, one.value) not in logged]
        for begin in range(0, len(missing), MOST_METRICS_AT_ONCE):
            part = missing[begin : begin + MOST_METRICS_AT_ONCE]
            self._client.log_batch(run.info.run_id, part)

    def _log_dataset(self) -> None:
        import mlflow
        from mlflow.data.code_dataset_source import CodeDatasetSource
        from mlflow.data.meta_dataset import MetaDataset

        name = self.record["dataset"]
        source = CodeDatasetSource(tags={"dataset": name, "citation": DATASETS[name].citation})
        dataset = MetaDataset(  # type: ignore[abstract]
            source, name=self.record["view"], digest=self.record["data_digest"]
        )
        try:
            mlflow.log_input(dataset, context="training")
        except mlflow.MlflowException:
            # MLflow looks for a data set, then inserts it; a parallel run inserted it in between.
            mlflow.log_input(dataset, context="training")


def model_of(client: "MlflowClient", run: "Run") -> str | None:
    """Return the identifier of a run's model, if one was logged completely.

    A model whose logging was killed lacks files; it is marked as failed.
    """
    from mlflow.entities import LoggedModelStatus

    for output in run.outputs.model_outputs if run.outputs else []:
        model = client.get_logged_model(output.model_id)
        if model.status == LoggedModelStatus.READY:
            return str(model.model_id)
        client.finalize_logged_model(model.model_id, LoggedModelStatus.FAILED)
    return None
