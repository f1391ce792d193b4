"""Reading image files as a viewer shows them: upright, on a visible background, in greyscale.

Cameras store the orientation as EXIF data, drawing programs leave the background transparent,
scanners write 16 bits and several pages. Every exception that Pillow raises for a damaged or
malicious file becomes an `RnnbenchError`.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from rnnbench.data.arrays import Bytes, as_bytes
from rnnbench.errors import RnnbenchError

# Other formats of Pillow are not opened: some start programs (EPS) or are hardly tested. JPEG
# includes the MPO files of phones.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "AVIF", "PPM")
IMAGE_SUFFIXES = (
    ".png", ".apng", ".jpg", ".jpeg", ".jfif", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".avif",
    ".pgm", ".ppm", ".pbm",
)  # fmt: skip
# Limit for all pages of a file together. Pillow warns above this size, as a small file can unpack
# to any size (a decompression bomb).
MOST_PIXELS = 89_478_485
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
MIDDLE_GREY = 127
# A cut-out sheet of paper covers more of its bounding box than ink does, and has more contrast.
SHEET_SHARE = 0.75
SHEET_CONTRAST = 60


@dataclass(frozen=True)
class Page:
    """A page of a document, or a frame of an animation.

    Attributes
    ----------
    shades : ndarray of uint8, shape (rows, columns)
        0 is black.
    alpha : ndarray of uint8, shape (rows, columns), or None
        0 where the page is transparent; None if nothing is.
    """

    shades: Bytes
    alpha: Bytes | None


def read_pages(
    path: Path, size: tuple[int, int] | None = None, longest_side: int | None = None
) -> list[Page]:
    """Read every page of a document, every frame of an animation, or a single image.

    Parameters
    ----------
    path : Path
        An image file.
    size : (int, int) or None, default None
        The only accepted size, columns and rows, checked before the image is decoded.
    longest_side : int or None, default None
        Larger images may be read at a lower resolution that is not below this one.

    Raises
    ------
    RnnbenchError
        If the file is not an accepted image, is damaged, or has more than `MOST_PIXELS` pixels.
    """
    pages, pixels = [], 0
    with _opened(path) as image:
        for number in _shown_frames(image):
            image.seek(number)
            if size is not None and image.size != size:
                raise RnnbenchError(
                    f"{path} has {image.width} x {image.height} pixels; expected frames of"
                    f" {size[0]} x {size[1]}"
                )
            pixels += image.width * image.height
            if pixels > MOST_PIXELS:
                raise _too_large(path)
            if longest_side is not None:
                image.draft("L", (longest_side, longest_side))
            pages.append(_read_page(image, path, longest_side))
    return pages


def on_background(pages: Sequence[Page]) -> list[Bytes]:
    """Replace transparency by a background that shows the ink, the same for all pages.

    The background is black behind light ink and white behind dark ink; around a cut-out sheet of
    paper, it has the shade of the paper.
    """
    if all(page.alpha is None for page in pages):
        return [page.shades for page in pages]
    ground = _ground(pages)
    grounded = []
    for page in pages:
        if page.alpha is None:
            grounded.append(page.shades)
            continue
        share = page.alpha / 255.0
        grounded.append(np.round(page.shades * share + ground * (1.0 - share)).astype(np.uint8))
    return grounded


def edges(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the pixels of the first and last row and column."""
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def on_dark(pixels: Bytes) -> Bytes:
    """Return light ink on a dark background, shape (..., rows, columns), judged by the edges."""
    ground = edges(np.moveaxis(pixels, (-2, -1), (0, 1)))
    return 255 - pixels if np.median(ground) > MIDDLE_GREY else pixels


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged files raise errors where it matters
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # Opened as a stream: from a path, Pillow 13 memory-maps some TIFF files, and those that
            # are to be rotated come out in stripes.
            with path.open("rb") as stream, Image.open(stream, formats=FORMATS) as image:
                yield image
    except RnnbenchError:
        raise
    except FileNotFoundError as error:
        raise RnnbenchError(f"{path} does not exist; give the path of an image") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_large(path) from error
    except (UnidentifiedImageError, IsADirectoryError) as error:
        raise RnnbenchError(_why_not_an_image(path)) from error
    except PermissionError as error:
        raise RnnbenchError(f"{path} may not be read: change its permissions") from error
    except Exception as error:  # Pillow raises nearly any exception for damaged files
        raise RnnbenchError(
            f"{path} is damaged or was cut off ({error}); save or copy it again"
        ) from error


def _too_large(path: Path) -> RnnbenchError:
    return RnnbenchError(
        f"{path} has more than {MOST_PIXELS / 1e6:.0f} million pixels; save it with fewer"
    )


def _why_not_an_image(path: Path) -> str:
    accepted = ", ".join(IMAGE_SUFFIXES)
    if not path.is_file():
        return f"{path} is not an image but a folder; accepted are {accepted}"
    with path.open("rb") as stream:
        head = stream.read(12)
    if not head:
        return f"{path} is not an image but an empty file; accepted are {accepted}"
    if head[4:8] == b"ftyp" and head[8:] in HEIC_BRANDS:
        return f"{path} is a HEIC photograph, which is not supported; save or send it as JPEG"
    return f"{path} is not an image; accepted are {accepted}"


def _shown_frames(image: Image.Image) -> range:
    """Return the numbers of the frames that a viewer shows."""
    if image.format == "MPO":  # previews or depth maps follow the photograph
        return range(1)
    # An animated PNG may begin with an image for programs without support for animations.
    first = 1 if image.info.get("default_image") else 0
    return range(first, getattr(image, "n_frames", 1))


def _read_page(image: Image.Image, path: Path, longest_side: int | None) -> Page:
    upright = ImageOps.exif_transpose(image)
    clear = None
    if upright.mode.startswith(("I", "F")):  # more than 8 bits
        values = np.asarray(upright)
        if "transparency" in upright.info:
            clear = np.where(values == upright.info["transparency"], 0, 255).astype(np.uint8)
        upright = Image.fromarray(as_bytes(values, path))
    elif upright.mode == "LAB":
        upright = upright.getchannel("L")
    transparent = upright.has_transparency_data
    converted = _reduced(upright.convert("RGBA" if transparent else "L"), longest_side)
    alpha = np.asarray(converted.getchannel("A")) if transparent else clear
    return Page(np.asarray(converted.convert("L")), alpha)


def _reduced(image: Image.Image, longest_side: int | None) -> Image.Image:
    """Reduce an image by a whole factor, such that its longest side is not below `longest_side`."""
    factor = max(image.size) // longest_side if longest_side else 1
    return image.reduce(factor) if factor > 1 else image


def _ground(pages: Sequence[Page]) -> float:
    visible = np.stack(
        [
            np.ones(page.shades.shape, bool) if page.alpha is None else page.alpha > MIDDLE_GREY
            for page in pages
        ]
    )
    shades = np.stack([page.shades for page in pages])[visible]
    if shades.size == 0:
        return 0.0
    _, rows, columns = np.nonzero(visible)
    box = visible[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    darkest, middle, lightest = np.percentile(shades, [2, 50, 98])
    if box.mean() > SHEET_SHARE and lightest - darkest > SHEET_CONTRAST:
        return float(middle)
    return 0.0 if shades.mean() > MIDDLE_GREY else 255.0
