"""Stages as forks of a warm process behave as those of a new interpreter."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnnbench.repro.warm.server import warm_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")
SCRIPT = """
import json, os, sys
print(json.dumps([sys.argv[1:], os.getcwd(), os.environ.get("COLOUR"), "decimal" in sys.modules]))
print("said to standard error", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def warm(root: Path) -> Iterator[dict[str, str]]:
    """The environment of a warm process that has imported one small module."""
    with warm_python(root, ["decimal"]) as environment:
        yield {**os.environ, **environment}


def run(
    script: str, *arguments: str, folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    path = folder / "script.py"
    path.write_text(script)
    python = shutil.which("python", path=environment["PATH"])
    assert python is not None
    return subprocess.run(
        [python, path, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("code", [0, 3])
def test_arguments_folder_environment_output_and_exit_code_are_the_stage_s(
    code: int, warm: dict[str, str], tmp_path: Path
) -> None:
    answer = run(SCRIPT, str(code), folder=tmp_path, environment={**warm, "COLOUR": "blue"})
    assert answer.returncode == code
    assert answer.stdout == f'[["{code}"], "{tmp_path}", "blue", true]\n'
    assert answer.stderr == "said to standard error\n"


def test_an_error_is_shown_and_is_an_error(warm: dict[str, str], tmp_path: Path) -> None:
    answer = run("raise ValueError('too large')", folder=tmp_path, environment=warm)
    assert answer.returncode == 1
    assert "Traceback" in answer.stderr
    assert "ValueError: too large" in answer.stderr


def test_one_stage_leaves_nothing_to_the_next(warm: dict[str, str], tmp_path: Path) -> None:
    run("import os, json; json.left = 1", folder=tmp_path, environment=warm)
    script = "import json, sys; sys.exit(hasattr(json, 'left'))"
    assert run(script, folder=tmp_path, environment=warm).returncode == 0


def test_a_stage_that_is_killed_has_failed(warm: dict[str, str], tmp_path: Path) -> None:
    script = f"import os; os.kill(os.getpid(), {signal.SIGKILL:d})"
    assert run(script, folder=tmp_path, environment=warm).returncode == 1


def test_the_warm_process_ends_when_who_started_it_is_killed(root: Path) -> None:
    script = (
        "import pathlib, time; from rnnbench.repro.warm.server import warm_python\n"
        f"with warm_python(pathlib.Path({str(root)!r}), ['decimal']) as environment:\n"
        "    print(environment['RNNBENCH_WARM_SOCKET'], flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    address = Path(starter.stdout.readline().strip())
    assert address.exists()
    starter.kill()
    # It holds the same standard output, which ends with it.
    assert starter.communicate(timeout=30)[0] == ""
    assert not address.parent.exists()


def test_without_a_warm_process_python_is_what_it_was(root: Path, tmp_path: Path) -> None:
    with warm_python(root, ["decimal"]) as environment:
        ended = {**os.environ, **environment, "RNNBENCH_WARM_SOCKET": str(tmp_path / "gone")}
        answer = run("import rnnbench; print('cold')", folder=tmp_path, environment=ended)
    assert (answer.returncode, answer.stdout) == (0, "cold\n"), answer.stderr


def test_another_back_end_starts_cold(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with warm_python(root) as environment:
        assert environment == {}


def test_modules_that_cannot_be_imported_end_in_a_cold_start(root: Path, tmp_path: Path) -> None:
    with warm_python(root, ["no_such_module"]) as environment:
        answer = run("print('cold')", folder=tmp_path, environment={**os.environ, **environment})
    assert answer.stdout == "cold\n"
