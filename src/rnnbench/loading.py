"""The results of an experiment by name and revision: scores, history, predictions, model.

Each part is read on first access. Files of a commit come from git, from DVC's cache or from its
remote; files of the workspace are read in place or, if they are missing, from the cache.
"""

import io
import json
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from dvc.api import DVCFileSystem
from dvc.config import Config
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc_data.index.index import DataIndexError
from ruamel.yaml import YAML

from rnnbench.data.prepared import Array
from rnnbench.errors import RnnbenchError
from rnnbench.layout import (
    EVALUATION_FOLDER,
    HISTORY_FILE,
    METRICS_FILE,
    MODEL_FILE,
    PREDICTIONS_FOLDER,
    RESULTS_FOLDER,
    RUNS_FOLDER,
    SEED,
    seed_folder,
    seed_of,
)
from rnnbench.params import PARAMS_FILE
from rnnbench.registry import choices
from rnnbench.tracking.store import repository_root

if TYPE_CHECKING:
    import keras


class RevisionFiles:
    """The files of the workspace or of a commit, including those in DVC's cache or remote.

    Parameters
    ----------
    root : Path
        The repository.
    revision : str or None
        A commit, branch or tag; None for the workspace.
    """

    def __init__(self, root: Path, revision: str | None = None) -> None:
        self.root = root
        self.revision = revision

    def __str__(self) -> str:
        return f"commit {self.revision!r}" if self.revision else "the workspace"

    @cached_property
    def _files(self) -> DVCFileSystem:
        # The current remote: the commit may be older than it, or name a remote that is gone.
        remote = Config(str(self.root / Repo.DVC_DIR))["core"].get("remote")
        try:
            files = DVCFileSystem(str(self.root), rev=self.revision, remote=remote)
            assert files.repo
        except DvcException as error:
            raise RnnbenchError(f"{self} of {self.root} cannot be read: {error}") from error
        return files

    def read(self, path: Path) -> bytes:
        """Return the content of a file.

        Raises
        ------
        RnnbenchError
            If there is no such file, or neither the cache nor a remote has it.
        """
        if not self.revision and (self.root / path).is_file():
            return (self.root / path).read_bytes()
        try:
            with self._files.open(f"/{path.as_posix()}", "rb") as stream:
                content: bytes = stream.read()
                return content
        except (OSError, DvcException, DataIndexError) as error:
            raise self._lacks(path) from error

    def names(self, folder: Path) -> list[str]:
        """Return the names in a folder, sorted.

        Raises
        ------
        RnnbenchError
            If there is no such folder, or neither the cache nor a remote has its list of files.
        """
        if not self.revision and (self.root / folder).is_dir():
            return sorted(path.name for path in (self.root / folder).iterdir())
        try:
            listed = self._files.ls(f"/{folder.as_posix()}", detail=False)
        except (OSError, DvcException, DataIndexError) as error:
            raise self._lacks(folder) from error
        return sorted(Path(name).name for name in listed)

    def yaml(self, path: Path) -> Any:
        """Return the content of a YAML file, read as DVC reads it."""
        return YAML(typ="safe").load(self.read(path))

    def _lacks(self, path: Path) -> RnnbenchError:
        fetch, make = ("dvc pull", "`dvc repro` makes it")
        if self.revision:
            fetch = "dvc fetch --all-commits"
            make = f"after `git checkout {self.revision}`, `dvc repro` makes it anew"
        return RnnbenchError(
            f"{path} of {self} is neither here nor in DVC's cache, and no DVC remote provided it;"
            f" `{fetch}` downloads what a remote has; {make}"
        )


class LoadedExperiment:
    """The recorded results of an experiment; each part is read on first access.

    A part that is not available raises RnnbenchError, which says where it was looked for.

    Parameters
    ----------
    name : str
        The experiment.
    suite : str
        Its suite.
    files : RevisionFiles
        Where its files are.
    """

    def __init__(self, name: str, suite: str, files: RevisionFiles) -> None:
        self.name = name
        self.suite = suite
        self._files = files
        self._results = RESULTS_FOLDER / suite / name
        self._runs = RUNS_FOLDER / suite / name

    def __repr__(self) -> str:
        return f"<experiment {self.name} of {self._files}>"

    @cached_property
    def scores(self) -> dict[str, float]:
        """The content of `metrics.json`: means over seeds, and the ends of the 95 % interval.

        It is empty if every seed diverged.
        """
        scores: dict[str, float] = json.loads(self._files.read(self._results / METRICS_FILE))
        return scores

    @cached_property
    def history(self) -> pd.DataFrame:
        """The metrics of training and validation, one row per seed and epoch."""
        return pd.read_csv(io.BytesIO(self._files.read(self._results / HISTORY_FILE)))

    @cached_property
    def predictions(self) -> Mapping[int, dict[str, Array]]:
        """The arrays that evaluation saved for each seed that did not diverge, by seed.

        `score` is the task's score of each test example, shape (examples,); the others depend on
        the task, for example `probabilities` and `labels` for classification.
        """
        folder = self._results / EVALUATION_FOLDER / PREDICTIONS_FOLDER
        found = {}
        for name in self._files.names(folder):
            content = io.BytesIO(self._files.read(folder / name))
            with np.load(content, allow_pickle=False) as arrays:
                found[seed_of(name)] = dict(arrays)
        return dict(sorted(found.items()))

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds whose runs have a folder, ascending."""
        names = self._files.names(self._runs)
        return sorted(seed_of(name) for name in names if name.startswith(SEED))

    @cached_property
    def model(self) -> "keras.Model":
        """The trained model of the first seed that did not diverge."""
        for seed in self.seeds:
            if MODEL_FILE in self._files.names(self._runs / seed_folder(seed)):
                return self.load_model(seed)
        raise RnnbenchError(f"{self.name} of {self._files} has no model: every seed diverged")

    def load_model(self, seed: int) -> "keras.Model":
        """Load the trained model of one seed.

        Raises
        ------
        RnnbenchError
            If the seed was not trained, it diverged, or its model is not available.
        """
        from rnnbench.models.backend import import_keras

        if seed not in self.seeds:
            trained = ", ".join(map(str, self.seeds))
            raise RnnbenchError(f"{self.name} has no run with seed {seed}; there are: {trained}")
        content = self._files.read(self._runs / seed_folder(seed) / MODEL_FILE)
        import_keras()
        from rnnbench.models.saved import load_model

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / MODEL_FILE
            path.write_bytes(content)
            return load_model(path)


def load_experiment(
    name: str, rev: str | None = None, repository: Path | None = None
) -> LoadedExperiment:
    """Find an experiment by name in the workspace or in a commit; see `rnnbench.load`."""
    files = RevisionFiles(repository_root(repository), rev)
    content = files.yaml(PARAMS_FILE)
    lines = content.get("experiments") if isinstance(content, Mapping) else None
    if not isinstance(lines, Mapping):
        raise RnnbenchError(f"{PARAMS_FILE} of {files} has no mapping `experiments`")
    if name not in lines:
        known = choices(name, lines)
        raise RnnbenchError(f"{PARAMS_FILE} of {files} has no experiment {name!r}; {known}")
    if not isinstance(lines[name], Mapping) or "suite" not in lines[name]:
        raise RnnbenchError(
            f"experiments.{name} in {PARAMS_FILE} of {files} names no suite, so its files cannot be"
            " found; the commit is older than this layout"
        )
    return LoadedExperiment(name, lines[name]["suite"], files)
