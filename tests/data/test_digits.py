"""Photographs, scans and drawings of digits become what a model of MNIST takes."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import photographs
import pytest
from PIL import Image, ImageDraw

from rnnbench.data.digits import read_digits
from rnnbench.errors import RnnbenchError

ORIENTATION = 0x0112  # the tag of EXIF
STROKE = np.zeros((28, 28), np.uint8)
STROKE[4:24, 12:16] = 255


def seven(size: tuple[int, int] = (300, 400), width: int = 24) -> Image.Image:
    """Black on white; it is no other digit from any side."""
    image = Image.new("L", size, 255)
    line = [(90, 100), (210, 100), (140, 300)]
    ImageDraw.Draw(image).line(line, fill=0, width=width, joint="curve")
    return image


def read_one(path: Path) -> npt.NDArray[np.uint8]:
    digits = read_digits(path)
    assert digits.shape == (1, 28, 28)
    return digits.reshape(28, 28)


def likeness(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> npt.NDArray[np.uint8]:
    """The seven as read from a plain file."""
    path = tmp_path_factory.mktemp("digits") / "plain.png"
    seven().save(path)
    return read_one(path)


def test_images_of_mnist_s_size_are_taken_as_they_are(tmp_path: Path) -> None:
    for name, pixels in (("light.png", STROKE), ("dark.png", 255 - STROKE)):
        Image.fromarray(pixels).save(tmp_path / name)
        np.testing.assert_array_equal(read_one(tmp_path / name), STROKE)
    np.save(tmp_path / "three.npy", np.stack([STROKE] * 3))
    np.save(tmp_path / "one.npy", STROKE / 255.0)
    np.testing.assert_array_equal(read_digits(tmp_path / "three.npy"), [STROKE] * 3)
    np.testing.assert_array_equal(read_digits(tmp_path / "one.npy"), [STROKE])
    with pytest.raises(RnnbenchError, match=r"shape \(20, 28\); expected digits of 28 x 28"):
        np.save(tmp_path / "cut.npy", STROKE[:20])
        read_digits(tmp_path / "cut.npy")


@pytest.mark.parametrize("dark_on_light", [True, False])
def test_a_larger_drawing_is_scaled_centred_and_light_on_dark(
    dark_on_light: bool, tmp_path: Path
) -> None:
    drawing = np.zeros((300, 200), np.uint8)
    drawing[20:120, 100:120] = 255
    Image.fromarray(255 - drawing if dark_on_light else drawing).save(tmp_path / "one.png")
    np.testing.assert_allclose(read_one(tmp_path / "one.png"), STROKE, atol=40)


def test_a_drawing_cut_to_its_ink_is_read(tmp_path: Path, expected: npt.NDArray[np.uint8]) -> None:
    seven().crop((78, 88, 222, 312)).save(tmp_path / "tight.png")
    assert likeness(read_one(tmp_path / "tight.png"), expected) > 0.97


def sideways(image: Image.Image, path: Path, orientation: int, **options: Any) -> None:
    """Save an image as a camera held in another way does: turned, with a mark that says so."""
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    turned = image.transpose(turns[orientation]) if orientation in turns else image
    turned.save(path, exif=exif, **options)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_a_photograph_is_read_upright_however_the_camera_was_held(
    suffix: str, tmp_path: Path, expected: npt.NDArray[np.uint8]
) -> None:
    for orientation in range(1, 9):
        sideways(seven(), tmp_path / f"seven{suffix}", orientation)
        assert likeness(read_one(tmp_path / f"seven{suffix}"), expected) > 0.97, orientation


def on_transparent(ink: int, mode: str) -> Image.Image:
    drawing = Image.merge(
        "LA", [Image.new("L", (300, 400), ink), Image.eval(seven(), lambda p: 255 - p)]
    )
    if mode == "P":
        palette = Image.new("P", drawing.size, 0)
        palette.putpalette([0, 0, 0, ink, ink, ink])
        palette.paste(1, mask=drawing.getchannel("A"))
        palette.info["transparency"] = 0
        return palette
    return drawing.convert(mode)


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
@pytest.mark.parametrize("ink", [0, 60, 255])
def test_a_drawing_on_a_transparent_ground_is_read(
    ink: int, mode: str, tmp_path: Path, expected: npt.NDArray[np.uint8]
) -> None:
    on_transparent(ink, mode).save(tmp_path / "seven.png")
    assert likeness(read_one(tmp_path / "seven.png"), expected) > 0.97


def test_paper_cut_out_with_round_corners_is_no_ink(
    tmp_path: Path, expected: npt.NDArray[np.uint8]
) -> None:
    sheet = Image.new("L", (300, 400), 0)
    ImageDraw.Draw(sheet).rounded_rectangle((10, 10, 290, 390), 40, fill=255)
    Image.merge("LA", [seven(), sheet]).save(tmp_path / "sheet.png")
    assert likeness(read_one(tmp_path / "sheet.png"), expected) > 0.97


def modes() -> dict[str, Image.Image]:
    """The same drawing as programs and scanners save it."""
    shades = np.asarray(seven()).astype(np.uint32)
    colours = seven().convert("RGB")
    return {
        "bits.png": seven().convert("1"),
        "16-bits.png": Image.fromarray((shades * 200).astype(np.uint16)),
        "16-bits.tif": Image.fromarray((shades * 257).astype(np.uint16)),
        "32-bits.tif": Image.fromarray((shades * 257).astype(np.int32)),
        "shares.tif": Image.fromarray((shades / 255).astype(np.float32)),
        "palette.gif": colours.quantize(16),
        "print.jpg": colours.convert("CMYK"),
        "print.tif": colours.convert("CMYK"),
        "lab.tif": Image.merge("LAB", [seven(), *[Image.new("L", (300, 400), 0)] * 2]),
        "colours.bmp": colours,
        "colours.webp": colours,
        "colours.avif": colours,
        "plain.pgm": seven(),
    }


@pytest.mark.parametrize("name", modes())
def test_every_depth_and_colour_space_is_read(
    name: str, tmp_path: Path, expected: npt.NDArray[np.uint8]
) -> None:
    modes()[name].save(tmp_path / name)
    assert likeness(read_one(tmp_path / name), expected) > 0.97


def test_each_page_of_a_scan_is_a_digit_and_a_camera_s_preview_is_none(
    tmp_path: Path, expected: npt.NDArray[np.uint8]
) -> None:
    upside_down = seven().rotate(180)
    seven().save(tmp_path / "scan.tif", save_all=True, append_images=[upside_down])
    first, second = read_digits(tmp_path / "scan.tif")
    assert likeness(first, expected) > 0.97
    assert likeness(second, expected) < 0.9
    seven().save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[upside_down])
    assert likeness(read_one(tmp_path / "phone.jpg"), expected) > 0.97


def test_shaded_paper_in_a_photograph_is_not_ink(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    digit = np.asarray(seven((300, 400), 40).resize((28, 28), Image.Resampling.BOX))
    for number in range(6):
        path = tmp_path / f"{number}.jpg"
        photographs.photograph(255 - digit, generator).save(path, quality=80)
        Image.fromarray(digit).resize((280, 280), Image.Resampling.BICUBIC).save(
            tmp_path / "plain.png"
        )
        assert likeness(read_one(path), read_one(tmp_path / "plain.png")) > 0.85, number


def bomb(side: int) -> bytes:
    """A small PNG that unpacks to `side` squared white pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    row = zlib.compressobj()
    packed = (
        b"".join(row.compress(b"\0" + b"\xff" * (side // 8)) for _ in range(side)) + row.flush()
    )
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_what_is_no_digit_is_refused(tmp_path: Path) -> None:
    photograph = io.BytesIO()
    seven().save(photograph, "JPEG")
    whole = photograph.getvalue()
    noise = np.random.default_rng(0).normal(120, 3, (300, 300)).astype(np.uint8)
    for name, content in {
        "text.png": b"not an image",
        "empty.png": b"",
        "cut.jpg": whole[: len(whole) // 2],
        "phone.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        "drawing.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "bomb.png": bomb(10_000),
        "larger bomb.png": bomb(20_000),
    }.items():
        (tmp_path / name).write_bytes(content)
    Image.fromarray(np.full((50, 50), 9, np.uint8)).save(tmp_path / "plain.png")
    Image.fromarray(noise).save(tmp_path / "paper.png")
    Image.new("LA", (50, 50), (0, 0)).save(tmp_path / "clear.png")
    pages = [Image.new("1", (5_000, 5_000))] * 4
    pages[0].save(
        tmp_path / "bomb.tif", save_all=True, append_images=pages[1:], compression="group4"
    )
    (tmp_path / "folder.png").mkdir()
    for name, words in (
        ("text.png", "is not an image; accepted are .png"),
        ("empty.png", "an empty file"),
        ("cut.jpg", "is damaged or was cut off"),
        ("phone.heic", "is a HEIC photograph, which is not supported; save or send it as JPEG"),
        ("drawing.eps", "is not an image"),
        ("bomb.png", "more than 89 million pixels"),
        ("larger bomb.png", "more than 89 million pixels"),
        ("bomb.tif", "more than 89 million pixels"),
        ("plain.png", "one plain colour"),
        ("paper.png", "no digit was found"),
        ("clear.png", "one plain colour"),
        ("missing.png", "does not exist"),
        ("folder.png", "a folder"),
    ):
        with pytest.raises(RnnbenchError, match=words):
            read_digits(tmp_path / name)


def test_a_file_damaged_anywhere_is_read_or_refused(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for image, suffix in (
        (seven(), ".png"),
        (seven(), ".jpg"),
        (seven(), ".tif"),
        (seven(), ".gif"),
        (seven(), ".webp"),
    ):
        stream = io.BytesIO()
        image.resize((60, 80)).save(stream, Image.registered_extensions()[suffix])
        for _ in range(40):
            content = bytearray(stream.getvalue())
            for position in generator.integers(0, len(content), 3):
                content[position] = generator.integers(0, 256)
            path = tmp_path / f"damaged{suffix}"
            path.write_bytes(content[: generator.integers(1, 2 * len(content))])
            try:
                assert read_digits(path).shape[1:] == (28, 28)
            except RnnbenchError as error:
                assert str(path) in str(error)
