"""Image files turned into what models of digits and of moving digits take."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageSequence, UnidentifiedImageError

from rnnbench.data.datasets.moving_mnist import DIGIT_PIXELS, FRAME_PIXELS
from rnnbench.errors import RnnbenchError
from rnnbench.files import atomic_file

# MNIST's digits fill a box of 20 pixels and lie with their centre of mass in the middle of 28.
INK_PIXELS = 20
FRAME = (FRAME_PIXELS, FRAME_PIXELS)
MIDDLE_GREY = 127
FRAME_MILLISECONDS = 200
ARRAY_SUFFIX = ".npy"
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")

Bytes = npt.NDArray[np.uint8]


def read_digit(path: Path) -> Bytes:
    """Read the image of one digit as MNIST has them: light on dark, 28 x 28.

    Parameters
    ----------
    path : Path
        An image of 28 x 28 pixels is taken as it is. Another one may be dark on light; its ink is
        scaled to 20 pixels and centred, as MNIST's was (LeCun et al. 1998).

    Returns
    -------
    ndarray of uint8, shape (28, 28)

    Raises
    ------
    RnnbenchError
        If it is not an image, or an empty one.
    """
    pixels = _on_dark(np.asarray(_open(path).convert("L")))
    if pixels.shape == (DIGIT_PIXELS, DIGIT_PIXELS):
        return pixels
    rows, columns = np.nonzero(pixels > pixels.max() // 2)
    if pixels.max() == pixels.min():
        raise RnnbenchError(f"{path} is one plain colour; an image of a digit is wanted")
    ink = pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = INK_PIXELS / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    small = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.LANCZOS))
    return _centred(small)


def read_frames(path: Path, count: int) -> Bytes:
    """Read the last `count` frames of a sequence.

    Parameters
    ----------
    path : Path
        A `.npy` file of bytes, shape (frames, 64, 64) or (frames, 64, 64, 1); an animated image;
        or a folder of images, in the order of their names. Light on dark.
    count : int
        How many frames the model takes.

    Returns
    -------
    ndarray of uint8, shape (count, 64, 64, 1)

    Raises
    ------
    RnnbenchError
        If there are fewer frames, or they have another shape.
    """
    frames = _read_array(path) if path.suffix == ARRAY_SUFFIX else _read_images(path)
    if frames.shape[1:] == (*FRAME, 1):
        frames = frames[..., 0]
    if frames.shape[1:] != FRAME:
        raise RnnbenchError(
            f"{path} has the shape {frames.shape}; frames of {FRAME_PIXELS} x {FRAME_PIXELS}"
            " pixels are wanted"
        )
    if len(frames) < count:
        raise RnnbenchError(f"{path} has {len(frames)} frames; the model takes {count}")
    if frames.dtype != np.uint8:
        raise RnnbenchError(f"{path} holds {frames.dtype}; bytes (uint8, 0 to 255) are wanted")
    return frames[-count:, :, :, np.newaxis]


def write_frames(frames: npt.NDArray[np.floating[Any]], path: Path) -> None:
    """Write frames with pixels from 0 to 1, shape (frames, rows, columns, 1), as bytes.

    Parameters
    ----------
    frames : ndarray
        What a model predicted.
    path : Path
        `.npy` for an array, `.gif` for an animation, another image format for a strip. It is
        written as a whole or not at all.

    Raises
    ------
    RnnbenchError
        If the name ends in nothing of that kind.
    """
    kind = path.suffix.lower()
    if kind not in (ARRAY_SUFFIX, *IMAGE_SUFFIXES):
        accepted = ", ".join((ARRAY_SUFFIX, *IMAGE_SUFFIXES))
        raise RnnbenchError(f"frames cannot be written to {path}; accepted are {accepted}")
    pixels = np.round(np.clip(frames[..., 0], 0.0, 1.0) * 255.0).astype(np.uint8)
    with atomic_file(path) as temporary, temporary.open("wb") as stream:
        if kind == ARRAY_SUFFIX:
            np.save(stream, pixels, allow_pickle=False)
        elif kind == ".gif":
            first, *others = [Image.fromarray(frame) for frame in pixels]
            first.save(
                stream, "GIF", save_all=True, append_images=others, duration=FRAME_MILLISECONDS
            )
        else:
            strip = Image.fromarray(np.concatenate(list(pixels), axis=1))
            strip.save(stream, Image.registered_extensions()[kind])


def _open(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except FileNotFoundError as error:
        raise RnnbenchError(f"{path} does not exist; give the path of an image") from error
    except (UnidentifiedImageError, IsADirectoryError, Image.DecompressionBombError) as error:
        accepted = ", ".join(IMAGE_SUFFIXES)
        raise RnnbenchError(f"{path} is not an image; accepted are {accepted}") from error


def _read_array(path: Path) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise RnnbenchError(f"{path} is not an array of NumPy: {error}") from error
    return array


def _read_images(path: Path) -> Bytes:
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
        images = [_open(file) for file in files]
    else:
        images = [frame.copy() for frame in ImageSequence.Iterator(_open(path))]
    shapes = {image.size for image in images}
    if len(shapes) != 1:
        raise RnnbenchError(f"{path} holds images of {len(shapes)} sizes; frames have one")
    return np.stack([np.asarray(image.convert("L")) for image in images])


def _on_dark(pixels: Bytes) -> Bytes:
    """Return light ink on a dark ground; the border tells which is the ground."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return 255 - pixels if np.median(border) > MIDDLE_GREY else pixels


def _centred(ink: Bytes) -> Bytes:
    """Put ink into 28 x 28 pixels, its centre of mass in the middle."""
    weights = ink.astype(np.float64)
    middle = (DIGIT_PIXELS - 1) / 2
    image = np.zeros((DIGIT_PIXELS, DIGIT_PIXELS), dtype=np.uint8)
    corner = []
    for axis, size in enumerate(ink.shape):
        centre = (weights.sum(axis=1 - axis) @ np.arange(size)) / weights.sum()
        corner.append(int(np.clip(round(middle - centre), 0, DIGIT_PIXELS - size)))
    row, column = corner
    image[row : row + ink.shape[0], column : column + ink.shape[1]] = ink
    return image
