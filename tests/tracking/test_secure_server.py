"""What compose.secure.yaml adds, run here without containers: passwords, users, TLS."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
import requests
from click.testing import CliRunner
from ruamel.yaml import YAML

from rnnbench.cli import main
from rnnbench.tracking.runs import connect
from tests.tracking.runs_to_log import log_everything, make_record, write_run
from tests.tracking.servers import Server, free_port

PASSWORD = "geheim-und-lang"  # noqa: S105 - of a server that lives as long as this test
CREDENTIALS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")


@pytest.fixture(scope="module")
def compose(root: Path) -> Any:
    return YAML(typ="safe").load((root / "compose.secure.yaml").read_text())


@pytest.fixture(scope="module")
def server(compose: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server with the options and the configuration of compose.secure.yaml."""
    pytest.importorskip("flask_wtf", reason="mlflow[auth] is not installed")
    folder = tmp_path_factory.mktemp("server")
    settings = compose["configs"]["auth"]["content"].replace("/users/", f"{folder}/")
    (folder / "auth.ini").write_text(settings)
    _, _, *options = compose["services"]["tracking"]["command"]
    told = [one for one in options if one.startswith("--app-name")]
    store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    artifacts = ["--artifacts-destination", str(folder / "artifacts")]
    with pytest.MonkeyPatch.context() as of_server:
        of_server.setenv("MLFLOW_AUTH_CONFIG_PATH", str(folder / "auth.ini"))
        of_server.setenv("MLFLOW_AUTH_ADMIN_PASSWORD", PASSWORD)
        of_server.setenv("MLFLOW_FLASK_SERVER_SECRET_KEY", "as-long-as-it-is-random")
        options = [*told, *store, *artifacts, "--workers", "1"]
        server = Server(["server", *options], folder / "log", "/health")
        server.start()
    yield server
    server.kill()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> Path:
    """A repository with a run, of a user who has given no password yet."""
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    for name in CREDENTIALS:
        monkeypatch.setenv(name, "")  # so that they are as before after the test
        monkeypatch.delenv(name)
    return tmp_path


@pytest.mark.slow
def test_without_a_password_nothing_is_read_or_written_and_the_message_says_so(
    repository: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in (server.uri, server.uri.replace("://", f"://admin:wrong-{PASSWORD}@")):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        answer = CliRunner().invoke(main, ["track", "status"])
        assert answer.exit_code == 1
        assert "not authenticated" in answer.output
        assert PASSWORD not in answer.output


@pytest.mark.slow
def test_users_with_a_password_log_to_the_same_suite_and_their_passwords_are_nowhere(
    repository: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri.replace("://", f"://admin:{PASSWORD}@"))
    created = requests.post(
        f"{server.uri}/api/2.0/mlflow/users/create",
        json={"username": "student", "password": f"student-{PASSWORD}"},
        auth=("admin", PASSWORD),
        timeout=30,
    )
    assert created.status_code == requests.codes.ok, created.text
    record = make_record()
    log_everything(record, write_run(repository / "run", record))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "student")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", f"student-{PASSWORD}")
    other = {**record, "run_id": "e" * 32, "seed": 43}
    log_everything(other, write_run(repository / "other", other))
    client = connect()
    experiment = client.get_experiment_by_name("imdb")
    assert experiment
    assert len(client.search_runs([experiment.experiment_id])) == 3  # and their parent
    said = capfd.readouterr()
    assert PASSWORD not in said.out + said.err
    written = [path for path in server.folder.rglob("*") if path.is_file()]
    assert [path for path in written if PASSWORD.encode() in path.read_bytes()] == []


@pytest.fixture
def proxy(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A reverse proxy with TLS by an authority of its own, which the client is told of; its URI."""
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("caddy is not installed")
    port, data = free_port(), tmp_path / "caddy"
    configuration = tmp_path / "Caddyfile"
    configuration.write_text(
        "{\n  admin off\n  skip_install_trust\n  auto_https disable_redirects\n}\n"
        f"localhost:{port} {{\n  tls internal\n  reverse_proxy {server.uri}\n}}\n"
    )
    command = [caddy, "run", "--config", str(configuration), "--adapter", "caddyfile"]
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(
            command, env={**os.environ, "XDG_DATA_HOME": str(data)}, stdout=log, stderr=log
        )
    authority = data / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(authority))
    uri = f"https://localhost:{port}"
    try:
        for _ in range(100):
            if authority.exists() and _answers(f"{uri}/health", authority):
                break
            time.sleep(0.1)
        yield uri
    finally:
        running.terminate()
        running.wait()


def _answers(address: str, authority: Path) -> bool:
    try:
        return requests.get(address, verify=str(authority), timeout=5).ok
    except requests.RequestException:
        return False


@pytest.mark.slow
def test_behind_a_proxy_with_tls_runs_and_models_are_logged_and_read(
    proxy: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.replace("://", f"://admin:{PASSWORD}@"))
    record = {**make_record(), "suite": "behind-tls"}
    log_everything(record, write_run(repository / "run", record))
    experiment = connect().get_experiment_by_name("behind-tls")
    assert experiment
    (model,) = connect().search_logged_models([experiment.experiment_id])
    assert mlflow.pyfunc.load_model(f"models:/{model.model_id}").metadata.signature
    monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
    answer = CliRunner().invoke(main, ["track", "status"])
    assert answer.exit_code == 1
    assert "CERTIFICATE_VERIFY_FAILED" in answer.output


def test_only_the_proxy_is_to_be_reached_from_others_and_no_password_is_written(
    compose: Any, root: Path
) -> None:
    plain = YAML(typ="safe").load((root / "compose.yaml").read_text())["services"]["tracking"]
    tracking = compose["services"]["tracking"]
    assert set(plain["command"]) - set(tracking["command"]) == {plain["command"][-1]}
    assert "ports" not in tracking
    (port,) = compose["services"]["proxy"]["ports"]
    assert port.startswith("${PUBLIC_ADDRESS:-127.0.0.1}:")
    for name, value in tracking["environment"].items():
        if "PASSWORD" in name or "KEY" in name:
            assert re.fullmatch(r"\$\{\w+:\?.+\}", value)
