"""An experiment: one run for each seed, and the files that say everything about them."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from rnnbench.data.prepared import (
    Split,
    has_split,
    read_manifest,
    read_split,
)
from rnnbench.files import atomic_file, atomic_folder, write_json
from rnnbench.layout import (
    FIT_FOLDER,
    HISTORY_FILE,
    MODEL_FILE,
    PREPARED_FOLDER,
    RECORD_FILE,
    RESULTS_FOLDER,
    RUNS_FOLDER,
    TIMING_FILE,
    seed_folder,
)
from rnnbench.params import Params
from rnnbench.tracking.identity import dvc_stage, git_state, new_identifier
from rnnbench.tracking.runs import Tracker
from rnnbench.training.devices import environment
from rnnbench.training.loop import Trained, save_model, train_run


def train_experiment(
    name: str,
    params: Params,
    prepared: Path = PREPARED_FOLDER,
    runs: Path = RUNS_FOLDER,
    results: Path = RESULTS_FOLDER,
) -> None:
    """Train an experiment once for each seed and write what came out.

    Parameters
    ----------
    name : str
        An experiment of `params.yaml`.
    params : Params
        The parameters.
    prepared, runs, results : Path
        Where views are, and where models and records, and small results go.

    Raises
    ------
    RnnbenchError
        If the view is missing or the model does not fit it.
    """
    experiment = params.experiments[name]
    fit = prepared / experiment.view / FIT_FOLDER
    manifest = read_manifest(fit)
    train = read_split(fit, "train")
    validation = read_split(fit, "validation") if has_split(fit, "validation") else None
    common = _common_record(name, params, manifest)
    histories: list[dict[str, float]] = []
    timings: dict[str, Any] = {}
    with atomic_folder(runs / experiment.suite / name) as folder:
        for seed in params.seeds:
            print(f"{name}: seed {seed}, {len(train):,} training examples", flush=True)
            record = {**common, "seed": seed, "run_id": new_identifier()}
            record["started_at"] = datetime.now(UTC).isoformat(timespec="seconds")
            trained = _run(record, params, train, validation, manifest, folder / seed_folder(seed))
            histories += [{"seed": seed, **metrics} for metrics in trained.history]
            timings[seed_folder(seed)] = trained.timing
    write_history(results / experiment.suite / name / HISTORY_FILE, histories)
    write_json(results / experiment.suite / name / TIMING_FILE, timings)


def _run(
    record: dict[str, Any],
    params: Params,
    train: Split,
    validation: Split | None,
    manifest: dict[str, Any],
    folder: Path,
) -> Trained:
    """Train with one seed; the files are whole before MLflow is told of them."""
    experiment = params.experiments[record["experiment"]]
    tracker = Tracker(record)
    with tracker.running():
        trained = train_run(
            experiment,
            params.views[experiment.view],
            train,
            validation,
            len(manifest["class_names"]),
            record["seed"],
            params.deterministic,
            tracker,
        )
        record["layer_parameters"] = trained.layer_parameters
        _save_run(folder, record, trained)
        tracker.log_training(trained.history, trained.timing, trained.model, trained.input_example)
    return trained


def _common_record(name: str, params: Params, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return what identifies every run of an experiment, whatever its seed."""
    experiment = params.experiments[name]
    hashes = "".join(
        split[role]["sha256"]
        for split in manifest["splits"].values()
        for role in ("inputs", "targets")
    )
    return {
        "experiment_id": new_identifier(),
        "experiment": name,
        "suite": experiment.suite,
        "view": experiment.view,
        "dataset": manifest["dataset"],
        "data_route": manifest["route"],
        "data_digest": hashlib.sha256(hashes.encode()).hexdigest()[:32],
        "citation": manifest["citation"],
        "stage": dvc_stage(f"train@{name}"),
        **git_state(),
        "parameters": {
            "view": params.views[experiment.view].model_dump(),
            "model": {
                layer: options.model_dump(exclude_none=True)
                for layer, options in experiment.model.items()
            },
            "training": experiment.training.model_dump(),
            "deterministic": params.deterministic,
        },
        "environment": environment(),
    }


def _save_run(folder: Path, record: dict[str, Any], trained: Trained) -> None:
    folder.mkdir()
    save_model(trained.model, folder / MODEL_FILE)
    write_json(folder / RECORD_FILE, record)
    write_history(folder / HISTORY_FILE, trained.history)
    write_json(folder / TIMING_FILE, trained.timing)


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    """Write epochs as CSV; its columns are named for plots: `loss`, `validation_loss`, …."""
    table = pd.DataFrame(history)
    table = table.rename(columns=lambda name: name.replace("train/", "").replace("/", "_"))
    with atomic_file(path) as temporary:
        table.to_csv(temporary, index=False)
