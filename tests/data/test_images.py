"""Animations, folders and arrays become frames as a person sees them, and come back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rnnbench.data.images import images_in, read_frames, write_frames
from rnnbench.errors import RnnbenchError

INK = np.random.default_rng(0).random((12, 64, 64)) < 0.2
FRAMES = np.where(INK, 255, 0).astype(np.uint8)


def save_animation(frames: list[Image.Image], path: Path, **options: Any) -> Path:
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    return path


def test_frames_are_read_from_arrays_animations_and_folders(tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", FRAMES[..., np.newaxis])
    np.savez(tmp_path / "frames.npz", FRAMES)
    np.save(tmp_path / "shares.npy", FRAMES / 255.0)
    np.save(tmp_path / "masks.npy", INK)
    np.save(tmp_path / "deep.npy", FRAMES.astype(np.uint16) * 257)
    images = [Image.fromarray(frame) for frame in FRAMES]
    for name in ("frames.gif", "frames.apng", "frames.tif"):
        save_animation(images, tmp_path / name)
    save_animation(images, tmp_path / "frames.webp", lossless=True)
    (tmp_path / "folder").mkdir()
    for number, image in enumerate(images):
        image.save(tmp_path / "folder" / f"frame{number}.png")  # frame10 comes after frame9
    (tmp_path / "folder" / ".DS_Store").write_text("of a file manager")
    paths = sorted(path for path in tmp_path.iterdir() if path != tmp_path / "frames.txt")
    assert len(paths) == 10
    for path in paths:
        read = read_frames(path, 10)
        assert read.shape == (10, 64, 64, 1)
        np.testing.assert_array_equal(read[..., 0], FRAMES[2:], err_msg=str(path))


@pytest.mark.parametrize("suffix", [".gif", ".apng", ".webp", ".tif"])
@pytest.mark.parametrize("ink", [0, 255])
def test_frames_on_a_transparent_ground_are_read_as_they_are_seen(
    suffix: str, ink: int, tmp_path: Path
) -> None:
    images = []
    for frame in INK:
        pixels = np.full((64, 64, 4), (ink, ink, ink, 0), np.uint8)
        pixels[frame, 3] = 255
        images.append(Image.fromarray(pixels))
    options: Any = {".webp": {"lossless": True}, ".gif": {"disposal": 2}}.get(suffix, {})
    path = save_animation(images, tmp_path / f"seen{suffix}", **options)
    np.testing.assert_array_equal(read_frames(path, 12)[..., 0], FRAMES)


def test_of_an_animated_png_the_image_for_other_programs_is_no_frame(tmp_path: Path) -> None:
    images = [Image.fromarray(frame) for frame in (255 - FRAMES[0], *FRAMES)]
    path = save_animation(images, tmp_path / "frames.png", default_image=True)
    np.testing.assert_array_equal(read_frames(path, 12)[..., 0], FRAMES)
    with pytest.raises(RnnbenchError, match="12 frames; the model takes 13"):
        read_frames(path, 13)


def test_dark_ink_on_a_light_ground_is_inverted(tmp_path: Path) -> None:
    path = save_animation([Image.fromarray(255 - frame) for frame in FRAMES], tmp_path / "dark.gif")
    np.testing.assert_array_equal(read_frames(path, 12)[..., 0], FRAMES)


def test_frames_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for name, array in {
        "few": FRAMES[:3],
        "small": FRAMES[:, :32],
        "negative": FRAMES - 1.0,
        "broken": np.where(INK, np.nan, 0.0),
        "words": np.array(["frames"]),
        "none": FRAMES[:0],
        "complex": FRAMES * 1j,
    }.items():
        np.save(tmp_path / f"{name}.npy", array)
    np.save(tmp_path / "objects.npy", np.array([None]), allow_pickle=True)
    np.savez(tmp_path / "two.npz", a=FRAMES, b=FRAMES)
    (tmp_path / "cut.npy").write_bytes((tmp_path / "few.npy").read_bytes()[:5000])
    (tmp_path / "pickle.npz").write_bytes(b"cos\nsystem\n(S'touch hacked'\ntR.")
    Image.fromarray(FRAMES[0, :32]).save(tmp_path / "wide.gif")
    (tmp_path / "empty").mkdir()
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "frames.mp4").write_bytes(b"\0")
    for name, words in (
        ("few.npy", "has 3 frames; the model takes 10"),
        ("small.npy", r"shape \(12, 32, 64\); expected frames of 64 x 64"),
        ("negative.npy", "pixels from -1 to 254; expected bytes"),
        ("broken.npy", "not finite"),
        ("words.npy", "holds <U6, expected numbers"),
        ("none.npy", "is empty"),
        ("complex.npy", "holds complex128, expected numbers"),
        ("objects.npy", "Python objects are never unpickled"),
        ("two.npz", r"holds 2 arrays \(a, b\); save the array"),
        ("cut.npy", "not a .npy file of numbers"),
        ("pickle.npz", "Python objects are never unpickled"),
        ("missing.npy", "does not exist"),
        ("wide.gif", "has 64 x 32 pixels; expected frames of 64 x 64"),
        ("empty", "holds no images"),
        ("mixed", "frames.mp4 is not an image, and every file of the folder is read"),
    ):
        with pytest.raises(RnnbenchError, match=words):
            read_frames(tmp_path / name, 10)


def test_an_array_whose_header_promises_a_terabyte_is_refused(tmp_path: Path) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (2**40, 64, 64)}
    with (tmp_path / "huge.npy").open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
    with pytest.raises(RnnbenchError, match=r"not a \.npy file of numbers"):
        read_frames(tmp_path / "huge.npy", 10)


def test_numbers_in_names_are_ordered_by_size(tmp_path: Path) -> None:
    names = ["a.png", "frame 2 of 3.jpg", "frame 10 of 3.jpg", "frame 10 of 12.jpg"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "Thumbs.db").touch()
    assert [path.name for path in images_in(tmp_path)] == [*names[:3][:2], *names[2:]]


@pytest.mark.parametrize("name", ["out.npy", "out.gif", "out.png"])
def test_frames_are_written_as_the_name_says(name: str, tmp_path: Path) -> None:
    write_frames(FRAMES[..., np.newaxis] / 255.0, tmp_path / name)
    if name == "out.png":
        strip = np.asarray(Image.open(tmp_path / name))
        np.testing.assert_array_equal(strip, np.concatenate(list(FRAMES), axis=1))
    else:
        np.testing.assert_array_equal(read_frames(tmp_path / name, 12)[..., 0], FRAMES)


@pytest.mark.parametrize("name", ["out.npy", "out.gif"])
def test_frames_that_equal_the_one_before_are_not_lost(name: str, tmp_path: Path) -> None:
    shades = np.arange(64 * 64).reshape(64, 64) % 256  # every shade there is
    still = np.stack([shades * 0, shades, shades, shades, shades * 0, shades * 0]).astype(np.uint8)
    still[:, 0] = still[:, -1] = 0
    write_frames(still[..., np.newaxis] / 255.0, tmp_path / name)
    np.testing.assert_array_equal(read_frames(tmp_path / name, 6)[..., 0], still)


def test_a_name_without_a_known_ending_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    with pytest.raises(RnnbenchError, match=r"accepted are \.npy, \.gif"):
        write_frames(FRAMES[..., np.newaxis] / 255.0, tmp_path / "out.mp4")
    assert not list(tmp_path.iterdir())
