"""What compose.yaml starts for a team, run here without containers, and what it promises."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import mlflow
import pytest
from ruamel.yaml import YAML

from rnnbench.models.saved import load_model
from rnnbench.tracking.runs import connect
from tests.s3 import KEYS, client, s3_server
from tests.tracking.runs_to_log import EXAMPLE, log_everything, runs_of
from tests.tracking.servers import Server, free_port


@pytest.fixture(scope="module")
def compose(root: Path) -> Any:
    return YAML(typ="safe").load((root / "compose.yaml").read_text())


def postgresql(program: str) -> str | None:
    """Where a program of PostgreSQL's server is; Debian keeps them apart from others."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return shutil.which(program, path=os.pathsep.join([*map(str, folders), os.environ["PATH"]]))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another user can reach, as pytest's own cannot."""
    with tempfile.TemporaryDirectory(prefix="rnnbench-") as temporary:
        yield Path(temporary)


@pytest.fixture
def database(folder: Path) -> Iterator[str]:
    """A PostgreSQL server of its own; its URI."""
    initdb, server = postgresql("initdb"), postgresql("postgres")
    if initdb is None or server is None:
        pytest.skip("PostgreSQL's server is not installed")
    # It refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    data, port = folder / "data", free_port()
    initial = [initdb, "--pgdata", str(data), "--username", "mlflow", "--auth", "trust"]
    subprocess.run(initial, check=True, capture_output=True, user=user, cwd=folder)
    options = ["-D", str(data), "-p", str(port), "-k", str(folder), "-h", "127.0.0.1"]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(
            [server, *options], user=user, cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        ready = [shutil.which("pg_isready") or "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
        for _ in range(100):
            if subprocess.run(ready, capture_output=True).returncode == 0:
                break
            time.sleep(0.1)
        yield f"postgresql://mlflow@127.0.0.1:{port}/postgres"
    finally:
        running.terminate()
        running.wait()


@pytest.mark.slow
def test_what_compose_starts_keeps_runs_in_postgresql_and_artifacts_behind_the_server(
    compose: Any,
    database: str,
    record: dict[str, Any],
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, _, *options = compose["services"]["tracking"]["command"]
    told = [
        re.sub(r"\$\{\w+:-(.*)\}", r"\1", option)
        for option in options
        if not option.startswith(("--host", "--port"))
    ]
    with ExitStack() as running:
        objects = running.enter_context(s3_server("mlflow"))
        with monkeypatch.context() as of_server:
            for name, value in {**KEYS, "AWS_ENDPOINT_URL": objects}.items():
                of_server.setenv(name, value)
            of_server.setenv("MLFLOW_BACKEND_STORE_URI", database)
            server = Server(["server", *told], tmp_path / "log", "/health")
            server.start()
        running.callback(server.kill)
        # The client knows the server's address and no key.
        (tmp_path / "dvc.yaml").touch()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        log_everything(record, run)
        _, child = runs_of(connect())
        assert child.info.artifact_uri.startswith("mlflow-artifacts:/")
        assert child.outputs
        (output,) = child.outputs.model_outputs
        loaded = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
        expected = load_model(run / "model.keras").predict_on_batch(EXAMPLE)
        assert loaded.predict(EXAMPLE) == pytest.approx(expected, rel=1e-6)
        listed = client(objects).list_objects_v2(Bucket="mlflow")["Contents"]
    kept = [entry["Key"] for entry in listed]
    assert any(key.endswith("run.json") for key in kept)
    assert any(key.endswith(".keras") for key in kept)


def test_compose_listens_on_this_machine_alone_and_knows_no_password(compose: Any) -> None:
    for service in compose["services"].values():
        for port in service.get("ports", []):
            assert port.startswith("${ADDRESS:-127.0.0.1}:")
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or "SECRET" in name:
                assert re.fullmatch(r"\$\{\w+(:\?[^}]+)?\}", value)


def test_compose_installs_what_is_locked_and_names_versions(compose: Any, root: Path) -> None:
    lock = (root / "requirements" / "team.lock").read_text()
    image = compose["services"]["tracking"]["build"]["dockerfile_inline"]
    installed = re.findall(r"([\w-]+)(?:\[\w+\])?==([\w.]+)", image)
    assert len(installed) == 3
    for package, version in installed:
        assert f"\n{package}=={version} " in lock
    for service in ("database", "objects"):
        assert re.search(r":v?\d+\.\d+", compose["services"][service]["image"])
