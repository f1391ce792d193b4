"""The files of an experiment with 0 seeds, which is switched off.

The stages write them without importing Keras, so that a suite that is switched off costs little.
"""

import shutil

import pandas as pd

from rnnbench.files import atomic_folder, write_json, write_table
from rnnbench.layout import (
    CONFUSION_FILE,
    EVALUATION_FOLDER,
    HISTORY_FILE,
    METRICS_FILE,
    RESULTS_FOLDER,
    RUNS_FOLDER,
    TIMES_FILE,
)
from rnnbench.tasks.task import sum_pairs

HISTORY_COLUMNS = ("seed", "epoch", "loss")


def is_switched_off(experiment: str) -> bool:
    """Whether training `SUITE/EXPERIMENT` wrote no runs, because it has 0 seeds."""
    folder = RUNS_FOLDER / experiment
    return folder.is_dir() and not any(folder.iterdir())


def write_no_runs(experiment: str) -> None:
    """Write an empty folder of runs and a table of learning curves without rows."""
    shutil.rmtree(RUNS_FOLDER / experiment, ignore_errors=True)
    (RUNS_FOLDER / experiment).mkdir(parents=True)
    history = pd.DataFrame(columns=list(HISTORY_COLUMNS))
    write_table(RESULTS_FOLDER / experiment / HISTORY_FILE, history)


def write_no_times(experiment: str) -> None:
    """Write a file without times."""
    write_json(RESULTS_FOLDER / experiment / TIMES_FILE, {})


def write_no_scores(experiment: str) -> None:
    """Write an empty folder of scores, and files without metrics and without confusions."""
    folder = RESULTS_FOLDER / experiment
    with atomic_folder(folder / EVALUATION_FOLDER):
        pass
    write_table(folder / CONFUSION_FILE, sum_pairs([]))
    write_json(folder / METRICS_FILE, {})
