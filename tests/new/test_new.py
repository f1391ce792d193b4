"""`rnnbench new`: what it finds in a file, what it writes into params.yaml, what it refuses."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update
from ruamel.yaml import YAML

from rnnbench.cli import main
from rnnbench.errors import RnnbenchError
from rnnbench.new.entries import add_entries
from rnnbench.new.series import estimate_season
from rnnbench.params import load_params

TEXT = ("new", "text", "reviews.csv", "--text", "the text", "--label", "stars")
SERIES = ("new", "series", "traffic.csv", "--time", "day", "--value", "cars", "--horizon", "7")


@pytest.fixture
def project(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's parameters, a file of texts and one of a series with a week and a trend."""
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).write_text((root / name).read_text())
    with (tmp_path / "reviews.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["the text", "stars"])
        writer.writerows((f"film number {n}", n % 2) for n in range(200))
    generator = np.random.default_rng(0)
    days = pd.date_range("2019-01-01", periods=730)
    cars = 100 + np.arange(730) / 10 + 30 * (days.dayofweek < 5) + generator.normal(size=730)
    pd.DataFrame({"day": days, "cars": cars}).to_csv(tmp_path / "traffic.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def content(project: Path) -> Any:
    return YAML(typ="safe").load((project / "params.yaml").read_text())


@pytest.mark.parametrize(("command", "name"), [(TEXT, "reviews"), (SERIES, "traffic")])
def test_entries_are_added_and_every_other_line_stays_as_dvc_writes_it(
    command: tuple[str, ...], name: str, project: Path
) -> None:
    before, old = (project / "params.yaml").read_text(), content(project)
    answer = run(*command)
    assert answer.exit_code == 0, answer.output
    after, new = (project / "params.yaml").read_text(), content(project)
    assert dumps_yaml(parse_yaml_for_update(after, "params.yaml")) == after
    lines = iter(after.splitlines())
    assert all(line in lines for line in before.splitlines())  # in their order
    added = {
        section: sorted(set(new[section]) - set(old.get(section, {})))
        for section in ("files", "views", "models", "suites", "experiments")
    }
    members = [f"{name}-{kind}" for kind in ("gru", "lstm", "min-gru", "simple-rnn")]
    kind = "texts" if name == "reviews" else "series"
    assert added == {
        "files": [f"{kind}-{name}"],
        "views": [name],
        "models": members,
        "suites": [name],
        "experiments": members,
    }
    assert load_params().experiments[members[0]].view == name
    for target in (*(f"evaluate@{member}" for member in members), f"compare@{name} report"):
        assert target in answer.output


def test_what_a_view_of_texts_needs_is_taken_from_the_file(project: Path) -> None:
    answer = run(*TEXT, "--test-fraction", "0.3", "--validation-fraction", "0.2")
    assert "200 texts in 2 classes: 0 (100), 1 (100)." in answer.output
    new = content(project)
    # Of 202 words two occur more than once; beside words there are padding, start and unknown.
    assert new["views"]["reviews"] == {
        "dataset": "texts-reviews",
        "vocabulary_size": 6,
        "sequence_length": 10,
        "validation_fraction": 0.2,
    }
    settings = new["files"]["texts-reviews"]
    assert (settings["path"], settings["test_fraction"]) == ("reviews.csv", 0.3)


def test_a_view_of_series_has_a_season_and_test_windows_that_do_not_overlap(project: Path) -> None:
    answer = run(*SERIES)
    assert "730 steps of 1 series, one row every day" in answer.output
    assert "estimated as 7 steps" in answer.output
    view = content(project)["views"]["traffic"]
    assert (view["season"], view["horizon"], view["sequence_length"]) == (7, 7, 14)
    assert view["test_stride"] == 7  # 146 test rows have 20 windows so far apart
    run(*SERIES, "--name", "short", "--season", "1")
    assert content(project)["views"]["short"]["season"] == 1


def test_a_file_elsewhere_has_its_whole_path(project: Path, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("a folder") / "My Reviews.csv"
    (project / "reviews.csv").rename(elsewhere)
    assert run("new", "text", str(elsewhere), *TEXT[3:]).exit_code == 0
    assert content(project)["files"]["texts-my-reviews"]["path"] == str(elsewhere)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ((*TEXT, "--name", "imdb"), "params.yaml has suites.imdb already; choose another name"),
        ((*TEXT, "--name", "My Reviews"), "'My Reviews' is not a valid name for a suite"),
        ((*TEXT[:3], "--text", "body", "--label", "stars"), "has no column 'body'; it has: 'the"),
        ((*TEXT[:3], "--text", "the text"), "give both, or neither for a folder"),
        ((*SERIES, "--value", "bikes"), "has no column 'bikes'"),
        ((*SERIES, "--value", "cars"), "a column is named twice"),
        ((*SERIES[:-1], "500"), "too few for windows of 131 steps with 500 to forecast"),
        ((*SERIES[:3], "--time", "cars", "--value", "day", "--horizon", "7"), "expected a number"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words_and_changes_nothing(
    command: tuple[str, ...], message: str, project: Path
) -> None:
    before = (project / "params.yaml").read_text()
    answer = run(*command)
    assert answer.exit_code == 1
    assert message in answer.output
    assert "Traceback" not in answer.output
    assert (project / "params.yaml").read_text() == before


def test_a_name_is_given_once(project: Path) -> None:
    assert run(*TEXT).exit_code == 0
    before = (project / "params.yaml").read_text()
    answer = run(*TEXT)
    assert "params.yaml has files.texts-reviews, views.reviews, suites.reviews" in answer.output
    assert (project / "params.yaml").read_text() == before


def test_a_second_file_stands_below_the_first(project: Path) -> None:
    run(*SERIES)
    run(*TEXT)
    assert list(content(project)["files"]) == ["series-traffic", "texts-reviews"]
    text = (project / "params.yaml").read_text()
    assert text.count("# Your own files") == 1


def test_entries_that_make_the_file_unusable_are_not_written(project: Path) -> None:
    before = (project / "params.yaml").read_text()
    with pytest.raises(RnnbenchError, match="unknown key 'lenght'"):
        add_entries(Path("params.yaml"), {"views": "  new: {dataset: imdb, lenght: 3}\n"})
    with pytest.raises(RnnbenchError, match="no section 'suits'"):
        add_entries(Path("params.yaml"), {"suits": "  new: {}\n"})
    assert (project / "params.yaml").read_text() == before


def test_a_section_in_braces_is_refused_and_an_empty_one_is_filled(project: Path) -> None:
    path = project / "params.yaml"
    path.write_text(path.read_text() + "files: {}  # none yet\n")
    assert run(*TEXT).exit_code == 0
    assert list(content(project)["files"]) == ["texts-reviews"]
    before = "files: {texts-a: {path: a}}\n"
    path.write_text(before)
    with pytest.raises(RnnbenchError, match=r"the section files .* in braces"):
        add_entries(path, {"files": "  texts-b: {path: b}\n"})
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("series", "season"),
    [
        (lambda t, noise: np.sin(2 * np.pi * t / 24) + 0.1 * noise, 24),
        (lambda t, noise: 0.1 * t + (t % 12 == 3) + 0.1 * noise, 12),
        (lambda t, noise: noise, 1),
        (lambda t, noise: noise.cumsum(), 1),
        (lambda t, noise: t, 1),
    ],
    ids=["a smooth day", "a peak a year and a trend", "noise", "a random walk", "a line"],
)
def test_a_season_is_found_where_there_is_one(series: Callable[..., Any], season: int) -> None:
    noise = np.random.default_rng(0).normal(size=600)
    assert estimate_season(series(np.arange(600.0), noise)[:, np.newaxis]) == season
