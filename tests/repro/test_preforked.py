"""Stages as forks of one process behave as those of a new interpreter."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnnbench.repro.local import stage_environment
from rnnbench.repro.preforked.server import preforked_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")
SCRIPT = """
import json, os, sys
print(json.dumps([sys.argv[1:], os.getcwd(), os.environ.get("COLOUR"), "decimal" in sys.modules]))
print("said to standard error", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def preforked(root: Path) -> Iterator[dict[str, str]]:
    """The environment of a process that has imported one small module."""
    with preforked_python(root, ["decimal"]) as environment:
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
    code: int, preforked: dict[str, str], tmp_path: Path
) -> None:
    answer = run(SCRIPT, str(code), folder=tmp_path, environment={**preforked, "COLOUR": "blue"})
    assert answer.returncode == code
    assert answer.stdout == f'[["{code}"], "{tmp_path}", "blue", true]\n'
    assert answer.stderr == "said to standard error\n"


def test_what_is_registered_for_the_exit_is_done_before_the_answer(
    preforked: dict[str, str], tmp_path: Path
) -> None:
    script = "import atexit, time; atexit.register(lambda: (time.sleep(0.3), print('done')))"
    assert run(script, folder=tmp_path, environment=preforked).stdout == "done\n"


def test_an_error_is_shown_and_is_an_error(preforked: dict[str, str], tmp_path: Path) -> None:
    answer = run("raise ValueError('too large')", folder=tmp_path, environment=preforked)
    assert answer.returncode == 1
    assert "Traceback" in answer.stderr
    assert "ValueError: too large" in answer.stderr


def test_one_stage_leaves_nothing_to_the_next(preforked: dict[str, str], tmp_path: Path) -> None:
    run("import os, json; json.left = 1", folder=tmp_path, environment=preforked)
    script = "import json, sys; sys.exit(hasattr(json, 'left'))"
    assert run(script, folder=tmp_path, environment=preforked).returncode == 0


def test_a_stage_that_is_killed_ends_as_a_shell_reports_it(
    preforked: dict[str, str], tmp_path: Path
) -> None:
    script = f"import os; os.kill(os.getpid(), {signal.SIGKILL:d})"
    assert run(script, folder=tmp_path, environment=preforked).returncode == 137


def test_a_stage_is_in_the_process_group_of_its_command(
    preforked: dict[str, str], tmp_path: Path
) -> None:
    script = "import time; open('begun', 'w').close(); time.sleep(60)"
    (tmp_path / "script.py").write_text(script)
    command = ["python", "script.py"]
    with subprocess.Popen(command, cwd=tmp_path, env=preforked, process_group=0) as process:
        while not (tmp_path / "begun").exists():
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) == 1


def test_the_process_ends_when_whoever_started_it_is_killed(root: Path) -> None:
    script = (
        "import pathlib, time; from rnnbench.repro.preforked.server import preforked_python\n"
        f"with preforked_python(pathlib.Path({str(root)!r}), ['decimal']) as environment:\n"
        "    print(environment['PATH'].split(':')[0], flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    folder = Path(starter.stdout.readline().strip())
    assert (folder / "python").exists()
    starter.kill()
    # It holds the same standard output, which ends with it.
    assert starter.communicate(timeout=30)[0] == ""
    assert not folder.exists()


def test_after_a_source_changed_stages_run_it_as_it_is(tmp_path: Path) -> None:
    source = tmp_path / "src" / "colour.py"
    source.parent.mkdir()
    source.write_text("NAME = 'blue'")
    script = "import sys; print('colour' in sys.modules); import colour; print(colour.NAME)"
    with preforked_python(tmp_path, ["colour"]) as added:
        environment = {**stage_environment(tmp_path), **added}
        before = run(script, folder=tmp_path, environment=environment)
        source.write_text("NAME = 'brown'")
        after = run(script, folder=tmp_path, environment=environment)
    assert (before.stdout, after.stdout) == ("True\nblue\n", "False\nbrown\n")


def test_another_back_end_is_not_forked(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with preforked_python(root) as environment:
        assert environment == {}


def test_modules_that_cannot_be_imported_stop_no_stage(root: Path, tmp_path: Path) -> None:
    with preforked_python(root, ["no_such_module"]) as environment:
        answer = run("print('new')", folder=tmp_path, environment={**os.environ, **environment})
    assert answer.stdout == "new\n"
