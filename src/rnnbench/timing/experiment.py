"""Timing an experiment's training steps, with stock Keras and the compiled loops in turn."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnbench.files import write_json
from rnnbench.layout import FIT_FOLDER, PREPARED_FOLDER, RESULTS_FOLDER, RUNS_FOLDER, TIMES_FILE
from rnnbench.runs import read_first_record
from rnnbench.timing.losses import require_same_losses
from rnnbench.timing.quartiles import quartiles, ratio_quartiles
from rnnbench.timing.subject import COMPILED, STOCK, WAYS
from rnnbench.timing.worker import Worker, in_turn, workers
from rnnbench.tracking.runs import Tracker

ROUNDS = 5
MILLISECONDS_OF_A_ROUND = 500
# Rounds are short, so that a disturbance of the machine affects both ways.
FEWEST_BATCHES, MOST_BATCHES = 3, 200


def time_experiment(
    experiment: str,
    view: str,
    prepared: Path = PREPARED_FOLDER,
    runs: Path = RUNS_FOLDER,
    results: Path = RESULTS_FOLDER,
) -> None:
    """Time the training steps of an experiment in both ways and write `times.json`.

    Each way trains the experiment's model on the first examples of its view, in its own process;
    rounds of the two ways alternate. Nothing else should run on the machine.

    Parameters
    ----------
    experiment : str
        Suite and name, `SUITE/EXPERIMENT`: a folder of runs, whose records describe the model and
        the training.
    view : str
        The view that the experiment was trained on.
    prepared, runs, results : Path
        The folders of views, of runs and of results.

    Raises
    ------
    RnnbenchError
        If there are no runs, if a training process ends early, or if the first losses of the two
        ways differ.
    """
    record = read_first_record(runs / experiment)
    begin = {"runs": str(runs / experiment), "view": str(prepared / view / FIT_FOLDER)}
    training = record["parameters"]["training"]
    with workers(start_worker, WAYS) as running:
        # One after the other, because compiling uses all cores.
        first = {worker.way: worker.ask(begin) for worker in running}
        losses = {way: answer["early_loss"] for way, answer in first.items()}
        require_same_losses(losses, training["precision"])
        batches = batches_of_round(max(answer["step_milliseconds"] for answer in first.values()))
        milliseconds: dict[str, list[float]] = {way: [] for way in WAYS}
        for worker in in_turn(running, ROUNDS):
            answer = worker.ask({"batches": batches})
            milliseconds[worker.way].append(answer["step_milliseconds"])
        reports = {worker.way: worker.ask({}) for worker in running}
    times = {
        **{way: _times(milliseconds[way], first[way], reports[way]) for way in WAYS},
        "ratio": ratio_quartiles(milliseconds[STOCK], milliseconds[COMPILED]),
        "rounds": ROUNDS,
        "batches": batches,
        "batch_size": training["batch_size"],
        "multiply_adds": first[STOCK]["multiply_adds"],
        "timing_warnings": [
            f"{way}: {reason}" for way in WAYS for reason in reports[way]["timing_warnings"]
        ],
        "environment": first[STOCK]["environment"],
    }
    write_json(results / experiment / TIMES_FILE, times)
    _show(experiment, times)
    Tracker(record).log_times(times)


def start_worker(way: str) -> Worker:
    """Start the process that trains an experiment in one way."""
    return Worker(way, ("-m", "rnnbench.timing.steps"))


def batches_of_round(step_milliseconds: float) -> int:
    """Return the number of batches per round: about half a second in the slower way."""
    batches = math.ceil(MILLISECONDS_OF_A_ROUND / step_milliseconds)
    return min(max(batches, FEWEST_BATCHES), MOST_BATCHES)


def _times(
    milliseconds: list[float], first: Mapping[str, Any], report: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "step_milliseconds": quartiles(milliseconds),
        "compile_seconds": first["compile_seconds"],
        **report["needed"],
    }


def _show(experiment: str, times: Mapping[str, Any]) -> None:
    shown = ", ".join(f"{way} {times[way]['step_milliseconds']['median']:.1f} ms" for way in WAYS)
    ratio = times["ratio"]["median"]
    print(f"{experiment}: {shown} per step, {ratio:.2f} times as fast", flush=True)
    for reason in times["timing_warnings"]:
        print(f"  {reason}", flush=True)
