"""The page and the README, from comparisons/ alone."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rnnbench.comparison.literature import Literature
from rnnbench.comparison.readme import BEGIN, END, with_results
from rnnbench.comparison.report import write_report
from rnnbench.errors import RnnbenchError
from rnnbench.params import Params, parse_params
from tests.comparison.made_up import (
    ENVIRONMENT,
    compare_all,
    measured,
    shares,
    write_baselines,
    write_result,
)

MOST_BYTES = 1_500_000
README = f"before\n{BEGIN}\nstale\n{END}\nafter\n"


def cells(*texts: str) -> str:
    return "".join(f"<td>{text}</td>" for text in texts)


@pytest.fixture(scope="module")
def made(params: Params, literature: Literature, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the comparisons of two suites and of the layers, and nothing else."""
    folder = tmp_path_factory.mktemp("made")
    times = measured(stock=20.0, compiled=10.0)
    write_result(params, folder / "results", "mnist-lstm", shares(0.98, 0.96), times, diverged=1)
    write_result(params, folder / "results", "mnist-gru", shares(0.99, 0.99), times)
    write_baselines(folder / "results", "mnist-rows", logistic_regression=shares(0.92)[0])
    warned = measured(
        timing_warnings=["other programs used 1.0 of 2 cores"],
        environment={**ENVIRONMENT, "processor": "Other processor"},
    )
    write_result(params, folder / "results", "adding-20-gru", times=warned)
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
        # The evidence of both suites is on the page.
        patch.setattr("rnnbench.comparison.report.MOST_SHOWN", 20)
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
        assert "logistic regression (baseline)" in text
        assert "1 of 2 beat the best baseline (logistic regression: 0.920 [" in text


def test_the_page_begins_with_what_to_choose(page: str) -> None:
    answers = page[page.index("Which layer to choose") :].partition("</table>")[0]
    rows = answers.split("<tr>")[2:]
    assert len(rows) == 2, "one row for each suite that was run"
    assert "mnist-gru" in rows[0]
    assert "test accuracy 0.990 [" in rows[0]
    assert "20.0 ms/step (10.0 compiled); 1,010 parameters" in rows[0]
    assert "none: adding-20-gru, the best mean, may have learned nothing" in rows[1]
    assert page.index("Which layer to choose") < page.index("What is claimed")


def test_the_markdown_says_the_same_with_the_figures_of_the_comparisons(
    page: str, made: Path
) -> None:
    text = (made / "report" / "report.md").read_text()
    assert "| Digits read row by row | undecided: mnist-gru (best mean) or mnist-lstm |" in text
    assert "| mnist-lstm (2 of 3 seeds) |" in text
    assert "training left no history: it failed, or it was never run" in text
    figures = re.findall(r"\]\((\.\./.*?)\)", text)
    assert "../comparisons/digit-rows/comparison.svg" in figures
    assert len(figures) == len(list(made.glob("comparisons/*/*.svg")))
    assert all((made / "report" / figure).exists() for figure in figures)


def test_a_row_without_results_says_why(page: str) -> None:
    for name, why in (
        ("mnist-simple-rnn (not run)", "training left no history: it failed, or it was never run"),
        ("mnist-lstm (2 of 3 seeds)", "seed-44 has no scores: the loss is not finite in epoch 2"),
        ("imdb-lstm (not run)", "its suite was not compared since it was added"),
    ):
        row = page[page.index(f">{name}</td>") :].partition("</tr>")[0]
        assert why in row


def test_every_number_of_a_suite_names_its_runs(page: str) -> None:
    assert "those of these runs: seeds 42, 43 of mnist-lstm, mnist-gru." in page


def test_the_page_names_what_is_missing_and_escapes_what_it_shows(page: str) -> None:
    warning = page[page.index("Without results") :].partition("</p>")[0]
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
    assert "<link" not in page
    figures = sorted(made.glob("comparisons/*/*.svg"))
    assert len(figures) == page.count("<svg ") == page.count('role="img" aria-label="')
    identifiers = re.findall(r' id="([^"]*)"', page)
    assert len(identifiers) == len(set(identifiers)), "no figure uses the parts of another"
    assert set(re.findall(r"url\(#([^)]*)\)", page)) <= set(identifiers)
    assert len(page) < MOST_BYTES


def test_the_evidence_of_a_large_suite_is_in_files_that_the_page_links(
    page: str,
    made: Path,
    params: Params,
    literature: Literature,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "comparisons").symlink_to(made / "comparisons")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rnnbench.comparison.report.MOST_SHOWN", 1)
    path = write_report(params, literature)
    large = path.read_text()
    assert len(large) < len(page)
    for text in (large, path.with_name("report.md").read_text()):
        links = re.findall(r"\.\./comparisons/digit-rows/[\w.]+", text)
        assert any("learning_curves" in link for link in links)
        assert all((path.parent / link).is_file() for link in links)


def test_the_section_of_a_suite_begins_with_what_was_found(page: str) -> None:
    section = page[page.index('<h2 id="digit-rows">') :].partition("<table")[0]
    assert "experiment is better than another beyond chance" in section
    assert "seeds of each would settle it" in page
    for suite in ("imdb", "optimizers"):  # nothing was run
        section = page[page.index(f'<h2 id="{suite}">') :].partition("<table")[0]
        assert 'class="finding"' not in section


def test_every_claim_unfolds_to_its_comparisons(page: str) -> None:
    claim = page[page.index("Gated layers beat SimpleRNN.") :].partition("</details>")[0]
    assert '<span class="verdict">not run</span>' in claim
    assert cells("reuters-gru", "reuters-simple-rnn") in re.sub(r' data-label="[^"]*"', "", claim)
    baselines = page[page.index("Each experiment against each baseline") :].partition("</details>")
    shown = re.sub(r' data-label="[^"]*"', "", baselines[0])
    assert cells("mnist-gru", "logistic regression") + "<td>+0.0700 [" in shown


def test_tables_are_labelled_and_figures_have_texts(page: str) -> None:
    assert page.count("<table") == page.count('<div class="wide" tabindex="0" role="region"')
    assert page.count("<th") - page.count("<thead") == page.count('<th scope="col">')
    assert page.count("<img") == page.count('alt="')
    assert "prefers-color-scheme: dark" in page
    assert "aria-sort" in page


def test_verdicts_and_reported_numbers_stand_beside_the_page(
    page: str, made: Path, literature: Literature
) -> None:
    compared = pd.read_csv(made / "report" / "claims.csv")
    assert compared["claim"].value_counts().to_dict() == {
        name: len(claim.comparisons) for name, claim in literature.claims.items()
    }
    verdicts = pd.read_csv(made / "report" / "verdicts.csv")
    assert verdicts["text"].tolist() == [claim.text for claim in literature.claims.values()]
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
    assert "| Gated layers beat SimpleRNN. | all five notebooks | not run |" in text
    assert "**[Digits read row by row](comparisons/digit-rows/table.md).**" in text
    # The main columns of the table, and of the baselines the best one.
    head = "| experiment | rank | test accuracy [95 % interval] | reported accuracy |"
    assert f"{head} ms/step, stock Keras | ms/step, compiled |" in text
    assert "| logistic regression (baseline) | - | 0.9200" in text
    # Three seeds, two and one, of two epochs each.
    assert "all seeds of 3 experiments one after another takes" in text
    digits = r"minutes, on 2 cores of Test processor: digit-rows \d+;"
    assert re.search(
        rf"{digits} on 2 cores of Test processor and 2 cores of Other processor: adding \d+\.", text
    )
    assert "stock Keras takes 2.0 times as long as one with compiled" in text
    assert "The times of 1 experiments carry warnings" in text


def test_a_suite_whose_results_come_from_two_processors_warns_of_comparing_times(
    page: str, made: Path
) -> None:
    processors = "2 cores of Test processor and 2 cores of Other processor"
    for text in (page, (made / "report" / "report.md").read_text()):
        assert text.count("The runs and times come from") == 1
        adding = text[text.index("The runs and times come from") :]
        assert adding.startswith(
            f"The runs and times come from {processors}: a difference of times"
        )
    assert "Suites digit-rows, adding: Test processor, 2 cores" in page
    assert "Suites adding: Other processor, 2 cores" in page


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
    assert "mnist-simple-rnn (not run)" in text


def test_the_readme_has_the_numbers_of_the_committed_comparisons(
    root: Path, params: Params, literature: Literature
) -> None:
    readme = (root / "README.md").read_text()
    assert with_results(readme, params, literature, root / "comparisons") == readme
