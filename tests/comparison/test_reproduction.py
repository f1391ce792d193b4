"""Printed numbers beside those found here."""

from pathlib import Path

import pandas as pd
import pytest

from rnnbench.comparison.findings import read_comparisons
from rnnbench.comparison.literature import Literature
from rnnbench.comparison.reproduction import tabulate_reproduction
from rnnbench.params import Params
from tests.comparison.made_up import compare_all, measured, shares, write_result

EXPERIMENT = "imdb-simple-rnn"


def reproduction(params: Params, literature: Literature, folder: Path, suite: str) -> pd.DataFrame:
    for comparison in read_comparisons(params, folder / "comparisons"):
        if comparison.suite == suite:
            return tabulate_reproduction(comparison, literature.suite(suite))
    raise AssertionError(suite)


@pytest.mark.parametrize(
    ("offsets", "judgement"),
    [
        ((-0.05, 0.06), "within chance"),
        ((0.10, 0.101), "beyond chance"),
        # With two seeds that differ so much, 0.1 is within what another could give.
        ((0.09, 0.11), "within chance"),
        ((0.2,), ""),
    ],
)
def test_a_reported_accuracy_is_judged_by_what_another_run_could_give(
    offsets: tuple[float, ...],
    judgement: str,
    params: Params,
    literature: Literature,
    tmp_path: Path,
    without_figures: None,
) -> None:
    reported = literature.suite("imdb").reported_of(EXPERIMENT).accuracy
    assert reported == 0.7502
    rows = shares(*(reported + offset for offset in offsets))
    write_result(params, tmp_path / "results", EXPERIMENT, rows)
    compare_all(params, literature, tmp_path, "imdb")
    row = reproduction(params, literature, tmp_path, "imdb").iloc[0]
    assert row["judgement"] == judgement
    assert (row["quantity"], row["reported"]) == ("test accuracy", "0.7502")
    assert row["difference"] == f"{rows.mean() - reported:+.4f}"


def test_epochs_layers_and_times_are_found(
    params: Params, literature: Literature, tmp_path: Path, without_figures: None
) -> None:
    for name in ("long-simple-rnn", "reuters-gru"):
        write_result(params, tmp_path / "results", name, times=measured(stock=20.0))
    compare_all(params, literature, tmp_path, "long-reviews", "reuters")
    long = reproduction(params, literature, tmp_path, "long-reviews").iloc[0]
    assert long["quantity"] == "validation accuracy, last epoch"
    assert long["found"] == ""  # its history has none
    reuters = reproduction(params, literature, tmp_path, "reuters")
    rows = reuters[reuters["experiment"] == "reuters-gru"].set_index("quantity")
    layer = rows.loc["parameters of layer_2_gru"]
    assert (layer["reported"], layer["found"]) == ("15,552", "1,000")
    assert layer["judgement"] == "different"
    step = rows.loc["milliseconds per step (other machine; here stock Keras)"]
    assert (step["reported"], step["found"]) == ("142-190", "20.0")
    assert step["difference"] == ""


def test_every_reported_number_has_its_row(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    for suite, facts in literature.suites.items():
        table = reproduction(params, literature, tmp_path, suite)
        for name, reported in facts.reported.items():
            given = reported.model_dump(exclude_none=True, exclude={"remark"})
            wanted = len(given.pop("layer_parameters")) + len(given)
            assert len(table[table["experiment"] == name]) == wanted, name
        assert (table["reported"] != "").all()
