"""What tests share: the real params.yaml, and small data in the real formats."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from rnnbench.params import Params, load_params, parse_params
from tests.small_experiment import NAME, SEEDS, write_view

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def params() -> Params:
    """The parameters that users run."""
    return load_params(ROOT / "params.yaml")


@pytest.fixture
def params_content() -> dict[str, Any]:
    """The content of params.yaml, to change."""
    content: dict[str, Any] = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    return content


@pytest.fixture
def changed(params_content: dict[str, Any]) -> Callable[..., Params]:
    """Parse params.yaml with one value changed: `changed("views", "mnist-rows", key=value)`."""

    def change(*path: str, **values: Any) -> Params:
        section = params_content
        for key in path:
            section = section[key]
        section.update(values)
        return parse_params(params_content, "params.yaml")

    return change


@pytest.fixture
def workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: Callable[..., Params]
) -> tuple[Path, Params]:
    """A working directory with the data of `NAME`, and parameters that make it small."""
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    write_view(tmp_path / "data" / "prepared" / "mnist-rows")
    changed(first_seed=SEEDS[0])
    changed("experiments", NAME, epochs=1, seeds=len(SEEDS))
    return tmp_path, changed("models", "digits-gru", layer_1={"type": "gru", "units": 8})


@pytest.fixture
def mnist_npz(tmp_path: Path) -> Path:
    """A small file in the format of Keras's mnist.npz."""
    generator = np.random.default_rng(0)
    path = tmp_path / "upstream" / "mnist.npz"
    path.parent.mkdir()
    np.savez(
        path,
        x_train=generator.integers(0, 256, (40, 28, 28), dtype=np.uint8),
        y_train=np.arange(40, dtype=np.uint8) % 10,
        x_test=generator.integers(0, 256, (20, 28, 28), dtype=np.uint8),
        y_test=np.arange(20, dtype=np.uint8) % 10,
    )
    return path
