"""Writing files: whole or not at all, and a clear word when the disk refuses."""

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from rnnbench.errors import RnnbenchError
from rnnbench.files import (
    atomic_file,
    atomic_folder,
    require_free_space,
    temporary_folder,
    write_json,
)

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


def test_a_limit_on_the_size_of_files_is_said(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(RnnbenchError, match="larger than the file system or `ulimit -f`"):
            write_json(tmp_path / "model", "x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


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


# Writes a folder, or a file, and is killed before the operation on files whose turn it is.
KILLED = """
import os, signal, sys
from pathlib import Path
from rnnbench import files

turn, exchanges, form = int(sys.argv[1]), sys.argv[2] == "exchange", sys.argv[3]
if not exchanges:
    files._exchange = lambda one, other: False
count = 0

def kill(event, arguments):
    global count
    if event in ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.scandir"):
        count += 1
        if count == turn:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
write = files.atomic_folder if form == "folder" else files.atomic_file
with write(Path("target")) as temporary:
    (temporary / "new" if form == "folder" else temporary).write_text("new")
"""


@pytest.mark.parametrize(
    ("form", "way"), [("folder", "exchange"), ("folder", "two renames"), ("file", "exchange")]
)
def test_at_whatever_operation_it_is_killed_the_old_or_the_new_is_there_afterwards(
    form: str, way: str, tmp_path: Path
) -> None:
    seen = set()
    for turn in range(1, 30):
        folder = tmp_path / str(turn)
        target = folder / "target"
        (target if form == "folder" else folder).mkdir(parents=True)
        (target / "old" if form == "folder" else target).write_text("old")
        command = [sys.executable, "-c", KILLED, str(turn), way, form]
        if subprocess.run(command, cwd=folder).returncode == 0:
            break
        if form == "folder" and way == "exchange":
            assert target.exists(), "there is no moment without a folder"
        if form == "folder":
            with pytest.raises(KeyboardInterrupt), atomic_folder(target):
                raise KeyboardInterrupt  # the next call, which changes nothing itself
            (found,) = target.iterdir()
            seen.add(found.read_text())
        else:
            with pytest.raises(KeyboardInterrupt), atomic_file(target):
                raise KeyboardInterrupt
            seen.add(target.read_text())
        assert list(folder.iterdir()) == [target], "and nothing else is left"
    else:
        pytest.fail("it was never let through")
    assert seen == {"old", "new"}


def test_what_another_process_is_writing_is_not_taken_for_a_leftover(tmp_path: Path) -> None:
    target = tmp_path / "view"
    with temporary_folder(target) as ours:
        script = (
            "from pathlib import Path; from rnnbench.files import temporary_folder\n"
            f"with temporary_folder(Path({str(target)!r})): pass"
        )
        subprocess.run([sys.executable, "-c", script], check=True)
        assert ours.exists()


@pytest.mark.parametrize(
    ("umask", "file_mode", "folder_mode"), [(0o022, 0o644, 0o755), (0o002, 0o664, 0o775)]
)
def test_permissions_are_those_that_the_umask_says(
    umask: int, file_mode: int, folder_mode: int, tmp_path: Path
) -> None:
    before = os.umask(umask)
    try:
        write_json(tmp_path / "file.json", {})
        with atomic_folder(tmp_path / "folder"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "file.json").stat().st_mode & 0o777 == file_mode
    assert (tmp_path / "folder").stat().st_mode & 0o777 == folder_mode
