"""Reproduce a repository's pipeline with several stages at a time."""

import os
import threading
from collections.abc import Collection
from pathlib import Path

from rnnbench.files import read_json, write_json
from rnnbench.params import Params
from rnnbench.repro.display import Display
from rnnbench.repro.dvc_process import lock_as_dvc_writes_it
from rnnbench.repro.environment import stage_environment
from rnnbench.repro.gpu import stages_that_fit
from rnnbench.repro.graph import read_changed, read_needs, with_what_follows, with_what_they_need
from rnnbench.repro.lane import Lane
from rnnbench.repro.schedule import Schedule
from rnnbench.repro.warm.server import warm_python
from rnnbench.tracking.runs import create_experiments
from rnnbench.training.gpu import nvml_if_any

# How long stages took on this machine; DVC's folder for what belongs to one checkout.
SECONDS_FILE = Path(".dvc/tmp/stage_seconds.json")
# Each takes one to two gigabytes of memory.
MOST_JOBS = 4


def default_jobs() -> int:
    """Return how many stages run side by side if nobody says: one a core, four at most."""
    return min(os.cpu_count() or 1, MOST_JOBS)


def reproduce(root: Path, params: Params, jobs: int, targets: Collection[str] = ()) -> bool:
    """Reproduce the stages that are out of date, `jobs` at a time.

    What it runs and what comes out is what `dvc repro` runs. A stage that fails stops only what
    depends on it; its experiment stands in the tables as not run.

    Parameters
    ----------
    root : Path
        The repository.
    params : Params
        Its parameters.
    jobs : int
        How many stages run side by side; on a GPU only as many as fit into its free memory.
    targets : collection of str
        Stages to reproduce with all that they need, or kinds of stages such as `train`; by
        default the whole pipeline.

    Returns
    -------
    bool
        Whether every stage succeeded.

    Raises
    ------
    RnnbenchError
        If a target does not exist or DVC cannot read the pipeline.
    """
    environment = stage_environment(root)
    needs = read_needs(root, environment)
    wanted = with_what_they_need(targets or list(needs), needs)
    stages = with_what_follows(read_changed(root, environment) & wanted, needs) & wanted
    if not stages:
        print("everything is up to date")
        return True
    create_experiments(params.suites, root)
    schedule = Schedule(stages, needs, _past_seconds(root), stages_that_fit(nvml_if_any()))
    try:
        with (
            lock_as_dvc_writes_it(root),
            warm_python(root) as warm,
            Display(schedule, jobs) as display,
        ):
            _run(schedule, root, {**environment, **warm}, jobs, display)
    finally:
        _keep_seconds(root, schedule)
    if schedule.skipped:
        print(f"not run, because of what failed: {', '.join(schedule.skipped)}")
    return not schedule.failed


def _run(
    schedule: Schedule, root: Path, environment: dict[str, str], jobs: int, display: Display
) -> None:
    """Work the schedule off; Ctrl-C ends it after the stages that run, which end on it too."""

    def work() -> None:
        with Lane(root, environment) as lane:
            while (stage := schedule.next()) is not None:
                display.begin(stage)
                succeeded, output = lane.run(stage)
                schedule.end(stage, succeeded)
                if not schedule.stopped:  # of what is interrupted there is nothing to say
                    display.end(stage, succeeded, output)

    workers = [threading.Thread(target=work) for _ in range(min(jobs, len(schedule.stages)))]
    for worker in workers:
        worker.start()
    try:
        for worker in workers:
            worker.join()
    except KeyboardInterrupt:
        schedule.stop()
        for worker in workers:
            worker.join()
        print("interrupted: what was finished is kept, the rest begins anew next time", flush=True)
        raise


def _past_seconds(root: Path) -> dict[str, float]:
    path = root / SECONDS_FILE
    return dict(read_json(path)) if path.exists() else {}


def _keep_seconds(root: Path, schedule: Schedule) -> None:
    succeeded = {
        stage: round(seconds, 1)
        for stage, seconds in schedule.seconds.items()
        if stage not in schedule.failed
    }
    write_json(root / SECONDS_FILE, {**_past_seconds(root), **succeeded})
