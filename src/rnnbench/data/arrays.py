"""Reading arrays of numbers from users' files, never unpickling; converting pixels to bytes."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnbench.errors import RnnbenchError

ARRAY_SUFFIXES = (".npy", ".npz")
# The most that an archive may unpack to; 100,000 sequences of ten frames take less.
MOST_BYTES = 4 * 2**30
NUMBER_KINDS = "biuf"  # kinds of NumPy dtypes: booleans, integers, floating-point numbers
BYTE_MAXIMUM = 255
MAXIMUM_IN_16_BITS = 65_535
SHADES_IN_16_BITS = 257  # for each shade in 8 bits

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[Any]


def read_array(path: Path) -> Numbers:
    """Read an array of numbers.

    Parameters
    ----------
    path : Path
        A `.npy` file, or a `.npz` file with one array.

    Returns
    -------
    ndarray
        Booleans, integers or finite floating-point numbers, at least one.

    Raises
    ------
    RnnbenchError
        If the file does not exist, is truncated, unpacks to more than 4 GiB, or holds anything
        else: text, Python objects, no numbers, numbers that are not finite, several arrays.
    """
    try:
        array = _load(path)
    except FileNotFoundError as error:
        raise RnnbenchError(
            f"{path} does not exist; give the path of a .npy file of numbers"
        ) from error
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        objects = ", and Python objects are never unpickled" if _names_objects(error) else ""
        raise RnnbenchError(
            f"{path} is not a .npy file of numbers{objects}; write one with numpy.save"
        ) from error
    if array.dtype.kind not in NUMBER_KINDS:
        raise RnnbenchError(f"{path} holds {array.dtype}, expected numbers")
    if array.size == 0:
        raise RnnbenchError(f"{path} is empty: its shape is {array.shape}")
    if not np.isfinite(array).all():
        raise RnnbenchError(f"{path} holds numbers that are not finite (NaN or infinity)")
    return array


def as_bytes(values: Numbers, name: object) -> Bytes:
    """Return pixels as bytes, 0 to 255.

    Parameters
    ----------
    values : ndarray
        Shades from 0 to 255 or, where none is above 1, from 0 to 1. Integers above 255 have 16
        bits: 65535 is white.
    name : object
        Name of the source, for messages.

    Raises
    ------
    RnnbenchError
        If the values are in none of these ranges.
    """
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if low >= 0 and BYTE_MAXIMUM < high <= MAXIMUM_IN_16_BITS and values.dtype.kind in "iu":
        return (values // SHADES_IN_16_BITS).astype(np.uint8)
    if not 0 <= low <= high <= BYTE_MAXIMUM:  # also false for NaN
        raise RnnbenchError(
            f"{name} holds pixels from {low + 0.0:g} to {high + 0.0:g}; expected bytes (0 to 255)"
            " or shades from 0 to 1"
        )
    shades = values * float(BYTE_MAXIMUM) if high <= 1 else values
    return np.round(shades).astype(np.uint8)


def _names_objects(error: BaseException) -> bool:
    return any(word in str(error) for word in ("pickle", "Python objects"))


def _load(path: Path) -> Numbers:
    # Memory-mapped, so that a header with a false shape cannot allocate memory.
    loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        return np.asarray(loaded)
    with loaded as archive:
        if len(archive.files) != 1:
            names = ", ".join(archive.files) or "none"
            raise RnnbenchError(
                f"{path} holds {len(archive.files)} arrays ({names}); save the array to predict"
                " from in a file of its own"
            )
        with zipfile.ZipFile(path) as members:
            size = sum(member.file_size for member in members.infolist())
        if size > MOST_BYTES:
            raise RnnbenchError(
                f"{path} unpacks to {size / 1e9:.1f} GB; at most {MOST_BYTES / 1e9:.1f} GB are read"
            )
        array: Numbers = archive[archive.files[0]]
        return array
