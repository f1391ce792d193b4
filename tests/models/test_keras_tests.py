"""Keras's own tests of its recurrent layers pass with every layer accelerated."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.accelerated_build import COMPILED

PLUG_IN = "tests.models.accelerated_build"
PACKAGE = "keras.src.layers.rnn"
# Not `rnn`, `dropout_rnn_cell` and `conv_lstm`: they test cells of their own alone.
MODULES = (
    *("bidirectional", "conv_lstm1d", "conv_lstm2d", "conv_lstm3d", "gru", "lstm"),
    *("simple_rnn", "stacked_rnn_cells", "time_distributed"),
)
OF_OWN_CELLS = "not (StackedRNNTest and test_basics)"
FEWEST_TESTS, FEWEST_LAYERS = 50, 100  # Keras 3.12 to 3.15 have some more


@pytest.mark.slow
def test_keras_s_own_tests_pass_with_every_layer_accelerated(root: Path) -> None:
    modules = [f"{PACKAGE}.{module}_test" for module in MODULES]
    # An empty configuration: the wheel may lie in a folder of this repository.
    options = ["-c", os.devnull, f"--rootdir={root}", "-p", "no:cacheprovider", "-p", PLUG_IN]
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-k", OF_OWN_CELLS, "--pyargs", *modules],
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
    )
    assert answer.returncode == 0, answer.stdout
    counts = {
        name: int(count)
        for count, name in re.findall(r"(\d+) (passed|failed|error)", answer.stdout)
    }
    assert counts.keys() == {"passed"}
    assert counts["passed"] >= FEWEST_TESTS
    layers = re.search(rf"(\d+) {COMPILED}", answer.stdout)
    assert layers
    assert int(layers[1]) >= FEWEST_LAYERS
