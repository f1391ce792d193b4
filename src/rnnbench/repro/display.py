"""What is seen while stages run side by side."""

import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from rnnbench.repro.schedule import Schedule


class Display:
    """One live display in a terminal, a line a stage elsewhere; to be used in a `with` block.

    Parameters
    ----------
    schedule : Schedule
        What is shown.
    jobs : int
        How many stages run side by side.
    """

    def __init__(self, schedule: Schedule, jobs: int) -> None:
        self._schedule = schedule
        self._jobs = jobs
        self._begun = 0
        self._since = time.monotonic()
        self._console = Console(highlight=False)
        self._live = Live(
            get_renderable=self._draw, console=self._console, refresh_per_second=2, transient=True
        )

    def begin(self, stage: str) -> None:
        """Say that a stage begins, where nothing is drawn live."""
        self._begun += 1
        if not self._console.is_terminal:
            self._print(f"[{self._begun}/{len(self._schedule.stages)}] {stage}")

    def end(self, stage: str, succeeded: bool, output: str) -> None:
        """Say how long a stage took; show all that a failed one said."""
        taken = clock(self._schedule.seconds[stage])
        if not succeeded:
            self._print(f"{output}{stage} failed after {taken}")
        elif self._console.is_terminal:
            self._print(f"{taken:>8}  {stage}")

    def __enter__(self) -> "Display":
        """Begin to draw."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop drawing."""
        if self._console.is_terminal:
            self._live.stop()

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)

    def _draw(self) -> Group:
        now = time.monotonic()
        running = [
            Text(f"{clock(now - since):>8}  {stage} …")
            for stage, since in list(self._schedule.running.items())
        ]
        return Group(*running, Text(self._summary(now), style="bold"))

    def _summary(self, now: float) -> str:
        done = len(self._schedule.seconds)
        parts = [
            f"{done} of {len(self._schedule.stages)} stages in {clock(now - self._since)}",
        ]
        if self._schedule.failed:
            parts.append(f"{len(self._schedule.failed)} failed")
        remaining = self._schedule.remaining_seconds
        if remaining is not None:
            parts.append(f"about {clock(remaining / self._jobs)} left")
        return ", ".join(parts)


def clock(seconds: float) -> str:
    """Return seconds as `m:ss` or `h:mm:ss`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
