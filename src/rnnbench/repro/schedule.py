"""Which stage runs next."""

import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from rnnbench.repro.gpu import ON_GPU
from rnnbench.repro.graph import Needs, kind

# These make tables of what there is: a failed experiment stands in them as not run.
TABLES = ("compare", "layers", "report")


@dataclass
class Schedule:
    """The stages that have to run, handed out to whoever asks for one.

    Attributes
    ----------
    stages : collection of str
        What has to run.
    needs : mapping
        What each stage of the pipeline needs.
    past_seconds : mapping
        How long stages took before, where that is known. The longest is handed out first, so
        that none is left for the end to wait for.
    most_on_gpu : int, optional
        How many that compute on the GPU run at a time, at most.
    """

    stages: Collection[str]
    needs: Needs
    past_seconds: Mapping[str, float]
    most_on_gpu: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    running: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Nothing has begun."""
        self._waiting = dict.fromkeys(sorted(self.stages))
        self._changed = threading.Condition()
        self.stopped = False

    def next(self) -> str | None:
        """Wait for a stage that can run and take it; None if there is none left."""
        with self._changed:
            while True:
                self._skip_what_cannot_run()
                if self.stopped or not self._waiting:
                    return None
                ready = [stage for stage in self._waiting if self._can_begin(stage)]
                if ready:
                    stage = max(ready, key=lambda one: self.past_seconds.get(one, 0.0))
                    del self._waiting[stage]
                    self.running[stage] = time.monotonic()
                    return stage
                self._changed.wait()

    def end(self, stage: str, succeeded: bool) -> None:
        """Note how a stage ended."""
        with self._changed:
            self.seconds[stage] = time.monotonic() - self.running.pop(stage)
            if not succeeded:
                self.failed.append(stage)
            self._changed.notify_all()

    def stop(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self.stopped = True
            self._changed.notify_all()

    @property
    def remaining_seconds(self) -> float | None:
        """The work that is left, as if done one stage after another; None if not known.

        A stage takes what it took before, or what its kind takes on average.
        """
        known = {**self.past_seconds, **self.seconds}
        left = [*self._waiting, *self.running]
        expected = [_expected(stage, known) for stage in left]
        if None in expected:
            return None
        begun = sum(time.monotonic() - since for since in self.running.values())
        return max(sum(seconds for seconds in expected if seconds is not None) - begun, 0.0)

    def _can_begin(self, stage: str) -> bool:
        to_come = any(one in self._waiting or one in self.running for one in self.needs[stage])
        return not to_come and self._has_room(stage)

    def _has_room(self, stage: str) -> bool:
        if self.most_on_gpu is None or kind(stage) not in ON_GPU:
            return True
        return sum(kind(one) in ON_GPU for one in self.running) < self.most_on_gpu

    def _skip_what_cannot_run(self) -> None:
        while stuck := [stage for stage in self._waiting if self._cannot_run(stage)]:
            for stage in stuck:
                del self._waiting[stage]
            self.skipped += stuck

    def _cannot_run(self, stage: str) -> bool:
        lost = {*self.failed, *self.skipped}
        return kind(stage) not in TABLES and bool(lost & self.needs[stage])


def _expected(stage: str, known: Mapping[str, float]) -> float | None:
    if stage in known:
        return known[stage]
    alike = [seconds for one, seconds in known.items() if kind(one) == kind(stage)]
    return sum(alike) / len(alike) if alike else None
