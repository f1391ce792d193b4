"""A DVC process that runs one stage after another."""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from rnnbench.repro.dvc_process import END_OF_STAGE, LANE
from rnnbench.repro.graph import DVC

# What DVC says when another process works on the same files.
BUSY = "is busy, it is being blocked by"
TRIES = 30
SECONDS_BETWEEN_TRIES = 2.0


class Lane:
    """Runs stages in a process of its own; to be used in a `with` block.

    Parameters
    ----------
    root : Path
        The repository.
    environment : mapping
        The environment of the process and of the stages.
    """

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [*DVC, LANE],
            cwd=root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, stage: str) -> tuple[bool, str]:
        """Reproduce a stage; where another process is at its files, try again.

        Returns
        -------
        tuple
            Whether it succeeded, and all it said.
        """
        for _ in range(TRIES):
            succeeded, output = self._run_once(stage)
            if succeeded or BUSY not in output:
                break
            time.sleep(SECONDS_BETWEEN_TRIES)
        return succeeded, output

    def _run_once(self, stage: str) -> tuple[bool, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        output: list[str] = []
        try:
            print(stage, file=self._process.stdin, flush=True)
        except BrokenPipeError:
            return False, f"{stage} was not started: its DVC process has ended\n"
        for line in self._process.stdout:
            if line.startswith(END_OF_STAGE):
                return int(line.removeprefix(END_OF_STAGE)) == 0, "".join(output)
            output.append(line)
        return False, "".join(output)

    def __enter__(self) -> "Lane":
        """Use the lane."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process, after the stage it runs."""
        self._process.communicate()
