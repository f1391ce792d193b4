"""Moving MNIST (Srivastava et al. 2015): two digits that move in frames of 64 x 64 pixels."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt

from rnnbench.data.dataset import DATASETS, Dataset, Material, Route
from rnnbench.data.datasets import mnist
from rnnbench.data.download import Digest, RemoteFile
from rnnbench.data.fetch import ContentFile
from rnnbench.data.prepared import Split
from rnnbench.errors import RnnbenchError
from rnnbench.params import DatasetSettings, View

FRAMES = 20
FRAME_PIXELS = 64
DIGIT_PIXELS = 28
DIGITS = 2
# Share of the free distance per frame, as in the published sequences.
SPEED = 0.1
SEQUENCES_AT_A_TIME = 200
SEQUENCES_FILE = "sequences.npy"

PUBLISHED = RemoteFile(
    "mnist_test_seq.npy",
    Digest("sha256", "c2a3e8d3939c001ab77bf543f130157424efa486bb4d0974d2cebb773b13f8b3"),
    "http://www.cs.toronto.edu/~nitish/unsupervised_video/mnist_test_seq.npy",
)
# The published sequences also consist of MNIST's test digits.
TEST_DIGITS = ContentFile(
    "mnist_test_images.npy",
    Digest("sha256", mnist.CONTENT["test_images.npy"]),
    "mnist/test_images.npy",
)

Bytes = npt.NDArray[np.uint8]


class MovingMnistSettings(DatasetSettings):
    """The route, which decides the content, and the settings of the route `generated`."""

    route: Literal["upstream", "generated"]
    generated_sequences: PositiveInt
    generated_seed: Annotated[int, Field(ge=0)]


class FramesView(View):
    """Frame sequences cut into input frames and target frames."""

    input_frames: PositiveInt
    target_frames: PositiveInt


def from_upstream(
    files: Mapping[str, Path], folder: Path, _: MovingMnistSettings
) -> dict[str, Any]:
    """Copy the published file, shape (frames, sequences, rows, columns)."""
    target = folder / SEQUENCES_FILE
    shutil.copyfile(files[PUBLISHED.name], target)
    count = np.load(target, mmap_mode="r", allow_pickle=False).shape[1]
    return {"counts": {"all": int(count)}}


def generate(
    files: Mapping[str, Path], folder: Path, settings: MovingMnistSettings
) -> dict[str, Any]:
    """Generate sequences from MNIST's test digits, in the published file's layout."""
    digits = np.load(files[TEST_DIGITS.name], allow_pickle=False)
    count = settings.generated_sequences
    shape = (FRAMES, count, FRAME_PIXELS, FRAME_PIXELS)
    target = np.lib.format.open_memmap(
        folder / SEQUENCES_FILE, mode="w+", dtype=np.uint8, shape=shape
    )
    generator = np.random.default_rng(settings.generated_seed)
    for begin in range(0, count, SEQUENCES_AT_A_TIME):
        end = min(begin + SEQUENCES_AT_A_TIME, count)
        target[:, begin:end] = _draw(digits, end - begin, generator)
    target.flush()
    return {"counts": {"all": count}, "seed": settings.generated_seed}


def trajectories(count: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return upper left corners of digits that move straight and are reflected at the edges.

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


def prepare(view: FramesView, raw: Path) -> Material:
    """Take the first frames of every sequence; test sequences follow the training sequences."""
    sequences = np.load(
        raw / SEQUENCES_FILE, mmap_mode="r", allow_pickle=False
    )  # frames, sequences, rows, columns
    available = sequences.shape[1]
    train_count = view.train_examples or available - (view.test_examples or 0)
    test_count = view.test_examples or available - train_count
    if train_count + test_count > available:
        raise RnnbenchError(
            f"train_examples {train_count} + test_examples {test_count} are more than the"
            f" {available} sequences there are; lower them or raise"
            " datasets.moving_mnist.generated_sequences"
        )
    if view.input_frames + view.target_frames > len(sequences):
        raise RnnbenchError(
            f"input_frames {view.input_frames} + target_frames {view.target_frames} are more"
            f" than the {len(sequences)} frames of a sequence"
        )
    parts = {
        "train": sequences[:, :train_count],
        "test": sequences[:, train_count : train_count + test_count],
    }
    return Material({name: _cut(view, part) for name, part in parts.items()})


def _cut(view: FramesView, sequences: Bytes) -> Split:
    end = view.input_frames + view.target_frames
    ordered = np.moveaxis(sequences[:end], 1, 0)[..., np.newaxis]
    return Split(ordered[:, : view.input_frames], ordered[:, view.input_frames :])


DATASETS.add(
    "moving_mnist",
    Dataset(
        task="video",
        settings=MovingMnistSettings,
        view=FramesView,
        licence="derived from MNIST, CC BY-SA 3.0",
        citation=(
            "Srivastava, Mansimov, Salakhutdinov 2015: Unsupervised Learning of Video"
            " Representations using LSTMs, ICML 2015"
        ),
        limits=(
            "It knows two handwritten digits that move steadily in 64 x 64 pixels and bounce off"
            " the edges; nothing else that moves."
        ),
        routes={
            "upstream": Route(from_upstream, (PUBLISHED,)),
            "generated": Route(generate, (TEST_DIGITS,)),
        },
        prepare=prepare,
    ),
)
