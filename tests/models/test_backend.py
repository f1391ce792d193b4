"""Importing the back end: silent when it works, not when it fails."""

import os
import subprocess
import sys

import pytest

from rnnbench.models.backend import quiet_import


def test_nothing_is_said_when_the_import_works() -> None:
    code = "from rnnbench.models.backend import import_keras; import_keras()"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.returncode == 0
    assert answer.stderr == ""


def test_what_was_held_back_is_shown_when_the_import_fails(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ImportError), quiet_import():
        os.write(2, b"a library is missing\n")
        raise ImportError
    assert "a library is missing" in capfd.readouterr().err
