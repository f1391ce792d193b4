"""A process that trains in one way, one round for each question.

Questions and answers are lines of JSON on the process's standard input and output. The process ends
when `Worker.close` is called or, after its current round, when the asking program has ended.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import rnnbench
from rnnbench.commands import interpreter
from rnnbench.errors import RnnbenchError

SHOWN_CHARACTERS = 4000  # of the standard error of a process that failed
# Without these, the first process allocates all of a GPU's memory.
SHARED_GPU = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}

Message = dict[str, Any]


class Worker:
    """A process that trains in one way. It imports `rnnbench` from the same place as this process.

    Parameters
    ----------
    way : str
        The name of the way, passed to the process as its last argument.
    program : sequence of str
        Arguments of the interpreter: `-m` and a module, or a script.
    environment : mapping, optional
        Variables to add to the environment.
    """

    def __init__(
        self, way: str, program: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self.way = way
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        search_path = [str(Path(rnnbench.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(  # noqa: S603
            [interpreter(), *program, way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={
                **SHARED_GPU,
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, search_path)),
                **(environment or {}),
            },
        )

    def ask(self, question: Message) -> Message:
        """Send a question and wait for its answer.

        Raises
        ------
        RnnbenchError
            If the process ended instead; the message contains its standard error.
        """
        self.tell(question)
        return self.answer()

    def tell(self, question: Message) -> None:
        """Send a question; `answer` waits for its answer."""
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._ended() from error

    def answer(self) -> Message:
        """Wait for the answer to the question that was sent."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        answer: Message = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _ended(self) -> RnnbenchError:
        code = self._process.wait()
        self._errors.seek(0)
        written = self._errors.read().decode(errors="replace")[-SHOWN_CHARACTERS:].strip()
        return RnnbenchError(
            f"the process that trains in the way {self.way!r} ended with {code}: {written}"
        )


W = TypeVar("W", bound=Worker)


@contextmanager
def workers(start: Callable[[str], W], ways: Sequence[str]) -> Iterator[list[W]]:
    """Start a process for each way, concurrently; end them when the block ends or fails."""
    with ExitStack() as stack:
        started = []
        for way in ways:
            started.append(start(way))
            stack.callback(started[-1].close)
        yield started


def in_turn(running: Sequence[W], rounds: int) -> Iterator[W]:
    """Yield each worker once per round; each round starts with the next worker."""
    for number in range(rounds):
        first = number % len(running)
        yield from (*running[first:], *running[:first])


def questions() -> tuple[Iterator[Message], Callable[[Message], None]]:
    """Return, in the process of a worker, the questions and the function that sends an answer.

    Afterwards, the standard output is used only for answers; the output of libraries goes to the
    standard error. Ctrl-C is ignored: the asking program handles it and ends this process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(message: Message) -> None:
        print(json.dumps(message), file=answers, flush=True)

    return map(json.loads, sys.stdin), answer
