"""On JAX the layers of this project compute, train and load what they do on TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rnnbench.models.saved import save_model
from rnnbench.models.variant import VARIANTS
from tests.conftest import ROOT
from tests.models.contract import UNITS, inputs_of, make

OWN = [name for name, variant in VARIANTS.items() if variant.define_class and name != "lstm"]
CODE = """
import sys
from pathlib import Path
import keras
import numpy as np
from rnnbench.models.saved import load_model
from rnnbench.models.variant import VARIANTS
from tests.models.contract import (
    UNITS,
    every_trained_weight_moves_in_one_step,
    inputs_of,
    outputs_and_states_are_those_of_the_numpy_reference,
)
assert keras.backend.backend() == "jax"
for name in sys.argv[1:]:
    variant = VARIANTS[name]
    form = variant.forms(UNITS)[0]
    if form.reference:
        outputs_and_states_are_those_of_the_numpy_reference(variant, form)
        every_trained_weight_moves_in_one_step(variant, form)
    np.save(name, load_model(Path(f"{name}.keras")).predict_on_batch(inputs_of(variant)))
"""


def test_a_layer_of_this_project_computes_trains_and_loads_on_jax(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    models = {name: make(VARIANTS[name], VARIANTS[name].forms(UNITS)[0]) for name in OWN}
    assert len(models) >= 8
    for name, model in models.items():
        save_model(model, tmp_path / f"{name}.keras")
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-c", CODE, *OWN]
    subprocess.run(command, check=True, cwd=tmp_path, env=environment)
    for name, model in models.items():
        expected = model.predict_on_batch(inputs_of(VARIANTS[name]))
        np.testing.assert_allclose(
            np.load(tmp_path / f"{name}.npy"), expected, rtol=1e-5, atol=1e-6
        )
