"""An experiment: one run for each seed, and the files that say everything about them."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from rnnbench.data.prepared import TrainingData, read_training_data
from rnnbench.files import atomic_file, atomic_folder, text_digest, write_json
from rnnbench.layout import (
    FIT_FOLDER,
    HISTORY_FILE,
    INPUT_EXAMPLE_FILE,
    MODEL_FILE,
    PREPARED_FOLDER,
    RECORD_FILE,
    RESULTS_FOLDER,
    RUNS_FOLDER,
    SYSTEM_METRICS_FILE,
    TIMING_FILE,
    VOCABULARY_FILE,
    seed_folder,
)
from rnnbench.models.saved import save_model
from rnnbench.params import Params
from rnnbench.tracking.identity import dvc_stage, made_from, new_identifier
from rnnbench.tracking.runs import Tracker
from rnnbench.training.devices import environment
from rnnbench.training.loop import Trained, train_run


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
    data = read_training_data(prepared / experiment.view / FIT_FOLDER)
    common = _common_record(name, params, data)
    histories: list[dict[str, float]] = []
    timings: dict[str, Any] = {}
    model = None  # all seeds share what is traced and compiled for the first
    with atomic_folder(runs / experiment.suite / name) as folder:
        for seed in experiment.seeds:
            print(f"{name}: seed {seed}, {len(data.train):,} training examples", flush=True)
            record = {**common, "seed": seed, "run_id": new_identifier()}
            record["started_at"] = datetime.now(UTC).isoformat(timespec="seconds")
            trained = _run(record, params, data, folder / seed_folder(seed), model)
            model = trained.model
            histories += [{"seed": seed, **metrics} for metrics in trained.history]
            timings[seed_folder(seed)] = trained.timing
    _write_table(results / experiment.suite / name / HISTORY_FILE, histories)
    write_json(results / experiment.suite / name / TIMING_FILE, timings)


def _run(
    record: dict[str, Any],
    params: Params,
    data: TrainingData,
    folder: Path,
    earlier: keras.Model | None,
) -> Trained:
    """Train with one seed; the files are whole before MLflow is told of them."""
    experiment = params.experiments[record["experiment"]]
    tracker = Tracker(record)
    with tracker.running():
        trained = train_run(
            experiment,
            params.views[experiment.view],
            data,
            record["seed"],
            tracker,
            deterministic=params.deterministic,
            compiled_loops=params.compiled_loops,
            earlier=earlier,
        )
        record["layer_parameters"] = trained.layer_parameters
        record["kernels"] = trained.kernels
        _save_run(folder, record, trained, data.words)
        tracker.log_training(folder)
    return trained


def _common_record(name: str, params: Params, data: TrainingData) -> dict[str, Any]:
    """Return what identifies every run of an experiment, whatever its seed."""
    manifest = data.manifest
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
        "data_digest": text_digest(hashes),
        "citation": manifest["citation"],
        "class_names": data.class_names,
        "stage": dvc_stage(f"train@{name}"),
        **made_from(),
        "parameters": {
            "view": params.views[experiment.view].model_dump(),
            "model": {
                layer: options.model_dump(exclude_none=True)
                for layer, options in experiment.model.items()
            },
            "training": experiment.training.model_dump(),
            "deterministic": params.deterministic,
            "compiled_loops": params.compiled_loops,
        },
        "environment": environment(),
    }


def _save_run(
    folder: Path, record: dict[str, Any], trained: Trained, words: list[str] | None
) -> None:
    """Write all that is needed to say what the run was, and to predict with its model."""
    folder.mkdir()
    begun = time.perf_counter()
    save_model(trained.model, folder / MODEL_FILE)
    trained.timing["saving_seconds"] = time.perf_counter() - begun
    write_json(folder / RECORD_FILE, record)
    _write_table(folder / HISTORY_FILE, trained.history)
    _write_table(folder / SYSTEM_METRICS_FILE, trained.system_metrics)
    write_json(folder / TIMING_FILE, trained.timing)
    np.save(folder / INPUT_EXAMPLE_FILE, trained.input_example, allow_pickle=False)
    if words is not None:
        write_json(folder / VOCABULARY_FILE, words)


def _write_table(path: Path, rows: list[dict[str, float]]) -> None:
    with atomic_file(path) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False)
