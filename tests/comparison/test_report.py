"""The page and the README, from comparisons/ alone."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rnnbench.comparison.literature import Literature
from rnnbench.comparison.readme import BEGIN, END, with_results
from rnnbench.comparison.report import write_report
from rnnbench.errors import RnnbenchError
from rnnbench.params import Params, parse_params
from tests.comparison.made_up import compare_all, shares, write_result

MOST_BYTES = 1_500_000
README = f"before\n{BEGIN}\nstale\n{END}\nafter\n"


@pytest.fixture(scope="module")
def made(params: Params, literature: Literature, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the comparisons of two suites and of the layers, and nothing else."""
    folder = tmp_path_factory.mktemp("made")
    write_result(params, folder / "results", "mnist-lstm", shares(0.98, 0.96), diverged=1)
    timing = {"timing_warnings": ["other programs used 1.0 of 2 cores"]}
    write_result(params, folder / "results", "adding-20-gru", timing=timing)
    compare_all(params, literature, folder, "digit-rows", "adding")
    alone = tmp_path_factory.mktemp("alone")
    (folder / "comparisons").rename(alone / "comparisons")
    layers = alone / "comparisons" / "layers" / "table.md"
    layers.parent.mkdir()
    layers.write_text("| layer | formula |\n|---|---:|\n| GRU | 3*((x + h)*h + 2*h) |\n")
    return alone


@pytest.fixture(scope="module")
def page(made: Path, params: Params, literature: Literature) -> str:
    """The report, made in a folder that has comparisons/ and nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        return write_report(params, literature).read_text()


def test_report_and_readme_are_made_from_comparisons_alone(
    page: str, made: Path, params: Params, literature: Literature, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made)
    assert sorted(path.name for path in made.iterdir()) == ["comparisons", "report"]
    readme = with_results(README, params, literature)
    for text in (page, readme):
        assert "mnist-lstm (2 of 3 seeds)" in text
        assert "0.9700" in text


def test_the_page_names_what_is_missing_and_escapes_what_it_shows(page: str) -> None:
    warning = page[page.index("Not run") :].partition("</p>")[0]
    assert "imdb-simple-rnn, imdb-gru" in warning
    assert "mnist-lstm" not in warning
    assert "imdb-lstm (not run)" in page, "a suite that was never compared has its rows"
    assert "LeCun &amp; Cortes" in page
    assert "Test processor, 2 cores" in page
    assert "3*((x + h)*h + 2*h)" in page
    assert "seed-44 diverged: the loss is not finite in epoch 2" in page
    assert "other programs used 1.0 of 2 cores" in page
    assert "Recipes and reported numbers: notebook &#34;LSTM series assignment&#34;" in page


def test_the_page_needs_no_other_file_and_stays_small(page: str, made: Path) -> None:
    assert 'src="http' not in page
    figures = sorted(made.glob("comparisons/*/*.png"))
    assert len(figures) == page.count("data:image/png;base64,")
    assert len(page) < MOST_BYTES


def test_verdicts_and_reported_numbers_stand_beside_the_page(
    page: str, made: Path, literature: Literature
) -> None:
    claims = pd.read_csv(made / "report" / "claims.csv")
    assert claims["claim"].tolist() == [claim.text for claim in literature.claims.values()]
    reproduction = pd.read_csv(made / "report" / "reproduction.csv").set_index("experiment")
    accuracy = reproduction.loc["mnist-lstm"].iloc[0]
    assert accuracy["quantity"] == "test accuracy"
    assert (accuracy["reported"], accuracy["found"]) == ("0.9880", "0.9700")


def test_every_experiment_of_the_notebooks_is_in_the_list_of_what_they_show(
    root: Path, literature: Literature
) -> None:
    folder = root / "src" / "rnnbench" / "comparison" / "templates"
    listed = (folder / "notebooks.html").read_text()
    for facts in literature.suites.values():
        for name in facts.reported:
            assert name in listed


def test_the_readme_gets_the_tables_between_its_marks(
    made: Path, params: Params, literature: Literature
) -> None:
    text = with_results(README, params, literature, made / "comparisons")
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "stale" not in text
    assert "| Gated layers beat SimpleRNN. | not run |" in text
    assert "![Digits read row by row](comparisons/digit-rows/comparison.png)" in text
    # The figure of a suite of lengths stands for its table.
    assert "comparisons/adding/comparison.png" in text
    assert "adding-20-gru" not in text
    # Three seeds and one, each of 6 seconds.
    assert "the 2 experiments took 0 minutes on 2 cores (Test processor" in text
    assert "While 1 of them trained, other programs shared the cores" in text


def test_a_readme_without_marks_or_results_is_refused(
    params: Params, literature: Literature, tmp_path: Path
) -> None:
    with pytest.raises(RnnbenchError, match="to write between"):
        with_results("no marks", params, literature, tmp_path)
    with pytest.raises(RnnbenchError, match="run `dvc repro` first"):
        with_results(README, params, literature, tmp_path)


def test_an_experiment_that_params_no_longer_has_is_left_out(
    made: Path, params_content: dict[str, Any], literature: Literature
) -> None:
    del params_content["experiments"]["mnist-lstm"]
    fewer = parse_params(params_content, "params.yaml")
    text = with_results(README, fewer, literature, made / "comparisons")
    assert "mnist-lstm" not in text
    assert "mnist-gru (not run)" in text


def test_the_readme_has_the_numbers_of_the_committed_comparisons(
    root: Path, params: Params, literature: Literature
) -> None:
    readme = (root / "README.md").read_text()
    assert with_results(readme, params, literature, root / "comparisons") == readme
