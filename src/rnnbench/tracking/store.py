"""The tracking server of the runs: the configured one, or SQLite in the repository's root."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from filelock import FileLock

from rnnbench.files import temporary_folder

TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"
DATABASE = "mlflow.db"
ARTIFACTS = "mlartifacts"
HTTP = ("http", "https")
# Tables and columns of MLflow's database that hold addresses of artifacts.
ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)
_TEMPORARY_COPIES = (".dvc", "tmp", "exps")


def repository_root(start: Path | None = None) -> Path:
    """Return the root of the repository, even from one of DVC's temporary copies of it.

    DVC runs queued experiments in `.dvc/tmp/exps/`; a store there would be removed with the copy.

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
    """Return the tracking server: the one that `MLFLOW_TRACKING_URI` names, or the default store.

    The file of a SQLite store is relative to the repository's root, wherever a command is run.
    The returned address has no user and password: `pass_on_credentials` gives them to MLflow.
    """
    root = (root or repository_root()).resolve()
    named = os.environ.get(TRACKING_VARIABLE, "").strip()
    if not named:
        return default_uri(root)
    scheme, _, rest = named.partition(":")
    if scheme in HTTP:
        return _split_credentials(named)[0]
    if _is_sqlite(scheme) and rest.startswith("///") and rest != "///:memory:":
        return named if rest.startswith("////") else f"{scheme}:///{quoted(root)}/{rest[3:]}"
    return named


def default_uri(root: Path) -> str:
    """Return the URI of the SQLite store in `root`, with an absolute path."""
    return f"sqlite:///{quoted(root.resolve() / DATABASE)}"


def quoted(path: Path) -> str:
    """Return a path as it is quoted in the URI of a database."""
    return str(path).replace("%", "%25").replace("?", "%3F")


def make_default_store(root: Path) -> None:
    """Create the database of the default store atomically, unless it exists.

    MLflow creates its tables in many steps, and cannot continue if it was killed between two.

    Parameters
    ----------
    root : Path
        The root of the repository.
    """
    database = root.resolve() / DATABASE
    if database.exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with FileLock(database.with_name(f"{DATABASE}.lock"), mode=0o666):
        if not database.exists():  # another process may have made it before the lock was free
            with temporary_folder(database) as folder:  # SQLite keeps a journal beside a database
                temporary = folder / DATABASE
                artifacts = (root.resolve() / ARTIFACTS).as_uri()
                uri = f"sqlite:///{quoted(temporary)}"
                store = SqlAlchemyStore(uri, artifacts)  # type: ignore[no-untyped-call]
                store.engine.dispose()
                temporary.replace(database)


def pass_on_credentials() -> None:
    """Give the user and password of the server's address to MLflow in variables of their own.

    MLflow prints the address, which must not contain them.
    """
    _, user, password = _split_credentials(os.environ.get(TRACKING_VARIABLE, "").strip())
    if user:
        os.environ.setdefault("MLFLOW_TRACKING_USERNAME", user)
        os.environ.setdefault("MLFLOW_TRACKING_PASSWORD", password)


def artifact_location(root: Path | None = None) -> str | None:
    """Return where new MLflow experiments store artifacts; None if a server decides.

    The folder is beside the file of SQLite or, for another database without a server, in the
    repository's root. MLflow itself would use the working directory.
    """
    from mlflow.store.db.db_types import DATABASE_ENGINES

    root = (root or repository_root()).resolve()
    uri = tracking_uri(root)
    scheme = uri.partition(":")[0]
    if scheme.partition("+")[0] not in DATABASE_ENGINES:
        return None
    return ((database_file(uri) or root / DATABASE).parent / ARTIFACTS).as_uri()


def database_file(uri: str) -> Path | None:
    """Return the file of a SQLite store; None for any other store."""
    scheme, _, rest = uri.partition(":")
    if not _is_sqlite(scheme) or not rest.startswith("////"):
        return None
    return Path(unquote(rest[3:].partition("?")[0]))


def follow_moved_artifacts(uri: str) -> None:
    """Correct the addresses of artifacts in a SQLite store that was moved or copied with them.

    MLflow stores absolute addresses, so after a move they still lead to the old place.
    """
    database = database_file(uri)
    if database is None or not database.exists():
        return
    location = (database.parent / ARTIFACTS).as_uri()
    with closing(sqlite3.connect(database)) as connection, connection:
        if not connection.execute(
            "SELECT 1 FROM sqlite_master WHERE name='experiments'"
        ).fetchone():
            return
        moved = connection.execute(
            "SELECT DISTINCT artifact_location FROM experiments"
            " WHERE artifact_location LIKE ? AND artifact_location != ?",
            [f"file:%/{ARTIFACTS}", location],
        ).fetchall()
        for (before,) in moved:
            for table, column in ADDRESSES:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?)"  # noqa: S608 - constants
                    f" WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    [location, len(before) + 1, before, len(before) + 1, f"{before}/"],
                )


def _is_sqlite(scheme: str) -> bool:
    return scheme.partition("+")[0] == "sqlite"


def _split_credentials(address: str) -> tuple[str, str, str]:
    """Return an address without user and password, and the decoded user and password."""
    parts = urlsplit(address)
    if parts.scheme not in HTTP or "@" not in parts.netloc:
        return address, "", ""
    information, _, place = parts.netloc.rpartition("@")
    user, _, password = information.partition(":")
    return urlunsplit(parts._replace(netloc=place)), unquote(user), unquote(password)
