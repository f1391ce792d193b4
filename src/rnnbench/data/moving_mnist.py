"""Moving MNIST (Srivastava et al. 2015): two digits that move in frames of 64 x 64 pixels."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rnnbench.data.download import Digest, RemoteFile

LICENCE = "derived from MNIST, CC BY-SA 3.0"
CITATION = (
    "Srivastava, Mansimov, Salakhutdinov 2015: Unsupervised Learning of Video Representations"
    " using LSTMs, ICML 2015"
)

FRAMES = 20
FRAME_PIXELS = 64
DIGIT_PIXELS = 28
DIGITS = 2
# A tenth of the free way a frame, as the published sequences were made.
SPEED = 0.1
SEQUENCES_AT_A_TIME = 200
SEQUENCES_FILE = "sequences.npy"

UPSTREAM = (
    RemoteFile(
        "mnist_test_seq.npy",
        "http://www.cs.toronto.edu/~nitish/unsupervised_video/mnist_test_seq.npy",
        Digest("sha256", "c2a3e8d3939c001ab77bf543f130157424efa486bb4d0974d2cebb773b13f8b3"),
    ),
)

Bytes = npt.NDArray[np.uint8]


def from_upstream(files: Mapping[str, Path], folder: Path) -> dict[str, int]:
    """Keep the published file as it is: frames, sequences, rows, columns."""
    target = folder / SEQUENCES_FILE
    shutil.copyfile(files["mnist_test_seq.npy"], target)
    return {"all": int(np.load(target, mmap_mode="r", allow_pickle=False).shape[1])}


def generate(digits: Bytes, sequences: int, seed: int, folder: Path) -> dict[str, int]:
    """Generate sequences and write them in the published file's layout.

    Parameters
    ----------
    digits : ndarray of uint8, shape (count, 28, 28)
        The digits to draw from: MNIST's test images, as for the published sequences.
    sequences : int
        How many sequences to make.
    seed : int
        Decides digits, starts and directions.
    folder : Path
        Where to write.

    Returns
    -------
    dict
        How many sequences there are.
    """
    shape = (FRAMES, sequences, FRAME_PIXELS, FRAME_PIXELS)
    target = np.lib.format.open_memmap(
        folder / SEQUENCES_FILE, mode="w+", dtype=np.uint8, shape=shape
    )
    generator = np.random.default_rng(seed)
    for begin in range(0, sequences, SEQUENCES_AT_A_TIME):
        end = min(begin + SEQUENCES_AT_A_TIME, sequences)
        target[:, begin:end] = _draw(digits, end - begin, generator)
    target.flush()
    return {"all": sequences}


def trajectories(count: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return upper left corners of digits that move straight and are reflected at the walls.

    Returns
    -------
    ndarray of int64, shape (FRAMES, count, 2)
        Row and column in pixels, each within 0 and 36.
    """
    start = generator.random((count, 2))
    angle = generator.random(count) * 2 * np.pi
    velocity = SPEED * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    steps = np.arange(FRAMES)[:, None, None]
    # A point that bounces between 0 and 1 is a straight line folded into that interval.
    unfolded = np.mod(start + steps * velocity, 2.0)
    folded = np.where(unfolded > 1.0, 2.0 - unfolded, unfolded)
    corners: npt.NDArray[np.int64] = np.floor(folded * (FRAME_PIXELS - DIGIT_PIXELS)).astype(
        np.int64
    )
    return corners


def _draw(digits: Bytes, count: int, generator: np.random.Generator) -> Bytes:
    chosen = generator.integers(len(digits), size=(count, DIGITS))
    corners = trajectories(count * DIGITS, generator).reshape(FRAMES, count, DIGITS, 2)
    frames = np.zeros((FRAMES, count, FRAME_PIXELS, FRAME_PIXELS), dtype=np.uint8)
    for frame, sequence, digit in np.ndindex(FRAMES, count, DIGITS):
        row, column = corners[frame, sequence, digit]
        window = frames[frame, sequence, row : row + DIGIT_PIXELS, column : column + DIGIT_PIXELS]
        np.maximum(window, digits[chosen[sequence, digit]], out=window)
    return frames
