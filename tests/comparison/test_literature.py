"""literature.yaml: accepted as it is, and refused with what is wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from rnnbench.comparison.literature import Literature, load_literature
from rnnbench.errors import RnnbenchError
from rnnbench.params import Params


@pytest.fixture
def changed(root: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write literature.yaml with values changed at a path of keys."""

    def change(*keys: str, **values: Any) -> Path:
        content = YAML(typ="safe").load((root / "literature.yaml").read_text())
        section = content
        for key in keys:
            section = section[key]
        section.update(values)
        with (tmp_path / "literature.yaml").open("w") as stream:
            YAML().dump(content, stream)
        return tmp_path / "literature.yaml"

    return change


def test_the_file_names_experiments_of_params(root: Path, params: Params) -> None:
    assert load_literature(root / "literature.yaml", params).claims


@pytest.mark.parametrize(
    ("keys", "values", "message"),
    [
        (
            ("suites",),
            {"sentimnt": {"source": "x"}},
            r"suites: 'sentimnt' does not exist; .*did you mean 'sentiment'",
        ),
        (
            ("suites", "digit-rows", "reported"),
            {"mnist-gro": {"accuracy": 0.5}},
            r"suites\.digit-rows\.reported: 'mnist-gro' .*did you mean 'mnist-gru'",
        ),
        (
            ("suites", "digit-rows", "reported"),
            {"imdb-lstm": {"accuracy": 0.5}},  # of another suite
            r"suites\.digit-rows\.reported: 'imdb-lstm' does not exist",
        ),
        (
            ("claims", "counting-words"),
            {"experiments": ["imdb-gro"]},
            r"claims\.counting-words: 'imdb-gro' does not exist; did you mean 'imdb-gru'",
        ),
        (
            ("claims", "gated-layers"),
            {"pairs": {"imdb-gro": "imdb-simple-rnn"}},
            r"claims\.gated-layers: 'imdb-gro' does not exist; did you mean 'imdb-gru'",
        ),
    ],
)
def test_a_name_that_params_does_not_know_is_refused(
    keys: tuple[str, ...],
    values: dict[str, Any],
    message: str,
    changed: Callable[..., Path],
    params: Params,
) -> None:
    path = changed(*keys, **values)
    with pytest.raises(RnnbenchError, match=message):
        load_literature(path, params)
    load_literature(path)  # fewer experiments than the literature knows are no fault


def test_a_misspelt_key_is_refused(changed: Callable[..., Path]) -> None:
    path = changed("suites", "digit-rows", "reported", "mnist-gru", acuracy=0.5)
    with pytest.raises(RnnbenchError, match=r"'acuracy'; .*did you mean 'accuracy'"):
        load_literature(path)


def test_a_reported_accuracy_of_one_and_a_loss_of_zero_are_accepted(
    changed: Callable[..., Path],
) -> None:
    first = {"epoch": 1, "value": 1.0}
    printed = {"accuracy": 1.0, "loss": 0.0, "training_accuracy": first}
    path = changed("suites", "digit-rows", "reported", "mnist-gru", **printed)
    reported = load_literature(path).suite("digit-rows").reported_of("mnist-gru")
    assert (reported.accuracy, reported.loss) == (1.0, 0.0)


@pytest.mark.parametrize(
    "printed", [{"accuracy": 98.6}, {"training_accuracy": {"epoch": 1, "value": 98.6}}]
)
def test_a_reported_accuracy_in_percent_is_refused(
    printed: dict[str, Any], changed: Callable[..., Path]
) -> None:
    path = changed("suites", "digit-rows", "reported", "mnist-gru", **printed)
    with pytest.raises(RnnbenchError, match=r"less than or equal to 1; given: 98\.6"):
        load_literature(path)


@pytest.mark.parametrize(
    ("claim", "values", "message"),
    [
        ("gated-layers", {"relation": "hihger"}, "claims.gated-layers.relation: .*'higher'"),
        ("gated-layers", {"experiments": ["imdb-gru"]}, "either `pairs` or `experiments`"),
        ("gated-layers", {"pairs": {}}, "either `pairs` or `experiments`"),
        ("gated-layers", {"against": 0.5}, "`against`"),
        ("random-labels", {"against": None}, "`against`"),
        ("random-labels", {"measure": "step_time"}, "times are compared in `pairs`"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_refused(
    claim: str, values: dict[str, Any], message: str, changed: Callable[..., Path]
) -> None:
    with pytest.raises(RnnbenchError, match=message):
        load_literature(changed("claims", claim, **values))


def test_nothing_is_reported_for_what_the_file_does_not_name() -> None:
    reported = Literature().suite("toy").reported_of("toy-lstm")
    assert reported.columns == {}
