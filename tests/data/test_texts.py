"""Texts of a person's own file: what is read, left out, refused, and how it is split."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.data.datasets.texts import OwnTexts, in_stratified_order, read_corpus
from rnnbench.data.fetch import fetch
from rnnbench.data.prepare import prepare
from rnnbench.data.prepared import read_manifest, read_split, read_training_data
from rnnbench.data.text_encoder import TextEncoder
from rnnbench.errors import RnnbenchError
from rnnbench.files import file_digest, read_json
from rnnbench.params import Params

Rows = list[tuple[Any, Any]]


def reviews(count: int = 40) -> Rows:
    """Different texts, three quarters of them of one class."""
    return [(f"It\u2019s film {n}, number {n}!", "bad" if n % 4 else "good") for n in range(count)]


def write(path: Path, rows: Rows, encoding: str = "utf-8") -> OwnTexts:
    with path.open("w", encoding=encoding, newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([("review", "stars"), *rows])
    return OwnTexts(path=str(path), text="review", label="stars")


def refused(settings: OwnTexts) -> str:
    with pytest.raises(RnnbenchError) as error:
        read_corpus(settings)
    return str(error.value)


def test_csv_parquet_and_a_folder_of_files_per_class_hold_the_same_texts(tmp_path: Path) -> None:
    rows = reviews()
    table = write(tmp_path / "reviews.csv", rows)
    pd.DataFrame(rows, columns=["review", "stars"]).to_parquet(tmp_path / "reviews.parquet")
    for number, (text, label) in enumerate(rows):
        folder = tmp_path / "reviews" / label
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "reviews" / "bad" / ".hidden").write_text("no text")
    found = [
        read_corpus(settings)
        for settings in (
            table,
            table.model_copy(update={"path": str(tmp_path / "reviews.parquet")}),
            OwnTexts(path=str(tmp_path / "reviews")),
        )
    ]
    assert {one.class_names for one in found} == {("bad", "good")}
    assert [np.bincount(one.labels).tolist() for one in found] == [[30, 10]] * 3
    texts = [{tuple(one.words[w] for w in one.texts[i]) for i in range(40)} for one in found]
    assert texts[0] == texts[1] == texts[2]
    assert ("it's", "film", "3", "number", "3") in texts[0]


def test_what_no_model_can_be_judged_on_is_left_out_and_counted(tmp_path: Path) -> None:
    rows = reviews()
    rows += [("...", "good"), ("no label", " "), rows[0], ("Both", "good"), ("both!", "bad")]
    settings = write(tmp_path / "reviews.csv", rows)
    corpus = read_corpus(settings)
    assert len(corpus.labels) == 40
    assert corpus.describe() == (
        "left out of 45 texts: 1 without a word, 1 without a label, 1 repeating another, 2 with"
        " different labels in different rows"
    )
    kept = read_corpus(settings.model_copy(update={"repeated_texts": "keep"}))
    assert len(kept.labels) == 43


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "utf-8-sig"])
def test_the_encoding_of_a_spreadsheet_is_recognised(encoding: str, tmp_path: Path) -> None:
    corpus = read_corpus(write(tmp_path / "reviews.csv", reviews(), encoding))
    assert "it's" in corpus.words


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a b", "x")] * 2 + [(f"text {n}", "x") for n in range(20)], "only one class, 'x'"),
        ([*reviews(), ("one", "rare"), ("two", "rare")], r"fewer than 10 texts: 'rare' \(2\)"),
        ([(str(n), "ab"[n % 2]) for n in range(40)], "'review' .* holds only numbers"),
        ([(f"text {n}", str(n // 10)) for n in range(1010)], "101 different labels in 1,010 texts"),
        ([("", ""), ("...", "x")], "no text with a label"),
    ],
)
def test_a_file_that_cannot_be_learned_from_is_refused_in_words(
    rows: Rows, message: str, tmp_path: Path
) -> None:
    with pytest.raises(RnnbenchError, match=message):
        read_corpus(write(tmp_path / "reviews.csv", rows))


def test_rare_classes_are_left_out_where_that_is_asked_for(tmp_path: Path) -> None:
    settings = write(tmp_path / "reviews.csv", [*reviews(), ("one", "rare"), ("two", "rare")])
    corpus = read_corpus(settings.model_copy(update={"rare_classes": "leave_out"}))
    assert corpus.class_names == ("bad", "good")
    assert "2 of a class with fewer than 10" in corpus.describe()


def test_a_file_that_is_no_table_of_these_texts_is_refused_in_words(tmp_path: Path) -> None:
    settings = write(tmp_path / "reviews.csv", reviews())
    lacking = settings.model_copy(update={"text": "texts"})
    assert "has no column 'texts'; it has: 'review', 'stars'" in refused(lacking)
    with (tmp_path / "reviews.csv").open("a") as stream:
        stream.write("a text, with a comma,good\n")
    assert "row 42 of" in refused(settings)
    assert "has 3 cells instead of 2" in refused(settings)
    assert "does not exist" in refused(settings.model_copy(update={"path": "no.csv"}))
    assert "a table; accepted are .csv" in refused(settings.model_copy(update={"path": "a.xlsx"}))
    (tmp_path / "empty").mkdir()
    assert "one folder per class" in refused(OwnTexts(path=str(tmp_path / "empty")))
    mixed = pd.DataFrame({"review": ["a", b"b"], "stars": ["x", "y"]})
    mixed.to_pickle(tmp_path / "table.pickle")
    (tmp_path / "table.pickle").rename(tmp_path / "table.parquet")
    broken = settings.model_copy(update={"path": str(tmp_path / "table.parquet")})
    assert "is not a table that can be read" in refused(broken)
    pd.DataFrame({"review": [1, 2], "stars": ["x", "y"]}).to_parquet(tmp_path / "numbers.parquet")
    numbers = settings.model_copy(update={"path": str(tmp_path / "numbers.parquet")})
    assert "row 1 of" in refused(numbers)
    assert "expected text (" in refused(numbers)


def test_every_stretch_of_the_order_has_the_shares_of_the_classes() -> None:
    labels = np.repeat([0, 1, 2], [600, 300, 10])
    order = in_stratified_order(labels, 7)
    assert sorted(order.tolist()) == list(range(910))
    assert np.bincount(labels[order[-182:]]).tolist() == [120, 60, 2]
    assert not np.array_equal(order, in_stratified_order(labels, 8))
    assert np.array_equal(order, in_stratified_order(labels, 7))


def test_a_view_has_stratified_splits_and_words_ranked_by_its_training_texts(
    changed: Callable[..., Params], tmp_path: Path
) -> None:
    rows = [*reviews(100), *((f"rare{n}", "good") for n in range(20))]
    settings = write(tmp_path / "reviews.csv", rows)
    given = {"texts-own": {"path": settings.path, "text": "review", "label": "stars"}}
    view = {"dataset": "texts-own", "vocabulary_size": 400, "sequence_length": 6}
    changed(files=given)
    params = changed("views", own={**view, "validation_fraction": 0.25})
    fetch("texts-own", params, tmp_path / "raw")
    folder = prepare("own", params, tmp_path / "raw", tmp_path / "prepared")
    data, test = read_training_data(folder / "fit"), read_split(folder / "test", "test")
    assert data.validation is not None
    assert data.words is not None
    parts = (data.train, data.validation, test)
    counts = np.array([np.bincount(part.targets) for part in parts])
    assert counts.sum(axis=1).tolist() == [72, 24, 24]
    assert np.abs(counts / counts.sum(axis=1, keepdims=True) - [75 / 120, 45 / 120]).max() < 0.05
    # A word of a test text alone is not known, as it is not where the model is used.
    only_in_training = [word for word in data.words if word.startswith("rare")]
    assert 0 < len(only_in_training) < 20
    assert read_manifest(folder / "test").facts["test_examples_also_in_training"] == 0
    encoder = TextEncoder(data.words, 6, "pre", "pre")
    encoded = {row.tobytes() for row in encoder([text for text, _ in rows])}
    assert all(row.tobytes() in encoded for part in parts for row in np.asarray(part.inputs))
    origin = read_json(folder / "test" / "origin.json")
    assert origin["sources"] == {
        "reviews.csv": {"from": settings.path, "sha256": file_digest(tmp_path / "reviews.csv")}
    }
    assert origin["counts"] == {"train": 96, "test": 24}


def test_columns_are_named_together_or_not_at_all() -> None:
    with pytest.raises(ValueError, match="give both, or neither for a folder"):
        OwnTexts(path="reviews.csv", text="review")


def test_the_kind_and_the_section_of_a_data_set_must_fit(changed: Callable[..., Params]) -> None:
    with pytest.raises(RnnbenchError, match="'texts-a' belongs in the section files"):
        changed("datasets", **{"texts-a": {"path": "a.csv"}})
