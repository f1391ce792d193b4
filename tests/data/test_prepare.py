"""Views: what is cut, padded and split, and what their manifests say."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rnnbench.data.fetch import origin_path
from rnnbench.data.prepare import count_duplicates, prepare
from rnnbench.data.prepared import Split, read_manifest, read_split
from rnnbench.data.ragged import Ragged
from rnnbench.data.tokens import save_word_index
from rnnbench.errors import RnnbenchError
from rnnbench.files import file_digest, read_json, write_json
from rnnbench.params import Params


def write_origin(folder: Path) -> None:
    files = {path.name: file_digest(path) for path in folder.iterdir()}
    origin = {"route": "upstream", "sources": {}, "licence": "for tests", "citation": "Maas 2011"}
    write_json(origin_path(folder), {**origin, "files": files})


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Small raw data sets in the layout that fetching writes."""
    generator = np.random.default_rng(0)
    folder = tmp_path / "raw"
    for name, splits in (("imdb", ("train", "test")), ("reuters", ("all",))):
        (folder / name).mkdir(parents=True)
        for split in splits:
            lengths = generator.integers(1, 300, 100)
            sequences = [generator.integers(1, 30_000, length) for length in lengths]
            Ragged.from_sequences(sequences).save(folder / name, split)
            labels = generator.integers(0, 2, 100).astype(np.uint8)
            np.save(folder / name / f"{split}_labels.npy", labels)
        save_word_index(folder / name, {f"word{rank}": rank for rank in range(30_000, 0, -1)})
    (folder / "mnist").mkdir()
    for split, count in (("train", 50), ("test", 20)):
        images = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        np.save(folder / "mnist" / f"{split}_images.npy", images)
        np.save(folder / "mnist" / f"{split}_labels.npy", (np.arange(count) % 10).astype(np.uint8))
    (folder / "moving_mnist").mkdir()
    frames = generator.integers(0, 256, (20, 12, 64, 64), dtype=np.uint8)
    np.save(folder / "moving_mnist" / "sequences.npy", frames)
    for dataset in list(folder.iterdir()):
        write_origin(dataset)
    return folder


SIZES = {
    "imdb-20k-200": {"fit": {"train": 80, "validation": 20}, "test": {"test": 100}},
    "reuters-10k-200": {"fit": {"train": 64, "validation": 16}, "test": {"test": 20}},
    "mnist-rows": {"fit": {"train": 50}, "test": {"test": 20}},
    "moving-mnist-1k": {"fit": {"train": 8, "validation": 2}, "test": {"test": 2}},
}


@pytest.mark.parametrize("name", SIZES)
def test_every_view_has_its_splits_and_says_what_they_hold(
    name: str, raw: Path, changed: Callable[..., Params], tmp_path: Path
) -> None:
    params = changed("views", "moving-mnist-1k", train_examples=10, test_examples=2)
    view = prepare(name, params, raw, tmp_path / "prepared")
    for part, splits in SIZES[name].items():
        manifest = read_manifest(view / part)
        assert list(manifest.splits) == list(splits)
        for split, size in splits.items():
            arrays = read_split(view / part, split)
            facts = manifest.splits[split]
            assert len(arrays) == facts["examples"] == size
            for role, array in (("inputs", arrays.inputs), ("targets", arrays.targets)):
                assert isinstance(array, np.memmap)
                assert facts[role]["shape"] == list(array.shape)
                assert facts[role]["dtype"] == str(array.dtype)
                path = view / part / f"{split}_{role}.npy"
                assert facts[role]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
            if manifest.class_names:
                assert sum(facts["class_counts"]) == size


@pytest.mark.parametrize(("padding", "truncation"), [("pre", "pre"), ("post", "post")])
def test_texts_are_those_of_keras_shuffled_cut_and_padded(
    padding: str, truncation: str, raw: Path, changed: Callable[..., Params], tmp_path: Path
) -> None:
    import keras

    sequences = Ragged.load(raw / "imdb", "train")
    order = np.arange(100)
    np.random.RandomState(113).shuffle(order)
    encoded = [
        [1] + [word + 3 if word + 3 < 20_000 else 2 for word in sequences[int(i)].tolist()]
        for i in order
    ]
    expected = keras.utils.pad_sequences(
        encoded, maxlen=200, padding=padding, truncating=truncation
    )
    params = changed("views", "imdb-20k-200", padding=padding, truncation=truncation)
    view = prepare("imdb-20k-200", params, raw, tmp_path / "prepared")
    parts = [read_split(view / "fit", split) for split in ("train", "validation")]
    np.testing.assert_array_equal(np.concatenate([part.inputs for part in parts]), expected)


def test_lengths_before_cutting_are_reported(raw: Path, params: Params, tmp_path: Path) -> None:
    lengths = Ragged.load(raw / "imdb", "test").lengths + 1
    view = prepare("imdb-20k-200", params, raw, tmp_path / "prepared")
    facts = read_manifest(view / "test").facts["lengths"]["test"]
    assert facts["quantiles"]["0.5"] == np.median(lengths)
    assert facts["quantiles"]["1"] == lengths.max()
    assert facts["truncated"] == (lengths > 200).sum()


def test_fitting_and_testing_examples_are_apart(
    raw: Path, changed: Callable[..., Params], tmp_path: Path
) -> None:
    params = changed("views", "moving-mnist-1k", train_examples=10, test_examples=2)
    view = prepare("moving-mnist-1k", params, raw, tmp_path / "prepared")
    sequences = np.load(raw / "moving_mnist" / "sequences.npy")
    test = read_split(view / "test", "test")
    np.testing.assert_array_equal(test.inputs[..., 0], sequences[:10, 10:12].swapaxes(0, 1))
    np.testing.assert_array_equal(test.targets[..., 0], sequences[10:, 10:12].swapaxes(0, 1))
    assert test.inputs.dtype == np.uint8
    assert not list((view / "fit").glob("test*"))


def test_what_training_reads_says_nothing_of_licence_route_and_test_split(
    raw: Path, changed: Callable[..., Params], tmp_path: Path
) -> None:
    def prepared(name: str, params: Params) -> dict[str, bytes]:
        view = prepare("imdb-8k-200", params, raw, tmp_path / name)
        origin = read_json(view / "test" / "origin.json")
        assert origin["licence"] in ("for tests", "another")
        assert "files" not in origin
        return {path.name: path.read_bytes() for path in (view / "fit").iterdir()}

    first = prepared("first", changed("views", "imdb-8k-200"))
    origin = read_json(origin_path(raw / "imdb"))
    write_json(origin_path(raw / "imdb"), {**origin, "licence": "another", "route": "registry"})
    assert prepared("second", changed("views", "imdb-8k-200", test_examples=10)) == first


def test_keys_that_are_absent_mean_all_examples_and_keras_s_defaults(
    raw: Path, changed: Callable[..., Params], tmp_path: Path
) -> None:
    content = {"dataset": "imdb", "vocabulary_size": 8_000, "sequence_length": 20}
    given = {**content, "padding": "pre", "truncation": "pre", "validation_fraction": 0.0}
    params = changed("views", absent=content, given=given)
    views = [prepare(name, params, raw, tmp_path) for name in ("absent", "given")]
    manifests = [read_manifest(view / "fit") for view in views]
    assert manifests[0].parameters == manifests[1].parameters == given
    assert manifests[0].splits == manifests[1].splits
    assert manifests[0].splits["train"]["examples"] == 100


def test_the_first_examples_are_taken_and_their_lengths_are_reported(
    raw: Path, changed: Callable[..., Params], tmp_path: Path
) -> None:
    everything = read_split(
        prepare("reuters-10k-200", changed("views", "reuters-10k-200"), raw, tmp_path) / "test",
        "test",
    )
    params = changed("views", "reuters-10k-200", train_examples=50, test_examples=7)
    view = prepare("reuters-10k-200", params, raw, tmp_path / "fewer")
    fewer = read_split(view / "test", "test")
    np.testing.assert_array_equal(fewer.inputs, everything.inputs[:7])
    np.testing.assert_array_equal(fewer.targets, everything.targets[:7])
    assert read_manifest(view / "fit").splits["train"]["examples"] == 40
    lengths = read_manifest(view / "test").facts["lengths"]["test"]
    assert lengths["truncated"] == (fewer.inputs[:, 0] > 1).sum()


def test_duplicates_between_training_and_test_are_counted() -> None:
    train = np.array([[1, 2], [3, 4], [1, 2]])
    test = np.array([[1, 2], [1, 2], [5, 6]])
    labels = np.zeros(3, dtype=np.uint8)
    assert count_duplicates(Split(train, labels), Split(test, labels)) == 2


def test_a_corrupt_raw_file_is_named_with_both_hashes(
    raw: Path, params: Params, tmp_path: Path
) -> None:
    path = raw / "mnist" / "train_images.npy"
    expected = file_digest(path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 255
    path.write_bytes(content)
    with pytest.raises(RnnbenchError) as error:
        prepare("mnist-rows", params, raw, tmp_path / "prepared")
    for word in ("train_images.npy is corrupt", expected, file_digest(path), "fetch@mnist"):
        assert word in str(error.value)
    assert not (tmp_path / "prepared" / "mnist-rows").exists()


def test_a_missing_raw_file_is_named(raw: Path, params: Params, tmp_path: Path) -> None:
    (raw / "mnist" / "train_images.npy").unlink()
    with pytest.raises(RnnbenchError, match=r"train_images\.npy is missing; .*fetch@mnist"):
        prepare("mnist-rows", params, raw, tmp_path / "prepared")


def test_a_data_set_that_was_not_fetched_says_how(params: Params, tmp_path: Path) -> None:
    with pytest.raises(RnnbenchError, match=r"dvc repro fetch@mnist"):
        prepare("mnist-rows", params, tmp_path, tmp_path / "prepared")


def test_an_empty_split_is_refused(
    raw: Path, changed: Callable[..., Params], tmp_path: Path
) -> None:
    params = changed("views", "mnist-rows", train_examples=1, validation_fraction=0.5)
    with pytest.raises(RnnbenchError, match="the train split is empty"):
        prepare("mnist-rows", params, raw, tmp_path / "prepared")
    assert list((tmp_path / "prepared").iterdir()) == []


def test_more_sequences_than_there_are_is_refused(
    raw: Path, params: Params, tmp_path: Path
) -> None:
    with pytest.raises(RnnbenchError, match=r"1000 \+ test_examples 200 .* 12 sequences"):
        prepare("moving-mnist-1k", params, raw, tmp_path / "prepared")


def test_a_text_view_knows_the_words_that_have_an_id(
    raw: Path, params: Params, tmp_path: Path
) -> None:
    view = prepare("imdb-8k-200", params, raw, tmp_path / "prepared")
    words = read_json(view / "fit" / "vocabulary.json")
    # Ids 0 to 3 mean no word, so the last of 8,000 ids is that of the word of rank 7,996.
    assert words == [f"word{rank}" for rank in range(1, 7_997)]
