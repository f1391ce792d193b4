"""Reading frames from animations, folders of images and arrays, and writing predicted frames."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import GifImagePlugin, Image

from rnnbench.data.arrays import ARRAY_SUFFIXES, Bytes, as_bytes, read_array
from rnnbench.data.datasets.moving_mnist import FRAME_PIXELS
from rnnbench.data.pictures import IMAGE_SUFFIXES, on_background, on_dark, read_pages
from rnnbench.errors import RnnbenchError
from rnnbench.files import atomic_file

FRAME = (FRAME_PIXELS, FRAME_PIXELS)
FRAME_MILLISECONDS = 200
WRITTEN_SUFFIXES = (".npy", ".gif", ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
# Files that file managers leave in folders of images.
LEFT_BY_PROGRAMS = ("thumbs.db", "desktop.ini")


def read_frames(path: Path, count: int) -> Bytes:
    """Read the last `count` frames of a sequence, light on dark.

    Parameters
    ----------
    path : Path
        An array of shape (frames, 64, 64) or (frames, 64, 64, 1), light on dark; an animated image;
        or a folder of images, in natural order of their names. Frames of images with a light
        background are inverted.
    count : int
        Number of frames that the model takes.

    Returns
    -------
    ndarray of uint8, shape (count, 64, 64, 1)

    Raises
    ------
    RnnbenchError
        If the file cannot be read, has fewer frames, or frames of another shape.
    """
    is_array = path.suffix.lower() in ARRAY_SUFFIXES
    frames = as_bytes(read_array(path), path) if is_array else _frames_of_images(path)
    if frames.shape[1:] == (*FRAME, 1):
        frames = frames[..., 0]
    if frames.shape[1:] != FRAME:
        raise RnnbenchError(
            f"{path} has the shape {frames.shape}; expected frames of {FRAME_PIXELS} x"
            f" {FRAME_PIXELS} pixels"
        )
    if len(frames) < count:
        raise RnnbenchError(f"{path} has {len(frames)} frames; the model takes {count}")
    return frames[-count:, :, :, np.newaxis]


def images_in(folder: Path) -> list[Path]:
    """Return the images of a folder in natural order of their names: `frame-2` before `frame-10`.

    Raises
    ------
    RnnbenchError
        If the folder has no images, or a file that is not an image.
    """
    files = [file for file in folder.iterdir() if not _is_left_by_a_program(file.name)]
    for file in files:
        if file.suffix.lower() not in IMAGE_SUFFIXES:
            accepted = ", ".join(IMAGE_SUFFIXES)
            raise RnnbenchError(
                f"{file} is not an image, and every file of the folder is read; move or convert it;"
                f" accepted are {accepted}"
            )
    if not files:
        raise RnnbenchError(f"{folder} holds no images")
    return sorted(files, key=lambda file: _natural_key(file.name))


def require_writable_as(path: Path) -> None:
    """Raise an error if frames cannot be written to a file of this name.

    Raises
    ------
    RnnbenchError
        If the name does not end in one of `WRITTEN_SUFFIXES`.
    """
    if path.suffix.lower() not in WRITTEN_SUFFIXES:
        accepted = ", ".join(WRITTEN_SUFFIXES)
        raise RnnbenchError(f"frames cannot be written to {path}; accepted are {accepted}")


def write_frames(frames: npt.NDArray[np.floating[Any]], path: Path) -> None:
    """Write frames with pixels from 0 to 1, shape (frames, rows, columns, 1), as bytes.

    Parameters
    ----------
    frames : ndarray
        Frames that a model predicted.
    path : Path
        `.npy` for an array, `.gif` for an animation, another image format for a strip of frames.
        The file is written completely or not at all.

    Raises
    ------
    RnnbenchError
        If the name does not end in one of `WRITTEN_SUFFIXES`.
    """
    require_writable_as(path)
    kind = path.suffix.lower()
    pixels = np.round(np.clip(frames[..., 0], 0.0, 1.0) * 255.0).astype(np.uint8)
    with atomic_file(path) as temporary, temporary.open("wb") as stream:
        if kind == ".npy":
            np.save(stream, pixels, allow_pickle=False)
        elif kind == ".gif":
            stream.write(_animation(pixels))
        else:
            strip = Image.fromarray(np.concatenate(list(pixels), axis=1))
            strip.save(stream, Image.registered_extensions()[kind])


def _animation(pixels: Bytes) -> bytes:
    """Return a GIF with every frame.

    Pillow's own writer drops a frame that equals its predecessor, which it shows longer instead.
    """
    images = [Image.fromarray(frame) for frame in pixels]
    # `getheader` may change the image, so that it gets a copy.
    header, _ = GifImagePlugin.getheader(images[0].copy(), info={"loop": 0})
    frames = [GifImagePlugin.getdata(image, duration=FRAME_MILLISECONDS) for image in images]
    return b"".join([*header, *(block for blocks in frames for block in blocks), b";"])


def _frames_of_images(path: Path) -> Bytes:
    files = images_in(path) if path.is_dir() else [path]
    pages = [page for file in files for page in read_pages(file, size=FRAME)]
    return on_dark(np.stack(on_background(pages)))


def _is_left_by_a_program(name: str) -> bool:
    return name.startswith(".") or name.lower() in LEFT_BY_PROGRAMS


def _natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key by which `frame-2` comes before `frame-10`."""
    parts = re.findall(r"\d+|\D+", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
