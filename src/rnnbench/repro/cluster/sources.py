"""The files of a repository that its stages depend on, and an archive of them for a node."""

import hashlib
import io
import stat
import tarfile
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from rnnbench.commands import files_of_working_tree, git
from rnnbench.files import text_digest
from rnnbench.layout import OUTPUTS_IN_GIT
from rnnbench.tracking.identity import web_address


@dataclass(frozen=True)
class Sources:
    """The state of a repository's files at one moment.

    Attributes
    ----------
    commit : str
        The commit that is checked out.
    digests : mapping
        The path of each file that git tracks or could track, and a digest of its content and mode.
        Files that the pipeline writes are left out.
    """

    commit: str
    digests: Mapping[str, str]

    @property
    def key(self) -> str:
        """A name that is unique to these sources."""
        lines = [f"{digest} {path}" for path, digest in sorted(self.digests.items())]
        return text_digest("\n".join([self.commit, *lines]))

    def changed(self, since: "Sources", below: str) -> list[str]:
        """Return the files at or below a path that differ from earlier sources."""
        paths = {*self.digests, *since.digests}
        return sorted(
            path
            for path in paths
            if path.startswith(f"{below}/") or path == below
            if self.digests.get(path) != since.digests.get(path)
        )


def read_sources(root: Path) -> Sources:
    """Read the current state of a repository's files.

    Raises
    ------
    RnnbenchError
        If it is not a git repository with a commit.
    """
    commit = git(root, "rev-parse", "HEAD").strip()
    digests = {
        path: _digest(root / path)
        for path in files_of_working_tree(root)
        # With the outputs of the pipeline, the sources would change with every result.
        if _is_file(root / path) and not any(map(Path(path).is_relative_to, OUTPUTS_IN_GIT))
    }
    return Sources(commit, digests)


def pack(root: Path, paths: Collection[str]) -> bytes:
    """Return an archive of some files and of a git folder with only the current commit.

    The files are those of the working tree, including uncommitted changes, so that git reports the
    same state in the copy. The history, which can be large, is left out.
    """
    with tempfile.TemporaryDirectory(prefix="rnnbench-") as folder:
        copy = Path(folder, "copy")
        shallow = ("--quiet", "--depth=1", "--no-checkout", "--no-tags")
        git(root, "clone", *shallow, root.resolve().as_uri(), str(copy))
        _name_origin(root, copy)
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as packed:
            packed.add(copy / ".git", ".git")
            for path in sorted(paths):
                packed.add(root / path, path, recursive=False)
        return archive.getvalue()


def _name_origin(root: Path, copy: Path) -> None:
    """Set the copy's origin to the web address of this one's, which holds no password."""
    listed = git(root, "remote").split()
    address = git(root, "remote", "get-url", "origin") if "origin" in listed else ""
    git(copy, "remote", "set-url", "origin", web_address(address.strip()) or "none")


def _is_file(path: Path) -> bool:
    return path.is_symlink() or path.is_file()


def _digest(path: Path) -> str:
    """Hash what git would record: a link's target, or a file's content and executable bit."""
    if path.is_symlink():
        return hashlib.sha256(f"link {path.readlink()}".encode()).hexdigest()
    executable = bool(path.stat().st_mode & stat.S_IXUSR)
    return hashlib.sha256(b"x" * executable + b" " + path.read_bytes()).hexdigest()
