"""Stages on a cluster: experiments on its nodes, all others on this machine."""

import os
import threading
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from dvc.dvcfile import LOCK_FILE
from dvc.exceptions import DvcException
from dvc.utils.serialize import load_yaml

from rnnbench.errors import RnnbenchError
from rnnbench.repro.cluster.connection import Connection
from rnnbench.repro.cluster.exchange import Exchange
from rnnbench.repro.cluster.merge import merge
from rnnbench.repro.cluster.resources import Needs, needs_of
from rnnbench.repro.cluster.sources import Sources, pack, read_sources
from rnnbench.repro.local import LocalWorkers
from rnnbench.repro.pipeline import Pipeline, item, kind
from rnnbench.tracking.store import TRACKING_VARIABLE

# Stages for nodes, each with the kind of the stage that follows it on the same node. `time` is not
# among them, because all times of a table must come from one machine, the driver's.
ON_NODES = {"train": "evaluate", "evaluate": None, "baselines": None}
# How often an experiment is started at most: nodes and processes may be lost twice.
MOST_STARTS = 3
SECONDS_TO_CANCEL = 20.0
# Variables that affect results, by the prefixes of their names.
DECIDING = (
    "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "VECLIB_", "TF_", "XLA_", "KERAS_",
    "JAX_", "TORCH_", "CUBLAS_", "CUDNN_", "NVIDIA_TF32_OVERRIDE", "PYTHONHASHSEED",
    "MLFLOW_TRACKING_URI",
)  # fmt: skip


class ClusterWorkers:
    """Runs experiments on nodes, each by one Ray task; may be used by several threads.

    Parameters
    ----------
    root : Path
        The repository.
    local : LocalWorkers
        The workers for the stages that stay on this machine.
    connection : Connection
        The connection to the cluster.
    exchange : Exchange
        The remote through which data and outputs go.
    pipeline : Pipeline
        The stages that each stage needs.
    stages : collection of str
        The stages that have to run.
    cores, gpu_share : int and float
        The resources of each experiment.
    lock : threading.Lock, optional
        Held while DVC reads and writes in this process; shared if several workers run in it.
    """

    def __init__(
        self,
        root: Path,
        local: LocalWorkers,
        connection: Connection,
        exchange: Exchange,
        pipeline: Pipeline,
        stages: Collection[str],
        cores: int,
        gpu_share: float,
        lock: "threading.Lock | None" = None,
    ) -> None:
        self._root = root
        self._local = local
        self._connection = connection
        self._exchange = exchange
        self._pipeline = pipeline
        self._stages = set(stages)
        self._cores = cores
        self._gpu_share = gpu_share
        # DVC's objects are not thread-safe.
        self._repository = lock or threading.Lock()
        self._sent: set[str] = set()
        self._package: tuple[str, Any] | None = None
        self._references: set[Any] = set()
        self._followed: dict[str, tuple[bool, str]] = {}
        self._interrupted: float | None = None
        self.merged: set[str] = set()

    def run(self, stage: str) -> tuple[bool, str]:
        """Run a stage, or return its outcome if it ran with the stage that it follows on a node.

        Returns
        -------
        tuple
            Whether it succeeded, and its output.
        """
        if kind(stage) not in ON_NODES:
            return self._local.run(stage)
        if stage in self._followed:
            return self._followed.pop(stage)
        try:
            return self._run_on_node(stage)
        except (RnnbenchError, DvcException) as error:
            return False, f"{error}\n"

    def interrupt(self) -> None:
        """Interrupt the running stages, on this machine and on nodes, and start no more."""
        self._interrupted = time.monotonic()
        self._local.interrupt()
        for reference in list(self._references):
            self._connection.ray.cancel(reference)

    def _run_on_node(self, stage: str) -> tuple[bool, str]:
        needs = needs_of(self._root, stage, self._cores, self._gpu_share)
        lost = ""
        for start in range(MOST_STARTS):
            if self._interrupted:
                return False, ""
            needs.require(self._connection.nodes())
            sources, answer = self._ask(stage, needs, start)
            if "lost" not in answer:
                succeeded, output = self._take(stage, answer, sources)
                return succeeded, lost + output
            lost += f"{stage} was lost on its node: {answer['lost']}\n"
        return False, f"{lost}given up after {MOST_STARTS} starts\n"

    def _ask(self, stage: str, needs: Needs, start: int) -> tuple[Sources, dict[str, Any]]:
        """Run a stage and its follower on a node; return the sources it had and its answer."""
        followers = [one for one in [_follower(stage)] if one in self._stages]
        group = [stage, *followers]
        needed = {one for member in group for one in self._pipeline.needs[member]} - set(group)
        with self._repository:
            inputs = self._send(sorted(needed))
            sources, package = self._packed()
        task = {
            "name": stage,
            "start": start,
            "stages": group,
            "inputs": inputs,
            "exchange": {"name": self._exchange.name, "url": self._exchange.url},
            "environment": self._environment(needs),
            "deciding": DECIDING,
            "gpus": needs.gpus,
        }
        reference = self._connection.submit(package, sources.key, task, **needs.options)
        self._references.add(reference)
        try:
            return sources, self._wait(reference, needs)
        finally:
            self._references.discard(reference)

    def _environment(self, needs: Needs) -> dict[str, str]:
        """Return the variables that affect results, and hide GPUs that were not requested."""
        nodes = self._connection.nodes()
        has_gpus = any(node["Resources"].get("GPU") for node in nodes)
        hidden = {"CUDA_VISIBLE_DEVICES": ""} if has_gpus and not needs.gpus else {}
        return {**deciding_variables(), **hidden}

    def _send(self, stages: Collection[str]) -> dict[str, Any]:
        """Send the outputs of some stages to the exchange; return their entries in dvc.lock."""
        recorded = load_yaml(self._root / LOCK_FILE)["stages"]
        inputs = {stage: recorded[stage] for stage in stages}
        unsent = [inputs[stage] for stage in stages if stage not in self._sent]
        if unsent:
            with self._exchange.open(self._root) as repo:
                self._exchange.send(repo, unsent)
            self._sent |= set(stages)
        return inputs

    def _packed(self) -> tuple[Sources, Any]:
        """Return the current sources, and Ray's reference to their package."""
        sources = read_sources(self._root)
        if self._package is None or self._package[0] != sources.key:
            package = pack(self._root, sources.digests.keys())
            self._package = sources.key, self._connection.ray.put(package)
        return sources, self._package[1]

    def _wait(self, reference: Any, needs: Needs) -> dict[str, Any]:
        """Wait for an answer; the loss of a node or process counts as an answer."""
        ray = self._connection.ray
        while not ray.wait([reference], timeout=5.0)[0]:
            if self._interrupted and time.monotonic() - self._interrupted > SECONDS_TO_CANCEL:
                return {"lost": "interrupted"}
            try:
                needs.require(self._connection.nodes())
            except RnnbenchError:
                ray.cancel(reference)
                raise
        try:
            answer: dict[str, Any] = ray.get(reference)
        except ray.exceptions.TaskCancelledError:
            return {"lost": "interrupted"}
        except ray.exceptions.RayTaskError as error:  # the carrier raised an error
            raise RnnbenchError(str(error.cause)) from error
        except ray.exceptions.RayError as error:
            return {"lost": str(error).strip().splitlines()[0]}
        return answer

    def _take(self, stage: str, answer: Mapping[str, Any], sources: Sources) -> tuple[bool, str]:
        """Merge a node's result; return the stage's outcome, and store that of its follower."""
        outcomes = {name: tuple(outcome) for name, outcome in answer["outcomes"].items()}
        if "not_handed_over" in answer:
            where = f"{self._connection.name_of(answer['node'])}, {answer['folder']}"
            raise RnnbenchError(f"trained, but not merged: {where}: {answer['not_handed_over']}")
        if answer["entries"]:
            with self._repository:
                merge(self._root, self._exchange, answer["entries"], sources)
            self.merged |= set(answer["entries"])
        self._followed |= {name: one for name, one in outcomes.items() if name != stage}
        succeeded, output = outcomes[stage]
        return succeeded, output


def _follower(stage: str) -> str:
    following = ON_NODES[kind(stage)]
    return f"{following}@{item(stage)}" if following else ""


def deciding_variables() -> dict[str, str]:
    """Return the variables of this process that affect results.

    MLFLOW_TRACKING_URI is among them if it names a server, not a database in a local file.
    """
    variables = {name: value for name, value in os.environ.items() if name.startswith(DECIDING)}
    if not variables.get(TRACKING_VARIABLE, "").startswith(("http:", "https:")):
        variables.pop(TRACKING_VARIABLE, None)
    return variables
