"""Scoring the baselines of a view on its test split."""

from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from rnnbench.baselines.baseline import BASELINES, Baseline
from rnnbench.data.prepared import Split, TrainingData, read_split, read_training_data
from rnnbench.files import atomic_folder, write_json
from rnnbench.layout import (
    BASELINES_FOLDER,
    FIT_FOLDER,
    PREDICTIONS_FILE,
    PREPARED_FOLDER,
    SCORES_FILE,
    TEST_FOLDER,
)
from rnnbench.tasks.task import SCORE_ARRAY, TASKS, Evaluation, TrainedModel

EXAMPLES_AT_A_TIME = 32  # frames take much memory
LOSS = "loss"


def score_baselines(
    view: str, prepared: Path = PREPARED_FOLDER, results: Path = BASELINES_FOLDER
) -> dict[str, Any]:
    """Fit every baseline that applies to a view, and score it as the view's task scores models.

    Parameters
    ----------
    view : str
        A view of `params.yaml`.
    prepared, results : Path
        Folders of the views and of the results.

    Returns
    -------
    dict
        `title`, `metrics` and `fit_processor_seconds` by the name of the baseline; empty if none
        applies. They are also in `scores.json` of the view's folder of results, whose
        `predictions.npz` has the task's score of each test example by baseline, except for bounds.

    Raises
    ------
    RnnbenchError
        If files of the view are missing.
    """
    data = read_training_data(prepared / view / FIT_FOLDER)
    test = read_split(prepared / view / TEST_FOLDER, "test")
    scores, predictions = {}, {}
    for name, baseline in BASELINES.items():
        if not baseline.applies_to(data.manifest):
            continue
        evaluation, seconds = _evaluate(baseline, data, test)
        metrics = evaluation.metrics
        if baseline.is_bound:
            metrics = {LOSS: metrics[LOSS]}
        elif SCORE_ARRAY in evaluation.predictions:
            predictions[name] = evaluation.predictions[SCORE_ARRAY]
        scores[name] = {
            "title": baseline.title,
            "metrics": metrics,
            "fit_processor_seconds": seconds,
        }
        shown = "  ".join(f"{key} {value:.4f}" for key, value in metrics.items())
        print(f"{view}: {baseline.title}, test {shown}", flush=True)
    with atomic_folder(results / view) as folder:
        write_json(folder / SCORES_FILE, {"view": view, "baselines": scores})
        np.savez_compressed(folder / PREDICTIONS_FILE, allow_pickle=False, **predictions)
    return scores


def _evaluate(baseline: Baseline, data: TrainingData, test: Split) -> tuple[Evaluation, float]:
    """Return the evaluation on the test split, and the processor time of fitting, in seconds."""
    start = process_time()
    predict = baseline.fit(data)
    seconds = process_time() - start
    model = TrainedModel(predict, data.manifest, from_logits=False, batch_size=EXAMPLES_AT_A_TIME)
    examples = Split(test.targets, test.targets) if baseline.is_bound else test
    return TASKS[data.manifest.task].evaluate(model, examples), seconds
