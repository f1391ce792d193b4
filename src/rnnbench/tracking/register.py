"""Registering an experiment's best model in MLflow's registry, with a model card."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow import MlflowClient

from rnnbench.data.dataset import DATASETS
from rnnbench.data.prepared import read_manifest
from rnnbench.errors import RnnbenchError
from rnnbench.history import kept_epochs
from rnnbench.layout import HISTORY_FILE
from rnnbench.tracking.runs import RUN_TAG, connect, find_run, model_of
from rnnbench.tracking.store import tracking_uri
from rnnbench.tracking.sync import RecordedRun, recorded_runs

SELECTED_BY = "validation_loss"
# The rules of MLflow's registry.
LONGEST_ALIAS = 255
ALIAS = re.compile(rf"[\w-]{{1,{LONGEST_ALIAS}}}")
VERSION_ALIAS = re.compile(r"[vV]\d+")
RESERVED_ALIAS = "latest"
# The limits of every model, for its card.
LIMITS = (
    "It was trained by a fixed recipe to compare layers, not tuned to be the best model for its"
    " task. Scores are those of the test split above; on other data expect less."
)


@dataclass(frozen=True)
class Registered:
    """A version in the registry.

    Attributes
    ----------
    name : str
        The registered model: the experiment's name.
    version : str
        Its version.
    seed : int
        The seed of its run.
    """

    name: str
    version: str
    seed: int


def register(experiment: str, root: Path, alias: str) -> Registered:
    """Register the model of an experiment's best run and give it an alias.

    The best run is the one with the lowest validation loss in the epoch that its model keeps;
    without a validation split it is the run of the first seed. Test scores select nothing. A model
    that is registered already gets the alias but no new version.

    Parameters
    ----------
    experiment : str
        The name of the experiment.
    root : Path
        The repository with its files.
    alias : str
        The alias of the version.

    Raises
    ------
    RnnbenchError
        If MLflow does not accept the alias, the experiment has no run here or was not evaluated, or
        the server lacks the run, refuses or does not answer. No version is made then.
    """
    _require_alias(alias)
    runs = [
        run
        for run in recorded_runs(root)
        if run.record["experiment"] == experiment and "diverged" not in run.record
    ]
    if not runs:
        raise RnnbenchError(
            f"there is no run of {experiment!r} here: `dvc repro evaluate@{experiment}` makes one,"
            f" `dvc pull train@{experiment}` downloads it from a remote"
        )
    best = min(runs, key=lambda run: (_validation_loss(run), run.record["seed"]))
    scores = best.scores
    if not scores:
        raise RnnbenchError(
            f"{best.name} has no test metrics and is not registered: `dvc repro"
            f" evaluate@{experiment}` makes them"
        )
    with _answering(root):
        version = _register(connect(root), best, scores, alias)
    return Registered(experiment, version, best.record["seed"])


def model_card(run: RecordedRun, scores: dict[str, Any]) -> str:
    """Return a model card in Markdown: data, scores, limits, licence and origin of a run's model.

    Parameters
    ----------
    run : RecordedRun
        The run of the model.
    scores : dict
        Its experiment's `scores.json`.
    """
    record, data = run.record, scores["data"]
    examples = ", ".join(f"{count:,} {split}" for split, count in data["examples"].items())
    rows = "\n".join(f"| {name} | {value:.4f} |" for name, value in run.metrics.items())
    names = read_manifest(run.folder).class_names
    classes = ", ".join(names[:10]) or "numbers, not classes"
    commit = record.get("git_commit", "no repository")
    return "\n".join(
        [
            f"# {run.name}",
            "",
            f"Answers: {classes}.",
            "",
            f"**Data.** {data['dataset']}, view `{data['view']}`: {examples} examples."
            f" {data['citation']}. Licence of the data: {data['licence']}.",
            "",
            "**On the test split.**",
            "",
            "| metric | value |",
            "|---|---:|",
            rows,
            "",
            f"**Limits.** {LIMITS} {DATASETS[data['dataset']].limits}",
            "",
            f"**Origin.** Stage `{record['stage']}` of commit {commit}, seed {record['seed']},"
            f" run {record['run_id']}.",
        ]
    )


def _require_alias(alias: str) -> None:
    """Refuse an alias that MLflow would refuse only after the version is made."""
    reserved = alias.lower() == RESERVED_ALIAS or VERSION_ALIAS.fullmatch(alias)
    if reserved or not ALIAS.fullmatch(alias):
        reason = "MLflow reserves it" if reserved else "MLflow does not accept it"
        raise RnnbenchError(
            f"the alias {alias!r} cannot be used: {reason}; accepted are up to {LONGEST_ALIAS}"
            " letters, digits, - and _, but not 'latest' nor a version such as 'v1'"
        )


@contextmanager
def _answering(root: Path) -> Iterator[None]:
    try:
        yield
    except RnnbenchError:
        raise
    except Exception as error:  # servers, databases and networks raise errors of many types
        raise RnnbenchError(
            f"the model registry of {tracking_uri(root)} does not answer, or refuses: {error};"
            " MLFLOW_TRACKING_URI names another one"
        ) from error


def _register(client: MlflowClient, run: RecordedRun, scores: dict[str, Any], alias: str) -> str:
    """Set the alias on the version of a run's model, which is made if missing; return it."""
    name = run.record["experiment"]
    identifier, run_id = _logged_model(client, run)
    _create_model(client, name)
    source = f"models:/{identifier}"
    found = client.search_model_versions(f"name = '{name}'")
    version = next((one for one in found if one.source == source), None)
    if version is None:
        card = model_card(run, scores)
        version = client.create_model_version(
            name, source, run_id, description=card, model_id=identifier
        )
    client.set_registered_model_alias(name, alias, version.version)
    return str(version.version)


def _validation_loss(run: RecordedRun) -> float:
    history = pd.read_csv(run.folder / HISTORY_FILE)
    return float(kept_epochs(history)[SELECTED_BY].iloc[0]) if SELECTED_BY in history else 0.0


def _logged_model(client: MlflowClient, run: RecordedRun) -> tuple[str, str]:
    """Return the identifiers of a run's model and of the run on the server."""
    logged = find_run(client, run.record["suite"], RUN_TAG, run.record["run_id"])
    model = model_of(client, logged) if logged else None
    if not logged or not model:
        raise RnnbenchError(
            f"the tracking server has no model of {run.name}: `rnnbench track sync` logs it there"
        )
    return model, logged.info.run_id


def _create_model(client: MlflowClient, name: str) -> None:
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
