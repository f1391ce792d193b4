"""Running the combinations of a sweep side by side."""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path

from rnnbench.errors import RnnbenchError
from rnnbench.params import Experiment, Params
from rnnbench.repro.cluster.place import Cluster, shared_cluster
from rnnbench.repro.cluster.workers import ON_NODES
from rnnbench.repro.gpu import stages_that_fit
from rnnbench.repro.local import LocalWorkers
from rnnbench.repro.pipeline import Pipeline, kind, read_pipeline
from rnnbench.repro.preforked.server import preforked_python
from rnnbench.repro.reproduce import Workers
from rnnbench.sweep.combinations import Combination
from rnnbench.sweep.experiments import Copy, Saved, State
from rnnbench.sweep.tags import tag_runs
from rnnbench.training.gpu import nvml_if_any

# Returns the workers that run stages in a copy of the repository.
MakeWorkers = Callable[[Path, Pipeline, Collection[str]], Workers]


@dataclass
class Task:
    """A combination to run.

    Attributes
    ----------
    name : str
        The name of the experiment of DVC that it becomes.
    key : str
        The key of the combination, from `State.key`.
    combination : Combination
        Its values.
    params : Params
        The parameters with these values.
    experiments : list of Experiment
        The experiments that are trained with them.
    saved : Saved or None
        The experiment of DVC, if there is one already.
    failed : str
        The output of the stage that failed; empty if none did.
    """

    name: str
    key: str
    combination: Combination
    params: Params
    experiments: list[Experiment]
    saved: Saved | None = None
    failed: str = ""
    open: "_Open | None" = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class _Open:
    """A combination whose copy exists: its stages to run, and the number of experiments left."""

    copy: Copy
    pipeline: Pipeline
    stages: set[str]
    workers: Workers
    left: int
    stack: ExitStack


@contextmanager
def workers_of_sweep(
    root: Path, jobs: int, cluster: Cluster | None, lock: threading.Lock
) -> Iterator[tuple[MakeWorkers, int]]:
    """Yield a function that makes the workers of a copy, and the number of experiments at a time.

    Parameters
    ----------
    root : Path
        The repository.
    jobs : int
        How many experiments run at a time on this machine; on a GPU only as many as fit into its
        free memory.
    cluster : Cluster or None
        The cluster on which they run instead.
    lock : threading.Lock
        Held while DVC reads and writes in this process: its objects are not made for several
        threads.
    """
    with preforked_python(root) as python:
        if cluster is not None:
            with shared_cluster(cluster, root, python, lock) as (make, room):
                yield make, room
        else:
            most = stages_that_fit(nvml_if_any())
            side_by_side = jobs if most is None else min(jobs, most)
            yield lambda copy, _pipeline, _stages: LocalWorkers(copy, python), side_by_side


class Runner:
    """Runs combinations and saves each as soon as it is done.

    Parameters
    ----------
    state : State
        The repository.
    make : callable
        Returns the workers of a copy.
    lock : threading.Lock
        Held while DVC reads and writes in this process.
    tested : bool
        Whether the test split is opened: stages `evaluate` run, else `train`.
    """

    def __init__(
        self, state: State, make: MakeWorkers, lock: threading.Lock, *, tested: bool
    ) -> None:
        self._state = state
        self._make = make
        self._tested = tested
        self._dvc = lock
        # One combination prepares data, the others find it in the cache.
        self._data = threading.Lock()
        self._interrupted = False

    def run(self, tasks: Sequence[Task], side_by_side: int) -> None:
        """Run combinations; the output of one that fails is in its `failed`.

        Ctrl-C ends the running stages, and is raised. Combinations that are saved by then stay.
        """
        with ThreadPoolExecutor(side_by_side) as threads:
            futures: set[Future[None]] = {
                threads.submit(self._run, task, one) for task in tasks for one in task.experiments
            }
            try:
                while futures:
                    ended, futures = wait(futures, return_when=FIRST_COMPLETED)
                    for future in ended:
                        future.result()
            except BaseException:
                self._interrupted = True
                threads.shutdown(wait=False, cancel_futures=True)
                for task in tasks:
                    if task.open:
                        task.open.workers.interrupt()
                threads.shutdown()
                for task in tasks:
                    if task.open:
                        task.open.stack.close()
                raise

    def _run(self, task: Task, experiment: Experiment) -> None:
        """Run an experiment of a combination; the last one to end saves the combination."""
        try:
            with task.lock:
                running = task.open or self._open(task)
            self._work_off(task, running, experiment)
        except RnnbenchError as error:
            self._fail(task, f"{error}\n")
        with task.lock:
            if task.open is None or self._interrupted:
                return
            task.open.left -= 1
            if task.open.left == 0:
                self._close(task, task.open)

    def _open(self, task: Task) -> _Open:
        if task.failed or self._interrupted:
            raise RnnbenchError("not started")
        with ExitStack() as stack:
            copying = self._state.copy(task.name, task.combination, task.saved)
            copy = stack.enter_context(copying)
            targets = [f"{self._kind}@{one.name}" for one in task.experiments]
            copy.check_out(targets)
            with self._dvc:
                pipeline = read_pipeline(copy.root, targets)
            stages = pipeline.out_of_date(targets)
            workers = self._make(copy.root, pipeline, stages)
            left = len(task.experiments)
            task.open = _Open(copy, pipeline, stages, workers, left, stack.pop_all())
        return task.open

    @property
    def _kind(self) -> str:
        return "evaluate" if self._tested else "train"

    def _work_off(self, task: Task, running: _Open, experiment: Experiment) -> None:
        """Run the stages that an experiment needs, one after another."""
        pipeline, stages = running.pipeline, running.stages
        wanted = pipeline.out_of_date([f"{self._kind}@{experiment.name}"]) & stages
        needs = {stage: set(pipeline.needs[stage]) & wanted for stage in wanted}
        for stage in TopologicalSorter(needs).static_order():
            if task.failed or self._interrupted:
                return
            print(f"{task.name}: {stage}", flush=True)
            if kind(stage) in ON_NODES:
                succeeded, output = running.workers.run(stage)
            else:
                with self._data:
                    succeeded, output = running.workers.run(stage)
            if not succeeded and not self._interrupted:
                self._fail(task, f"{output}{stage} failed\n")

    def _fail(self, task: Task, output: str) -> None:
        if not task.failed and not self._interrupted:
            task.failed = output
            print(f"{output}{task.name} failed ({task.combination})", flush=True)

    def _close(self, task: Task, running: _Open) -> None:
        """Save a combination and remove its copy."""
        with running.stack:
            task.open = None
            if task.failed:
                return
            try:
                commit = running.copy.save(task.experiments, task.key, tested=self._tested)
                task.saved = Saved(task.name, commit, self._tested)
                done = "scored on the test split" if self._tested else "trained"
                print(f"{task.name} is {done} ({task.combination})", flush=True)
                with self._data:
                    tag_runs(running.copy.root, self._state.sweep, task.name, task.experiments)
            except RnnbenchError as error:
                self._fail(task, f"{error}\n")
