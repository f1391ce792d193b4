"""What is pushed to a DVC remote is whole in a fresh clone, whatever kind of store it is."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.s3 import KEYS, s3_server

STAGE = """\
stages:
  train:
    cmd: python -c "from pathlib import Path; Path('runs').mkdir(); Path('runs/model').touch()"
    outs: [runs]
"""


@pytest.fixture(params=["folder", "s3"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[list[str]]]:
    """What configures a remote: arguments of `dvc remote`, as docs/team.md says them."""
    if request.param == "folder":
        yield [["add", "--default", "team", str(tmp_path / "remote")]]
        return
    with s3_server("dvc") as address:
        yield [
            ["add", "--default", "team", "s3://dvc/rnnbench"],
            ["modify", "team", "endpointurl", address],
        ]


@pytest.mark.slow
def test_a_fresh_clone_pulls_what_was_pushed(remote: list[list[str]], tmp_path: Path) -> None:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]

    def run(folder: Path, *command: str) -> None:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**os.environ, **KEYS, "PATH": path}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    here, clone = tmp_path / "here", tmp_path / "clone"
    here.mkdir()
    run(here, "git", "init", "--quiet")
    run(here, "dvc", "init", "--quiet")
    (here / "dvc.yaml").write_text(STAGE)
    run(here, "dvc", "repro", "--quiet")
    for arguments in remote:
        run(here, "dvc", "remote", *arguments)
    run(here, "dvc", "push")
    run(here, "git", "add", "--all")
    run(here, "git", *identity, "commit", "--quiet", "--message", "run")
    run(tmp_path, "git", "clone", "--quiet", str(here), str(clone))
    run(clone, "dvc", "pull")
    assert (clone / "runs" / "model").exists()
