"""A file of a model that is not what training wrote is refused in words, and runs no code."""

import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from rnnbench.data.prepared import write_manifest
from rnnbench.errors import RnnbenchError
from rnnbench.evaluation.trained import load_trained
from rnnbench.files import file_digest, write_json
from rnnbench.models.saved import load_model, save_model
from tests.tasks.manifests import make_manifest


def small_model() -> keras.Model:
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])


def test_a_model_that_holds_code_is_refused_and_the_code_does_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "hacked"
    name = str(mark)
    code = keras.layers.Lambda(lambda x: (open(name, "w"), x)[1])  # noqa: PTH123, SIM115
    model = keras.Sequential([keras.Input((3,)), code])
    model.save(tmp_path / "model.keras")
    mark.unlink(missing_ok=True)
    with pytest.raises(RnnbenchError, match=r"model\.keras is not loaded, as it is not a model"):
        load_model(tmp_path / "model.keras")
    assert not mark.exists()


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "no weights", "other class"])
def test_a_damaged_model_is_refused(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    save_model(small_model(), path)
    whole = path.read_bytes()
    if damage in ("cut", "empty", "text"):
        path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "text": b"x"}[damage])
    else:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        if damage == "no weights":
            del members["model.weights.h5"]
        members["config.json"] = members["config.json"].replace(
            b'"Dense"', b'"Popen"' if damage == "other class" else b'"Dense"'
        )
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    with pytest.raises(RnnbenchError, match=r"model\.keras is not loaded.*`dvc checkout`"):
        load_model(path)


def test_a_model_that_was_exchanged_after_training_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    save_model(small_model(), path)
    training = {"from_logits": False, "batch_size": 1}
    record = {"parameters": {"training": training}, "model_sha256": file_digest(path)}
    write_json(tmp_path / "run.json", record)
    write_manifest(tmp_path, make_manifest("regression", (3,), (1,)))
    assert load_trained(tmp_path).predict(np.zeros((2, 3), np.float32)).shape == (2, 1)
    save_model(small_model(), path)
    with pytest.raises(RnnbenchError, match="is not the model that was trained"):
        load_trained(tmp_path)
