"""The order in which stages run."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from rnnbench.repro.gpu import ON_GPU
from rnnbench.repro.pipeline import kind

# They tabulate all available results, and list a failed experiment as not run.
TABLES = ("compare", "layers", "report")
# About how long stages of a kind take, used until one has run in this repository.
SECONDS_ELSEWHERE = {
    "fetch": 10.0,
    "fetch_file": 10.0,
    "prepare": 10.0,
    "train": 40.0,
    "time": 15.0,
    "evaluate": 15.0,
    "baselines": 20.0,
    "compare": 10.0,
    "layers": 10.0,
    "report": 10.0,
}


@dataclass
class Schedule:
    """The order of the stages that have to run, whatever workers run them.

    Attributes
    ----------
    stages : collection of str
        The stages that have to run.
    needs : mapping
        The stages that each stage of the pipeline needs.
    past_seconds : mapping
        How long stages took before, where that is known. The longest stage begins first, so that
        the end does not wait for it.
    alone : collection of str, default ()
        Stages that run while no other stage does. They begin when no other stage can.
    most_on_gpu : int, optional
        How many stages that compute on the GPU run at a time, at most.
    """

    stages: Collection[str]
    needs: Mapping[str, Collection[str]]
    past_seconds: Mapping[str, float]
    alone: Collection[str] = ()
    most_on_gpu: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    running: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Sort the stages by their dependencies."""
        wanted = sorted(self.stages)
        self._ready: list[str] = []
        self._sorter = TopologicalSorter(
            {stage: [one for one in self.needs[stage] if one in self.stages] for stage in wanted}
        )
        self._sorter.prepare()
        self._advance()

    def begin(self) -> str | None:
        """Start and return the next stage; None if no stage can begin now."""
        possible = [stage for stage in self._ready if self._can_begin(stage)]
        if not possible:
            return None
        past = self.past_seconds
        stage = max(possible, key=lambda one: (one not in self.alone, past.get(one, 0.0)))
        self._ready.remove(stage)
        self.running[stage] = time.monotonic()
        return stage

    def end(self, stage: str, succeeded: bool) -> float:
        """Record the end of a stage; return the seconds that it took."""
        seconds = round(time.monotonic() - self.running.pop(stage), 1)
        if succeeded:
            self.seconds[stage] = seconds
        else:
            self.failed.append(stage)
        self._sorter.done(stage)
        self._advance()
        return seconds

    @property
    def remaining_seconds(self) -> float:
        """The estimated seconds of the remaining stages, run one after another.

        The estimate of a stage is its past time, or the average or default time of its kind.
        """
        known = {**self.past_seconds, **self.seconds}
        left = set(self.stages) - {*self.seconds, *self.failed, *self.skipped}
        elapsed = sum(time.monotonic() - since for since in list(self.running.values()))
        return max(sum(_expected(stage, known) for stage in left) - elapsed, 0.0)

    def _advance(self) -> None:
        """Find the stages whose needs are met; skip those whose needs failed."""
        while found := self._sorter.get_ready():
            for stage in found:
                if self._cannot_run(stage):
                    self.skipped.append(stage)
                    self._sorter.done(stage)
                else:
                    self._ready.append(stage)

    def _can_begin(self, stage: str) -> bool:
        if self.running and any(one in self.alone for one in [stage, *self.running]):
            return False
        if self.most_on_gpu is None or kind(stage) not in ON_GPU:
            return True
        return sum(kind(one) in ON_GPU for one in self.running) < self.most_on_gpu

    def _cannot_run(self, stage: str) -> bool:
        return kind(stage) not in TABLES and not {*self.failed, *self.skipped}.isdisjoint(
            self.needs[stage]
        )


def _expected(stage: str, known: Mapping[str, float]) -> float:
    if stage in known:
        return known[stage]
    alike = [seconds for one, seconds in known.items() if kind(one) == kind(stage)]
    return sum(alike) / len(alike) if alike else SECONDS_ELSEWHERE.get(kind(stage), 0.0)
