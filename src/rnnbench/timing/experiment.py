"""Timing an experiment's training steps: stock Keras and the compiled loops in turn."""

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
# Short enough that what disturbs one way soon disturbs the other.
FEWEST_BATCHES, MOST_BATCHES = 3, 200


def time_experiment(
    experiment: str,
    view: str,
    prepared: Path = PREPARED_FOLDER,
    runs: Path = RUNS_FOLDER,
    results: Path = RESULTS_FOLDER,
) -> None:
    """Time the training steps of an experiment in both ways and write `times.json`.

    Each way trains the experiment's model on the first examples of its view, in a process of its
    own; a round of one follows a round of the other. Nothing else should run on the machine.

    Parameters
    ----------
    experiment : str
        Its suite and its name, `SUITE/EXPERIMENT`: a folder of runs, whose records say what was
        trained.
    view : str
        The view that it was trained on.
    prepared, runs, results : Path
        Where views and runs are, and where results go.

    Raises
    ------
    RnnbenchError
        If there are no runs, if a process that trains ends early, or if the two ways do not compute
        the same.
    """
    record = read_first_record(runs / experiment)
    begin = {"runs": str(runs / experiment), "view": str(prepared / view / FIT_FOLDER)}
    training = record["parameters"]["training"]
    with workers(start_worker, WAYS) as running:
        # One after the other: compiling uses all cores.
        begun = {worker.way: worker.ask(begin) for worker in running}
        losses = {way: answer["early_loss"] for way, answer in begun.items()}
        require_same_losses(losses, training["precision"])
        batches = batches_of_round(max(one["step_milliseconds"] for one in begun.values()))
        milliseconds: dict[str, list[float]] = {way: [] for way in WAYS}
        for worker in in_turn(running, ROUNDS):
            answer = worker.ask({"batches": batches})
            milliseconds[worker.way].append(answer["step_milliseconds"])
        reports = {worker.way: worker.ask({}) for worker in running}
    times = {
        **{way: _times(milliseconds[way], begun[way], reports[way]) for way in WAYS},
        "ratio": ratio_quartiles(milliseconds[STOCK], milliseconds[COMPILED]),
        "rounds": ROUNDS,
        "batches": batches,
        "batch_size": training["batch_size"],
        "multiply_adds": begun[STOCK]["multiply_adds"],
        "timing_warnings": [
            f"{way}: {reason}" for way in WAYS for reason in reports[way]["timing_warnings"]
        ],
        "environment": begun[STOCK]["environment"],
    }
    write_json(results / experiment / TIMES_FILE, times)
    _show(experiment, times)
    Tracker(record).log_times(times)


def start_worker(way: str) -> Worker:
    """Start the process that trains an experiment in one way."""
    return Worker(way, ("-m", "rnnbench.timing.steps"))


def batches_of_round(step_milliseconds: float) -> int:
    """Return how many batches make a round of about half a second in the slower way."""
    batches = math.ceil(MILLISECONDS_OF_A_ROUND / step_milliseconds)
    return min(max(batches, FEWEST_BATCHES), MOST_BATCHES)


def _times(
    milliseconds: list[float], begun: Mapping[str, Any], report: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "step_milliseconds": quartiles(milliseconds),
        "compile_seconds": begun["compile_seconds"],
        **report["needed"],
    }


def _show(experiment: str, times: Mapping[str, Any]) -> None:
    shown = ", ".join(f"{way} {times[way]['step_milliseconds']['median']:.1f} ms" for way in WAYS)
    print(f"{experiment}: {shown} a step, {times['ratio']['median']:.2f} times as fast", flush=True)
    for reason in times["timing_warnings"]:
        print(f"  {reason}", flush=True)
