"""Processes that train answer, say why they end, and never outlive the program that asks."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rnnbench.commands import INTERPRETER
from rnnbench.errors import RnnbenchError
from rnnbench.repro.preforked.server import preforked_python
from rnnbench.timing.worker import Worker, in_turn, workers

PROGRAM = Path(__file__).with_name("talking.py")
WAIT_SECONDS = 60


@pytest.fixture(params=["new interpreter", "fork"], scope="module", autouse=True)
def interpreter(request: pytest.FixtureRequest, root: Path) -> Iterator[None]:
    """The processes are new interpreters, or forks as under `rnnbench repro`."""
    with ExitStack() as stack:
        if request.param == "fork":
            environment = stack.enter_context(preforked_python(root, ["rnnbench.timing.worker"]))
            monkeypatch = stack.enter_context(pytest.MonkeyPatch.context())
            monkeypatch.setenv(INTERPRETER, environment[INTERPRETER])
        yield


def start(way: str) -> Worker:
    return Worker(way, [str(PROGRAM)])


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", maxsplit=1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def children(process: int) -> list[int]:
    return [
        int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()
    ]


def wait_until_ended(processes: list[int]) -> None:
    ends = time.monotonic() + WAIT_SECONDS
    while any(map(is_running, processes)):
        assert time.monotonic() < ends, "a process outlives the one that started it"
        time.sleep(0.1)


def test_each_process_answers_for_its_way_whatever_libraries_print() -> None:
    with workers(start, ["stock", "compiled"]) as running:
        answers = [worker.ask({"batches": 3}) for worker in running]
    assert answers == [{"way": way, "asked": {"batches": 3}} for way in ("stock", "compiled")]


def test_no_process_always_trains_after_the_same_one() -> None:
    with workers(start, ["a", "b", "c"]) as running:
        order = "".join(worker.way for worker in in_turn(running, 3))
    assert order == "abcbcacab"


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("refuse", "(?s)'stock' ended with 1: .*error: the layers do not fit each other"),
        ("break", "(?s)'stock' ended with 1: .*Traceback.*ValueError: a fault of the program"),
    ],
)
def test_a_process_that_fails_ends_the_measurement_with_its_reason(what: str, reason: str) -> None:
    with workers(start, ["stock"]) as running, pytest.raises(RnnbenchError, match=reason):
        running[0].ask({"do": what})


def test_a_process_that_was_killed_ends_the_measurement() -> None:
    with workers(start, ["stock"]) as running:
        running[0].ask({})
        (process,) = [one for one in children(os.getpid()) if is_talking(one)]
        os.kill(process, signal.SIGKILL)
        wait_until_ended([process])
        with pytest.raises(RnnbenchError, match="'stock' ended with -9"):
            running[0].ask({})


def is_talking(process: int) -> bool:
    return PROGRAM.name in Path(f"/proc/{process}/cmdline").read_text()


def test_what_a_process_is_doing_ends_with_the_block() -> None:
    with workers(start, ["stock"]) as running:
        process = running[0].ask({"do": "work on"})["process"]
        assert is_running(process)
    wait_until_ended([process])


def test_processes_end_when_the_program_that_asks_was_killed() -> None:
    code = (
        "from tests.timing.test_worker import start, workers\n"
        "with workers(start, ['stock', 'compiled']) as running:\n"
        "    [worker.ask({}) for worker in running]\n"
        "    print('ready', flush=True)\n"
        "    input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as asking:
        assert asking.stdout
        assert asking.stdout.readline() == "ready\n"
        processes = children(asking.pid)
        assert len(processes) == 2
        asking.kill()
    wait_until_ended(processes)
