"""Importing the back end: silent when it works, not when it fails."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rnnbench.errors import RnnbenchError
from rnnbench.models.backend import quiet_import

OLD_CONFIGURATION = {
    "backend": "theano",
    "floatx": "float64",
    "epsilon": 0.1,
    "image_data_format": "channels_first",
}
SHOW_CONFIGURATION = """
import json, os
from rnnbench.models.backend import import_keras
import_keras()
import keras
config = keras.config
shown = [config.backend(), config.floatx(), config.epsilon(), config.image_data_format()]
print(json.dumps([*shown, os.environ.get("KERAS_HOME")]))
"""


@pytest.mark.parametrize("configured", ["HOME", "KERAS_HOME"])
def test_keras_s_configuration_file_of_a_user_changes_nothing(
    configured: str, tmp_path: Path
) -> None:
    folder = tmp_path / ".keras" if configured == "HOME" else tmp_path
    folder.mkdir(exist_ok=True)
    (folder / "keras.json").write_text(json.dumps(OLD_CONFIGURATION))
    environment = {**os.environ, configured: str(tmp_path), "KERAS_BACKEND": ""}
    command = [sys.executable, "-c", SHOW_CONFIGURATION]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True)
    home = str(tmp_path) if configured == "KERAS_HOME" else None
    expected = ["tensorflow", "float32", 1e-07, "channels_last", home]
    assert json.loads(answer.stdout) == expected, answer.stderr


def test_the_back_end_that_the_environment_names_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with quiet_import():
        assert os.environ["KERAS_BACKEND"] == "jax"


def test_a_variable_that_cuts_trainings_short_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "1")
    with (
        pytest.raises(RnnbenchError, match=r"KERAS_MAX_EPOCHS is set, .*: unset it"),
        quiet_import(),
    ):
        pass


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
