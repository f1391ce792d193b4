"""Converting photographs, scans and drawings of digits to MNIST's format."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from rnnbench.data.arrays import ARRAY_SUFFIXES, BYTE_MAXIMUM, Bytes, as_bytes, read_array
from rnnbench.data.datasets.moving_mnist import DIGIT_PIXELS
from rnnbench.data.pictures import edges, on_background, on_dark, read_pages
from rnnbench.errors import RnnbenchError

# MNIST's digits fill a box of 20 pixels, with their centre of mass in the middle of 28 pixels.
INK_PIXELS = 20
DIGIT = (DIGIT_PIXELS, DIGIT_PIXELS)
READ_PIXELS = 1024  # longest side at which photographs are read
SEARCHED_PIXELS = 96  # longest side at which strokes are separated from the background
GROUND_PIXELS = 48  # longest side at which the background is estimated
# The image is cropped and searched again if the digit is smaller than the image divided by this.
CLOSE_ENOUGH = 2
GROUND_SHARE = 0.6  # side of the background's median filter, as a share of the longest side
DARKEST_PAPER = 16.0  # on a darker background, noise would look like ink
# Ink differs from the background by more than this share of the range, and this multiple of noise.
FAINTEST_INK = 0.08
NOISE_FACTOR = 6.0
# Threshold of strokes as a share of the strongest ink; below it are blurred edges and paper.
STROKE = 0.4
WHITE_PERCENTILE = 60  # of the strokes' pixels; this shade becomes white
# As a share of the largest stroke's area: larger strokes belong to the digit, others are specks.
SMALLEST_PART = 0.1

Shares = npt.NDArray[np.floating[Any]]


def read_digits(path: Path) -> Bytes:
    """Read images of digits, one per page, in MNIST's format: light on dark, 28 x 28 pixels.

    Parameters
    ----------
    path : Path
        A photograph, drawing or scan; or an array of shape (28, 28) or (digits, 28, 28), light on
        dark. Images of 28 x 28 pixels are only inverted if they are dark on light. In other images
        the digit is separated from the background, which may be shaded, scaled to 20 pixels and
        centred, as in MNIST (LeCun et al. 1998).

    Returns
    -------
    ndarray of uint8, shape (digits, 28, 28)

    Raises
    ------
    RnnbenchError
        If the file cannot be read, or no digit is found in it.
    """
    if path.suffix.lower() in ARRAY_SUFFIXES:
        return _digits_of_array(path)
    pages = read_pages(path, longest_side=READ_PIXELS)
    return np.stack([_digit(on_background([page])[0], path) for page in pages])


def _digits_of_array(path: Path) -> Bytes:
    digits = as_bytes(read_array(path), path)
    digits = digits[np.newaxis] if digits.shape == DIGIT else digits
    if digits.shape[1:] != DIGIT:
        raise RnnbenchError(
            f"{path} has the shape {digits.shape}; expected digits of {DIGIT_PIXELS} x"
            f" {DIGIT_PIXELS} pixels"
        )
    return digits


def _digit(shades: Bytes, path: Path) -> Bytes:
    """Find the digit on a page and return it in MNIST's format."""
    if shades.shape == DIGIT:
        return on_dark(shades)
    part = shades
    while True:
        ink = _ink(part)
        if ink is None:
            raise RnnbenchError(
                f"no digit was found in {path}, which looks like one plain colour; give an image of"
                " a digit"
            )
        strokes = _strokes(ink)
        box = _box(strokes & (ink > ink[strokes].max() / 2))
        closer = _closer(part, box, ink.shape)
        if closer is None:
            return _centred(_scaled((ink * ndimage.binary_dilation(strokes))[box]))
        part = closer


def _ink(shades: Bytes) -> Shares | None:
    """Return by how much each pixel differs from its background, from 0 to 1; None if none does.

    The background is the median of a wide neighbourhood, of which ink covers less than half, so
    that it follows shadows. Differences are relative, as ink darkens paper by the same share in a
    shadow and outside.
    """
    small = _shrunk(shades, SEARCHED_PIXELS)
    smaller = _shrunk(shades, GROUND_PIXELS)
    window = 2 * round(max(smaller.shape) * GROUND_SHARE / 2) + 1
    rows, columns = small.shape
    median = ndimage.median_filter(smaller, size=window, mode="nearest")
    ground = _resized(median, (rows, columns))
    difference = small - ground
    is_dark = (difference**3).sum() < 0
    room = np.maximum(ground if is_dark else BYTE_MAXIMUM - ground, DARKEST_PAPER)
    ink = np.clip((-difference if is_dark else difference) / room, 0.0, 1.0)
    noise = np.median(np.abs(np.diff(small)) / room[:, 1:])  # most neighbours are both paper
    return ink if ink.max() > max(FAINTEST_INK, NOISE_FACTOR * noise) else None


def _shrunk(shades: Bytes, longest_side: int) -> Shares:
    factor = min(1.0, longest_side / max(shades.shape))
    rows, columns = (max(1, round(side * factor)) for side in shades.shape)
    return _resized(shades.astype(np.float32), (rows, columns), Image.Resampling.BOX)


def _resized(
    values: Shares,
    shape: tuple[int, int],
    method: Image.Resampling = Image.Resampling.BILINEAR,
) -> Shares:
    return np.asarray(Image.fromarray(values).resize(shape[::-1], method))


def _strokes(ink: Shares) -> npt.NDArray[np.bool_]:
    """Return the mask of the digit: connected strong ink, without specks and page edges."""
    labels, count = ndimage.label(ink > STROKE * ink.max(), structure=np.ones((3, 3)))
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    at_edge = np.isin(np.arange(1, count + 1), edges(labels))
    inside = np.where(at_edge, 0, areas)
    areas = inside if inside.max() > SMALLEST_PART * areas.max() else areas
    parts = np.flatnonzero(areas > SMALLEST_PART * areas.max()) + 1
    return np.isin(labels, parts)


def _box(mask: npt.NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = np.nonzero(mask)
    return slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)


def _closer(shades: Bytes, box: tuple[slice, slice], searched: tuple[int, ...]) -> Bytes | None:
    """Crop the image around a small digit in full resolution; None if the digit is large enough."""
    longest = max(side.stop - side.start for side in box)
    scale = max(shades.shape) / max(searched)
    if scale <= 1 or longest * CLOSE_ENOUGH >= max(searched):
        return None
    margin = longest // 4 + 1
    rows, columns = (
        slice(round(max(0, side.start - margin) * scale), round((side.stop + margin) * scale))
        for side in box
    )
    return shades[rows, columns]


def _scaled(ink: Shares) -> Bytes:
    """Scale ink to 20 pixels on the longer side, with mostly white strokes, as in MNIST."""
    scale = INK_PIXELS / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    pixels = _resized(ink.astype(np.float32), (height, width), Image.Resampling.LANCZOS)
    white = np.percentile(pixels[pixels > STROKE * pixels.max()], WHITE_PERCENTILE)
    scaled: Bytes = np.round(np.clip(pixels / white, 0.0, 1.0) * BYTE_MAXIMUM).astype(np.uint8)
    return scaled


def _centred(ink: Bytes) -> Bytes:
    """Place ink in 28 x 28 pixels with its centre of mass in the middle."""
    weights = ink.astype(np.float64)
    middle = (DIGIT_PIXELS - 1) / 2
    image = np.zeros(DIGIT, dtype=np.uint8)
    corner = []
    for axis, size in enumerate(ink.shape):
        centre = (weights.sum(axis=1 - axis) @ np.arange(size)) / weights.sum()
        corner.append(int(np.clip(round(middle - centre), 0, DIGIT_PIXELS - size)))
    row, column = corner
    image[row : row + ink.shape[0], column : column + ink.shape[1]] = ink
    return image
