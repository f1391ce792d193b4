"""Reproduce a repository's pipeline with several stages at a time."""

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from rnnbench.files import read_json, write_json
from rnnbench.repro.cluster.place import Cluster, on_cluster
from rnnbench.repro.display import Display
from rnnbench.repro.gpu import stages_that_fit
from rnnbench.repro.local import LocalWorkers
from rnnbench.repro.pipeline import Pipeline, kind, read_pipeline
from rnnbench.repro.preforked.server import preforked_python
from rnnbench.repro.schedule import Schedule
from rnnbench.tracking.runs import create_experiments
from rnnbench.training.gpu import nvml_if_any

# How long stages took, in DVC's folder for files that belong to one checkout.
SECONDS_FILE = Path(".dvc/tmp/stage_seconds.json")
CLUSTER_SECONDS_FILE = Path(".dvc/tmp/cluster_seconds.json")
# Each job takes one to two gigabytes of memory.
MOST_JOBS = 4


class Workers(Protocol):
    """A class that runs stages."""

    def run(self, stage: str) -> tuple[bool, str]:
        """Run a stage; return whether it succeeded, and its output."""

    def interrupt(self) -> None:
        """Interrupt the running stages, and start no more."""


def default_jobs() -> int:
    """Return how many stages run at a time by default: one per core, at most four.

    Only cores that this process may use count, by its affinity and a container's quota.
    """
    import joblib  # type: ignore[import-untyped]

    return min(int(joblib.cpu_count()), MOST_JOBS)


def reproduce(
    root: Path,
    jobs: int,
    targets: Collection[str] = (),
    suites: Collection[str] = (),
    leave_out: Collection[str] = (),
    cluster: Cluster | None = None,
    seconds_elsewhere: Mapping[str, float] | None = None,
) -> bool:
    """Reproduce the stages that are out of date, `jobs` at a time.

    It runs the same stages as `dvc repro`, with the same results. A failed stage stops only the
    stages that depend on it; its experiment is listed in the tables as not run.

    Parameters
    ----------
    root : Path
        The repository.
    jobs : int
        How many stages run at a time; on a GPU only as many as fit into its free memory.
    targets : collection of str, default ()
        Stages to reproduce with all that they need, or kinds of stages such as `train`; by
        default the whole pipeline.
    suites : collection of str, default ()
        Names of MLflow experiments to create first, so that parallel runs find them.
    leave_out : collection of str, default ()
        Kinds of stages that do not run; the stages that depend on them run without them.
    cluster : Cluster, optional
        The cluster for the experiments; by default they run on this machine.
    seconds_elsewhere : mapping, optional
        How long stages take according to earlier runs elsewhere, until they have run here.

    Returns
    -------
    bool
        Whether every stage succeeded.

    Raises
    ------
    RnnbenchError
        If a target does not exist, DVC cannot read the pipeline, or the cluster cannot be used.
    """
    pipeline = read_pipeline(root)
    stages = {one for one in pipeline.out_of_date(targets) if kind(one) not in leave_out}
    if not stages:
        print("everything is up to date")
        return True
    if suites:
        create_experiments(suites, root)
    seconds_file = root / (CLUSTER_SECONDS_FILE if cluster else SECONDS_FILE)
    seconds_here = read_json(seconds_file) if seconds_file.exists() else {}
    past_seconds = {**(seconds_elsewhere or {}), **seconds_here}
    place = (
        on_cluster(cluster, root, pipeline, stages, past_seconds, jobs)
        if cluster
        else _on_this_machine(root, pipeline, stages, past_seconds, jobs)
    )
    with place as (schedule, workers, most, display):
        try:
            work_off(schedule, workers, most, display)
        finally:
            write_json(seconds_file, {**seconds_here, **schedule.seconds})
    if schedule.skipped:
        print(f"not run, because a stage they need failed: {', '.join(schedule.skipped)}")
    return not schedule.failed


@contextmanager
def _on_this_machine(
    root: Path,
    pipeline: Pipeline,
    stages: Collection[str],
    past_seconds: Mapping[str, float],
    jobs: int,
) -> Iterator[tuple[Schedule, Workers, int, Display]]:
    most_on_gpu = stages_that_fit(nvml_if_any())
    schedule = Schedule(stages, pipeline.needs, past_seconds, pipeline.alone, most_on_gpu)
    display = Display(schedule, jobs)
    with preforked_python(root) as python, display.live():
        yield schedule, LocalWorkers(root, python), jobs, display


def work_off(schedule: Schedule, workers: Workers, jobs: int, display: Display) -> None:
    """Run the stages of a schedule on workers, `jobs` at a time.

    Ctrl-C and any exception of a worker interrupt the running stages and are raised again.
    """
    futures: dict[Future[tuple[bool, str]], str] = {}
    with ThreadPoolExecutor(jobs) as threads:
        try:
            while True:
                while len(futures) < jobs and (stage := schedule.begin()) is not None:
                    display.begin(stage)
                    futures[threads.submit(workers.run, stage)] = stage
                if not futures:
                    return
                for future in wait(futures, return_when=FIRST_COMPLETED).done:
                    succeeded, output = future.result()
                    stage = futures.pop(future)
                    display.end(stage, schedule.end(stage, succeeded), succeeded, output)
        except BaseException:
            workers.interrupt()
            raise
