"""DVC with libyaml reads and writes what DVC does."""

from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import dumps_yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from rnnbench.repro.dvc_process import dump_yaml, lock_as_dvc_writes_it, modify_yaml, parse_yaml

# Texts that one version of YAML or the other takes for something else, among any.
TEXTS = st.one_of(
    st.text("abc019-+.:_e'\"#& ", max_size=12),
    st.sampled_from(["yes", "off", "no", "~", "1e5", "12e34", "0x1f", "007", "1:30", "null", ""]),
    st.from_regex(r"\A[0-9a-f]{32}\Z"),
)
NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans(), st.none())
CONTENT = st.dictionaries(
    st.text("abc.@-", min_size=1, max_size=8),
    st.recursive(
        TEXTS | NUMBERS,
        lambda part: st.lists(part) | st.dictionaries(st.text("ab", min_size=1), part),
    ),
    min_size=1,
)


@given(CONTENT)
def test_what_dvc_writes_is_read_as_it_was(content: dict[str, Any]) -> None:
    assert parse_yaml(dumps_yaml(content), "dvc.lock") == content


@given(CONTENT)
def test_what_is_written_dvc_reads_as_it_was(content: dict[str, Any]) -> None:
    assert YAML(typ="safe").load(dump_yaml(content)) == content


@pytest.mark.parametrize("name", ["dvc.lock", "dvc.yaml", "params.yaml"])
def test_the_repository_s_own_files_read_the_same(name: str, root: Path) -> None:
    text = (root / name).read_text()
    assert parse_yaml(text, name) == YAML(typ="safe").load(text)


def test_a_lock_that_fails_to_be_written_stays_as_it_was(tmp_path: Path) -> None:
    lock = tmp_path / "dvc.lock"
    lock.write_text("schema: '2.0'\n")
    with pytest.raises(Exception, match="represent"), modify_yaml(str(lock)) as content:
        content["stages"] = object()
    assert lock.read_text() == "schema: '2.0'\n"
    assert list(tmp_path.iterdir()) == [lock]


def test_in_the_end_the_lock_is_as_dvc_writes_it(tmp_path: Path) -> None:
    lock = tmp_path / "dvc.lock"
    long = "results/a-suite-with-a-long-name/an-experiment-with-a-long-name/confusion_matrix.csv"
    shared = {"learning_rate": 1e-05}
    stage = {"params": {"a": shared, "b": shared}, "outs": [{"path": long}]}
    content = {"schema": "2.0", "stages": {"train@a": stage}}
    with lock_as_dvc_writes_it(tmp_path):
        with modify_yaml(str(lock)) as written:
            written.update(content)
        assert lock.read_text() != dumps_yaml(content)
    assert lock.read_text() == dumps_yaml(content)


def test_of_the_repository_s_lock_only_what_changed_is_written_anew(
    root: Path, tmp_path: Path
) -> None:
    lock = tmp_path / "dvc.lock"
    before = (root / "dvc.lock").read_text()
    lock.write_text(before)
    with lock_as_dvc_writes_it(tmp_path), modify_yaml(str(lock)) as content:
        content["stages"]["layers"]["cmd"] = "python another.py"
    after = lock.read_text()
    compared = zip(before.splitlines(), after.splitlines(), strict=True)
    changed = [pair for pair in compared if pair[0] != pair[1]]
    assert changed == [("    cmd: python stages/layers.py", "    cmd: python another.py")]
