"""The commands answer at once and say what is wrong in one line."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from rnnbench.cli import main
from rnnbench.errors import reports_errors
from rnnbench.params import Params


def test_check_says_how_many_experiments_there_are(
    root: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    answer = CliRunner().invoke(main, ["check"])
    assert answer.exit_code == 0
    experiments, suites = len(params.experiments), len(params.suites)
    assert f"params.yaml is fine: {experiments} experiments in {suites} suites" in answer.output


def test_check_says_what_is_wrong_and_exits_with_1(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        (root / "params.yaml").read_text().replace("sequence_length: 200", "sequence_lenght: 200")
    )
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    answer = CliRunner().invoke(main, ["check"])
    assert answer.exit_code == 1
    assert "did you mean 'sequence_length'" in answer.output
    assert "Traceback" not in answer.output


def test_help_names_every_command() -> None:
    answer = CliRunner().invoke(main, ["--help"])
    for command in main.commands:
        assert command in answer.output


def test_an_interrupt_is_told_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    @reports_errors
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        interrupted()
    assert ended.value.code == 130
    assert "interrupted" in capsys.readouterr().err
