"""Writing files: whole or not at all, and a clear word when the disk refuses."""

import errno
import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from rnnbench.errors import RnnbenchError
from rnnbench.files import atomic_file, atomic_folder, require_free_space, write_json

Usage = namedtuple("Usage", "total used free")


def unwritable_folder(tmp_path: Path) -> Path:
    """A folder that even root may not write to, or one without permission for others."""
    if os.geteuid() == 0:
        return Path("/sys/kernel")
    folder = tmp_path / "readonly"
    folder.mkdir(mode=0o555)
    return folder


def test_an_interrupted_file_leaves_the_old_one_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "metrics.json"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_file(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_interrupted_folder_leaves_the_old_one_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "view"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(KeyboardInterrupt), atomic_folder(target) as temporary:
        (temporary / "half").touch()
        raise KeyboardInterrupt
    assert [path.name for path in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_finished_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    target = tmp_path / "view"
    target.mkdir()
    (target / "old").touch()
    with atomic_folder(target) as temporary:
        (temporary / "new").touch()
    assert [path.name for path in target.iterdir()] == ["new"]


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with pytest.raises(RnnbenchError, match="no space is left"), atomic_file(target):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_device_that_is_really_full_is_said(tmp_path: Path) -> None:
    with (
        pytest.raises(RnnbenchError, match="no space is left"),
        atomic_file(tmp_path / "model"),
        Path("/dev/full").open("w") as full,
    ):
        full.write("x" * 100_000)


def test_too_little_space_is_said_before_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(RnnbenchError, match="819 MB are needed and 1 MB are free"):
        require_free_space(tmp_path, 819_200_096)


def test_a_read_only_folder_is_said(tmp_path: Path) -> None:
    target = unwritable_folder(tmp_path) / "raw" / "mnist"
    with (
        pytest.raises(RnnbenchError, match=r"mnist was not written: .*(written|read-only)"),
        atomic_folder(target),
    ):
        pass


def test_a_number_that_json_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "metrics.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []
