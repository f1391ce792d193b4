"""Where runs are tracked: a server that is named, or SQLite in the repository root."""

import os
from pathlib import Path

from filelock import FileLock

from rnnbench.files import temporary_folder

TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"
DATABASE = "mlflow.db"
ARTIFACTS = "mlartifacts"
_TEMPORARY_COPIES = (".dvc", "tmp", "exps")


def repository_root(start: Path | None = None) -> Path:
    """Return the root of the repository, also from within DVC's temporary copies of it.

    DVC runs queued experiments in `.dvc/tmp/exps/`; a store there would be lost with the copy.

    Parameters
    ----------
    start : Path or None
        A folder of the repository, by default the working directory.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if folder.parts[-4:-1] == _TEMPORARY_COPIES:
            return folder.parents[3]
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").exists():
            return folder
    return here


def tracking_uri(root: Path | None = None) -> str:
    """Return the tracking server: `MLFLOW_TRACKING_URI`, or the default store's URI."""
    return os.environ.get(TRACKING_VARIABLE) or default_uri(root or repository_root())


def default_uri(root: Path) -> str:
    """Return the URI of the SQLite store in `root`, by absolute path."""
    return f"sqlite:///{quoted(root.resolve() / DATABASE)}"


def quoted(path: Path) -> str:
    """Return a path as it stands in the URI of a database."""
    return str(path).replace("%", "%25").replace("?", "%3F")


def make_default_store(root: Path) -> None:
    """Make the database of the default store, as a whole or not at all, unless it is there.

    MLflow makes its tables in many steps, and cannot go on where it was killed between two.

    Parameters
    ----------
    root : Path
        The repository's.
    """
    database = root.resolve() / DATABASE
    if database.exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with FileLock(database.with_name(f"{DATABASE}.lock"), mode=0o666):
        if not database.exists():  # unless the process before this one made it
            with temporary_folder(database) as folder:  # SQLite keeps a journal beside a database
                temporary = folder / DATABASE
                artifacts = (root.resolve() / ARTIFACTS).as_uri()
                uri = f"sqlite:///{quoted(temporary)}"
                store = SqlAlchemyStore(uri, artifacts)  # type: ignore[no-untyped-call]
                store.engine.dispose()
                temporary.replace(database)


def artifact_location(root: Path | None = None) -> str | None:
    """Return where artifacts go: None where a named server decides."""
    root = root or repository_root()
    # Not whether the variable is set: MLflow sets it itself, to what it was told.
    if tracking_uri(root) != default_uri(root):
        return None
    return (root.resolve() / ARTIFACTS).as_uri()
