"""Training an experiment: one run per seed, and the files that describe it."""

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from rnnbench.data.prepared import Manifest, TrainingData, read_training_data
from rnnbench.files import atomic_folder, file_digest, text_digest, write_json, write_table
from rnnbench.layout import (
    FIT_FOLDER,
    HISTORY_FILE,
    INPUT_EXAMPLE_FILE,
    MANIFEST_FILE,
    MODEL_DIGEST,
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
from rnnbench.models.describe import describe_model
from rnnbench.models.saved import save_model
from rnnbench.params import Experiment, Params
from rnnbench.tracking.identity import dvc_stage, made_from, new_identifier
from rnnbench.tracking.runs import Tracker
from rnnbench.tracking.unfinished import noted
from rnnbench.training.devices import environment
from rnnbench.training.loop import Trained, train_run


def train_experiment(
    name: str,
    params: Params,
    prepared: Path = PREPARED_FOLDER,
    runs: Path = RUNS_FOLDER,
    results: Path = RESULTS_FOLDER,
) -> None:
    """Train an experiment once per seed and write runs and learning curves.

    A seed whose loss is not finite is recorded as diverged, and the other seeds are trained.

    Parameters
    ----------
    name : str
        An experiment of `params.yaml`.
    params : Params
        The parameters.
    prepared, runs, results : Path
        The folders of views, of runs and of learning curves. The folder of a seed appears when it
        is complete.

    Raises
    ------
    RnnbenchError
        If the view is missing or the model does not fit it.
    """
    experiment = params.experiments[name]
    view = prepared / experiment.view / FIT_FOLDER
    data = read_training_data(view)
    common = _common_record(experiment, params, data.manifest)
    folder = runs / experiment.suite / name
    shutil.rmtree(folder, ignore_errors=True)
    histories: list[dict[str, float]] = []
    model = None  # all seeds share the functions traced and compiled for the first seed
    with noted(common):
        for seed in experiment.seeds:
            print(f"{name}: seed {seed}, {len(data.train):,} training examples", flush=True)
            record = {**common, "seed": seed, "run_id": new_identifier()}
            record["started_at"] = datetime.now(UTC).isoformat(timespec="seconds")
            tracker = Tracker(record)
            with tracker.running():
                with atomic_folder(folder / seed_folder(seed)) as run:
                    shutil.copy(view / MANIFEST_FILE, run)
                    if data.words is not None:
                        shutil.copy(view / VOCABULARY_FILE, run)
                    trained = _run(tracker, record, experiment, data, run, model)
                # After the folder has its final name, which a logged model records.
                tracker.log_training(folder / seed_folder(seed))
            model = trained.model
            histories += [{"seed": seed, **metrics} for metrics in trained.history]
        tracker.finish_experiment()
    write_table(results / experiment.suite / name / HISTORY_FILE, pd.DataFrame(histories))


def _run(
    tracker: Tracker,
    record: dict[str, Any],
    experiment: Experiment,
    data: TrainingData,
    folder: Path,
    earlier: keras.Model | None,
) -> Trained:
    """Train with one seed and write the run's files into `folder`."""
    trained = train_run(
        experiment,
        data,
        record["seed"],
        tracker,
        deterministic=record["parameters"]["deterministic"],
        compiled_loops=record["parameters"]["compiled_loops"],
        earlier=earlier,
    )
    record["layer_parameters"] = trained.layer_parameters
    record["kernels"] = trained.kernels
    if trained.diverged:
        record["diverged"] = trained.diverged
        print(f"  seed {record['seed']} diverged: {trained.diverged}", flush=True)
    _save_run(folder, record, trained)
    return trained


def _common_record(experiment: Experiment, params: Params, manifest: Manifest) -> dict[str, Any]:
    """Return the part of the record that all runs of an experiment share."""
    hashes = "".join(
        split[role]["sha256"]
        for split in manifest.splits.values()
        for role in ("inputs", "targets")
    )
    return {
        "experiment_id": new_identifier(),
        "experiment": experiment.name,
        "suite": experiment.suite,
        "view": experiment.view,
        "dataset": manifest.dataset,
        "model": describe_model(experiment.layers, manifest, experiment.training.from_logits),
        "data_digest": text_digest(hashes),
        "stage": dvc_stage(f"train@{experiment.name}"),
        **made_from(),
        "parameters": {
            "view": manifest.parameters,
            "model": {
                layer: options.model_dump(exclude_none=True)
                for layer, options in experiment.layers.items()
            },
            "training": experiment.training.model_dump(exclude_none=True),
            "deterministic": params.deterministic,
            "compiled_loops": params.compiled_loops,
        },
        "environment": environment(),
    }


def _save_run(folder: Path, record: dict[str, Any], trained: Trained) -> None:
    """Write the files that describe the run, and its model."""
    if not trained.diverged:
        started = time.perf_counter()
        save_model(trained.model, folder / MODEL_FILE)
        record[MODEL_DIGEST] = file_digest(folder / MODEL_FILE)
        trained.timing["saving_seconds"] = time.perf_counter() - started
    write_json(folder / RECORD_FILE, record)
    write_table(folder / HISTORY_FILE, pd.DataFrame(trained.history))
    write_table(folder / SYSTEM_METRICS_FILE, pd.DataFrame(trained.system_metrics))
    write_json(folder / TIMING_FILE, trained.timing)
    np.save(folder / INPUT_EXAMPLE_FILE, trained.input_example, allow_pickle=False)
