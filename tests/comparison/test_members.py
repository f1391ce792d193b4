"""The list of a suite's experiments, one file per suite."""

import json
from pathlib import Path

from rnnbench.comparison.members import write_members
from rnnbench.params import Params


def test_a_file_has_the_experiments_of_its_suite_in_order(params: Params, tmp_path: Path) -> None:
    write_members(params, tmp_path)
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(params.suites)
    names = json.loads((tmp_path / "reuters.json").read_text())
    assert names == ["reuters-simple-rnn", "reuters-gru", "reuters-lstm"]


def test_only_what_changed_is_written_and_what_is_gone_is_removed(
    params: Params, tmp_path: Path
) -> None:
    write_members(params, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    (tmp_path / "gone.json").write_text("[]")
    (tmp_path / "imdb.json").write_text("[]")
    write_members(params, tmp_path)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert after.keys() == before.keys()
    assert [path.stem for path in after if after[path] != before[path]] == ["imdb"]
