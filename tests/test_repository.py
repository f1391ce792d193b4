"""What the repository's own files promise: locks, stages, and who may see the test split."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML


@pytest.fixture(scope="module")
def stages(root: Path) -> dict[str, Any]:
    """The stages of dvc.yaml, templates as they stand."""
    pipeline = YAML(typ="safe").load((root / "dvc.yaml").read_text())["stages"]
    return {name: stage.get("do", stage) for name, stage in pipeline.items()}


@pytest.mark.parametrize("name", ["main", "test", "team", "gpu", "cluster"])
def test_a_lock_pins_versions_and_hashes_and_names_no_host(name: str, root: Path) -> None:
    lock = (root / "requirements" / f"{name}.lock").read_text()
    entries = re.split(r"\n(?=[a-z0-9])", re.sub(r"^ *#.*\n", "", lock, flags=re.M).strip())
    for entry in entries:
        assert re.match(r"[a-z0-9.\[\],-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry
    assert "://" not in lock
    assert "--index-url" not in lock


def test_only_what_scores_depends_on_the_test_split(stages: dict[str, Any]) -> None:
    readers = [
        name
        for name, stage in stages.items()
        if any("data/prepared" in path and path.endswith("/test") for path in stage.get("deps", []))
    ]
    assert readers == ["evaluate", "baselines"]


def test_every_source_file_that_a_stage_names_exists(stages: dict[str, Any], root: Path) -> None:
    for name, stage in stages.items():
        for path in stage.get("deps", []):
            if path.startswith(("src/", "stages/")) and "${" not in path:
                assert (root / path).exists(), f"{name}: {path}"


def test_every_stage_runs_its_script_which_runs_the_source_beside_it(
    stages: dict[str, Any], root: Path
) -> None:
    # `time` is a module of Python's own, and a file of one's own is fetched as data sets are.
    scripts = {"time": "measure_times", "fetch_file": "fetch"}
    for name, stage in stages.items():
        script = f"stages/{scripts.get(name, name)}.py"
        assert stage["cmd"].startswith(f"python {script}")
        assert "import own_source" in (root / script).read_text()


def test_no_stage_depends_on_how_files_are_downloaded(stages: dict[str, Any]) -> None:
    for stage in stages.values():
        assert not [key for key in stage.get("params", []) if key.startswith("download")]


def test_what_takes_long_has_only_outputs_that_dvc_s_run_cache_keeps(
    stages: dict[str, Any],
) -> None:
    for name in ("train", "time", "evaluate"):
        assert all(isinstance(output, str) for output in stages[name]["outs"])
