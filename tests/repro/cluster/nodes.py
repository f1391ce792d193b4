"""Ray nodes on one machine, in folders of their own, and small repositories to run on them."""

import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from dvc.repo import Repo
from dvc.utils.serialize import dumps_yaml

T = TypeVar("T")
TOKEN = "of-the-cluster-that-the-tests-start"  # noqa: S105
GIT = ("git", "-c", "user.name=Test", "-c", "user.email=test@example.org")


@dataclass
class Nodes:
    """A cluster whose head has no processor, so that the driver's node runs nothing.

    Attributes
    ----------
    cluster : ray.cluster_utils.Cluster
        Ray's own way to run several nodes on one machine.
    folder : Path
        What has the folder of each node.
    client : str
        The address for drivers on other machines.
    """

    cluster: Any
    folder: Path
    client: str
    alive: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, **resources: float) -> None:
        """Start a node with its own home and folder."""
        home = self.folder / name
        home.mkdir(exist_ok=True)
        variables = {
            "HOME": str(home),
            "RNNBENCH_NODE_FOLDER": str(home / "work"),
        }
        options = {"node_name": name, "env_vars": variables, "num_cpus": 1, **resources}
        self.alive[name] = patiently(lambda: self.cluster.add_node(**options))

    def kill(self, name: str) -> None:
        """End a node as a power cut does."""
        self.cluster.remove_node(self.alive.pop(name), allow_graceful=False)

    def ensure(self, names: tuple[str, ...]) -> None:
        """Start what an earlier test killed, and stop what it added."""
        for name in set(self.alive) - set(names):
            self.kill(name)
        for name in set(names) - set(self.alive):
            self.add(name)


def patiently(start: Callable[[], T]) -> T:
    """Start a node, for which Ray allows half a minute: too little where other tests run."""
    for pause in (5.0, 15.0):
        try:
            return start()
        except Exception:  # Ray has no class of its own for it
            time.sleep(pause)
    return start()


def make_repository(root: Path, stages: Mapping[str, Any], files: Mapping[str, str]) -> Path:
    """Make a git repository with the stages of a dvc.yaml; all its files are committed."""
    root.mkdir()
    subprocess.run([*GIT, "init", "--quiet"], cwd=root, check=True)
    Repo.init(str(root)).close()
    for name, text in {"dvc.yaml": dumps_yaml({"stages": stages}), **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    commit(root)
    return root


def commit(root: Path) -> None:
    """Commit all files."""
    subprocess.run([*GIT, "add", "--all"], cwd=root, check=True)
    subprocess.run([*GIT, "commit", "--quiet", "--message", "files"], cwd=root, check=True)


def processes_in(folder: Path) -> list[str]:
    """Return the commands of the processes that work in or below a folder, Ray's own left out."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where = (process / "cwd").readlink()
            if where.is_relative_to(folder):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found
