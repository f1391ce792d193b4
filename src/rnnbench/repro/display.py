"""The display of progress while several stages run."""

import time
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from rnnbench.repro.schedule import Schedule


class Display:
    """One live display in a terminal, one line per stage elsewhere.

    Parameters
    ----------
    schedule : Schedule
        The schedule to show.
    jobs : int
        How many stages run at a time.
    """

    def __init__(self, schedule: Schedule, jobs: int) -> None:
        self._schedule = schedule
        self.jobs = jobs
        self._places: dict[str, tuple[str, float]] = {}
        self._since = time.monotonic()
        self._console = Console(highlight=False)

    def live(self) -> AbstractContextManager[object]:
        """Draw while the block runs, in a terminal only."""
        if not self._console.is_terminal:
            return nullcontext()
        return Live(
            get_renderable=self._draw, console=self._console, refresh_per_second=2, transient=True
        )

    def begin(self, stage: str) -> None:
        """Show that a stage begins, unless there is a live display."""
        if not self._console.is_terminal:
            number = self._ended + len(self._schedule.running)
            self._print(f"[{number}/{len(self._schedule.stages)}] {stage}, {self._left()}")

    def placed(self, stage: str, node: str) -> None:
        """Show on which node of a cluster a stage begins, after waiting for one."""
        self._places[stage] = node, time.monotonic()
        if not self._console.is_terminal and stage in self._schedule.running:
            self._print(f"{stage} on {node}")

    def end(self, stage: str, seconds: float, succeeded: bool, output: str) -> None:
        """Show how long a stage took, and the output of a failed one."""
        if not succeeded:
            self._print(f"{output}{stage} failed after {clock(seconds)}")
        elif self._console.is_terminal:
            self._print(f"{clock(seconds):>8}  {self._placed(stage)}")

    @property
    def _ended(self) -> int:
        return len(self._schedule.seconds) + len(self._schedule.failed)

    def _start(self, stage: str, since: float) -> float:
        return self._places[stage][1] if stage in self._places else since

    def _placed(self, stage: str) -> str:
        return f"{stage} on {self._places[stage][0]}" if stage in self._places else stage

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)

    def _draw(self) -> Group:
        now = time.monotonic()
        running = [
            Text(f"{clock(now - self._start(stage, since)):>8}  {self._placed(stage)} …")
            for stage, since in list(self._schedule.running.items())
        ]
        return Group(*running, Text(self._summary(now), style="bold"))

    def _summary(self, now: float) -> str:
        stages = len(self._schedule.stages)
        parts = [f"{self._ended} of {stages} stages in {clock(now - self._since)}"]
        if self._schedule.failed:
            parts.append(f"{len(self._schedule.failed)} failed")
        return ", ".join([*parts, self._left()])

    def _left(self) -> str:
        return f"about {clock(self._schedule.remaining_seconds / self.jobs)} left"


def clock(seconds: float) -> str:
    """Return seconds as `m:ss` or `h:mm:ss`."""
    text = str(timedelta(seconds=round(seconds)))
    return text.removeprefix("0:").removeprefix("0")
