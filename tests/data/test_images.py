"""Images and frames of people's files become what the models take."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rnnbench.data.images import read_digit, read_frames, write_frames
from rnnbench.errors import RnnbenchError

STROKE = np.zeros((28, 28), np.uint8)
STROKE[4:24, 12:16] = 255


def test_an_image_of_mnist_s_size_is_taken_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(STROKE).save(tmp_path / "one.png")
    np.testing.assert_array_equal(read_digit(tmp_path / "one.png"), STROKE)


@pytest.mark.parametrize("dark_on_light", [True, False])
def test_a_larger_drawing_is_scaled_centred_and_light_on_dark(
    dark_on_light: bool, tmp_path: Path
) -> None:
    drawing = np.zeros((300, 200), np.uint8)
    drawing[20:120, 100:120] = 255
    Image.fromarray(255 - drawing if dark_on_light else drawing).save(tmp_path / "one.png")
    digit = read_digit(tmp_path / "one.png")
    np.testing.assert_allclose(digit, STROKE, atol=40)


def test_what_is_no_digit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not an image")
    Image.fromarray(np.full((50, 50), 9, np.uint8)).save(tmp_path / "plain.png")
    for name, words in (
        ("text.png", "is not an image; accepted are .png"),
        ("plain.png", "one plain colour"),
        ("missing.png", "does not exist"),
    ):
        with pytest.raises(RnnbenchError, match=words):
            read_digit(tmp_path / name)


FRAMES = np.random.default_rng(0).integers(0, 2, (12, 64, 64), np.uint8) * 255


def test_frames_are_read_from_an_array_an_animation_or_a_folder(tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", FRAMES[..., np.newaxis])
    images = [Image.fromarray(frame) for frame in FRAMES]
    images[0].save(tmp_path / "frames.gif", save_all=True, append_images=images[1:])
    (tmp_path / "folder").mkdir()
    for number, image in enumerate(images):
        image.save(tmp_path / "folder" / f"{number:02}.png")
    for name in ("frames.npy", "frames.gif", "folder"):
        read = read_frames(tmp_path / name, 10)
        assert read.shape == (10, 64, 64, 1)
        np.testing.assert_array_equal(read[..., 0], FRAMES[2:])


def test_frames_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "few.npy", FRAMES[:3])
    np.save(tmp_path / "small.npy", FRAMES[:, :32])
    np.save(tmp_path / "floats.npy", FRAMES / 255.0)
    np.save(tmp_path / "objects.npy", np.array([None]), allow_pickle=True)
    (tmp_path / "empty").mkdir()
    for name, words in (
        ("few.npy", "has 3 frames; the model takes 10"),
        ("small.npy", r"shape \(12, 32, 64\); frames of 64 x 64"),
        ("floats.npy", "holds float64; bytes"),
        ("objects.npy", "not an array of NumPy"),
        ("empty", "images of 0 sizes"),
    ):
        with pytest.raises(RnnbenchError, match=words):
            read_frames(tmp_path / name, 10)


@pytest.mark.parametrize("name", ["out.npy", "out.gif", "out.png"])
def test_frames_are_written_as_the_name_says(name: str, tmp_path: Path) -> None:
    write_frames(FRAMES[..., np.newaxis] / 255.0, tmp_path / name)
    if name == "out.png":
        strip = np.asarray(Image.open(tmp_path / name))
        np.testing.assert_array_equal(strip, np.concatenate(list(FRAMES), axis=1))
    else:
        np.testing.assert_array_equal(read_frames(tmp_path / name, 12)[..., 0], FRAMES)


def test_a_name_without_a_known_ending_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    with pytest.raises(RnnbenchError, match=r"accepted are \.npy, \.png"):
        write_frames(FRAMES[..., np.newaxis] / 255.0, tmp_path / "out.mp4")
    assert not list(tmp_path.iterdir())
