"""What holds for every data set, and what adding one costs."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import PositiveInt

from rnnbench.data.dataset import DATASETS, Dataset, Material, Route
from rnnbench.data.download import Digest, RemoteFile
from rnnbench.data.fetch import fetch
from rnnbench.data.prepare import prepare
from rnnbench.data.prepared import Split, read_manifest, read_training_data
from rnnbench.errors import RnnbenchError
from rnnbench.files import file_digest, read_json
from rnnbench.params import DatasetSettings, Params, View
from rnnbench.tasks.task import TASKS


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_has_a_task_limits_and_a_choice_of_the_routes_it_has(name: str) -> None:
    dataset = DATASETS[name]
    assert dataset.task in TASKS
    assert dataset.limits.endswith(".")
    field = dataset.settings.model_fields.get("route")
    chosen = get_args(field.annotation) if field else [*dataset.routes][:1]
    assert list(chosen) == list(dataset.routes)


@pytest.mark.parametrize("name", DATASETS)
def test_origin_licence_and_citation_stand_in_the_readme(name: str, root: Path) -> None:
    readme = (root / "data" / "README.md").read_text(encoding="utf-8")
    dataset = DATASETS[name]
    row = f"| `{name}` | {dataset.licence} | {dataset.citation} |"
    assert row in readme
    for source in dataset.routes.get(
        "upstream", dataset.routes[next(iter(dataset.routes))]
    ).sources:
        assert f"<{source.origin}>" in readme
    if "registry" in dataset.routes:
        for source in dataset.routes["registry"].sources:
            assert f"`{source.origin.split()[-1]}`" in readme


def test_data_sets_are_known_without_tensorflow() -> None:
    code = (
        "import sys; from rnnbench.data.dataset import DATASETS; print(len(DATASETS));"
        " print(not {'keras', 'tensorflow'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [str(len(DATASETS)), "True"]


class CoinView(View):
    """Tosses, and whether the last one was heads."""

    tosses: PositiveInt


def from_upstream(files: Mapping[str, Path], folder: Path, _: DatasetSettings) -> dict[str, Any]:
    tosses = np.array(
        [list(line) for line in files["coin.txt"].read_text().split()], dtype=np.uint8
    )
    np.save(folder / "tosses.npy", tosses)
    return {"counts": {"all": len(tosses)}}


def coin_material(view: CoinView, raw: Path) -> Material:
    tosses = np.load(raw / "tosses.npy")[:, : view.tosses, np.newaxis].astype(np.float32)
    labels = tosses[:, -1, 0].astype(np.uint8)
    splits = {"train": Split(tosses[:6], labels[:6]), "test": Split(tosses[6:], labels[6:])}
    return Material(splits, class_names=("tails", "heads"), facts={"fair": True})


@pytest.fixture
def coin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A data set of a file, registered as a module would do it."""
    path = tmp_path / "by hand" / "coin.txt"
    path.parent.mkdir()
    path.write_text("0101 1100 0011 1111 0000 1010 0110 1001")
    monkeypatch.setenv("RNNBENCH_LOCAL_DATA", str(path.parent))
    published = RemoteFile("coin.txt", Digest("sha256", file_digest(path)), "http://127.0.0.1:9")
    DATASETS.add(
        "coin",
        Dataset(
            task="classification",
            settings=DatasetSettings,
            view=CoinView,
            licence="for tests",
            citation="none",
            limits="It knows one coin.",
            routes={"upstream": Route(from_upstream, (published,))},
            prepare=coin_material,
        ),
    )
    yield "coin"
    del DATASETS["coin"]


def test_a_data_set_is_added_by_registering_it_and_two_entries_of_the_parameters(
    coin: str, changed: Callable[..., Params], tmp_path: Path
) -> None:
    changed("datasets", **{coin: {}})
    given = {"dataset": coin, "tosses": 3, "test_examples": 1, "validation_fraction": 0.5}
    params = changed("views", **{"coin-3": given})
    fetch(coin, params, tmp_path / "raw")
    view = prepare("coin-3", params, tmp_path / "raw", tmp_path / "prepared")
    data = read_training_data(view / "fit")
    assert data.train.targets.tolist() == [0, 0, 1]
    assert data.validation is not None
    assert len(data.validation) == 3
    assert data.manifest.task == "classification"
    assert data.manifest.input_shape == (3, 1)
    assert data.manifest.target_shape == ()
    assert data.manifest.facts == {"fair": True}
    assert read_manifest(view / "test").splits["test"]["class_counts"] == [0, 1]
    assert read_json(view / "test" / "origin.json")["route"] == "upstream"


def test_what_a_view_of_an_added_data_set_does_not_accept_is_named(
    coin: str, changed: Callable[..., Params]
) -> None:
    changed("datasets", **{coin: {}})
    with pytest.raises(RnnbenchError, match=r"coin-3.*'toses'.*did you mean 'tosses'"):
        changed("views", **{"coin-3": {"dataset": coin, "toses": 3}})
