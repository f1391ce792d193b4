"""What the repository's own files promise: locks, stages, and who may see the test split."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML


@pytest.fixture(scope="module")
def stages(root: Path) -> dict[str, Any]:
    """The stages of dvc.yaml, templates as they stand."""
    pipeline = YAML(typ="safe").load((root / "dvc.yaml").read_text())["stages"]
    return {name: stage.get("do", stage) for name, stage in pipeline.items()}


@pytest.mark.parametrize("name", ["main", "test", "team", "gpu"])
def test_a_lock_pins_versions_and_hashes_and_names_no_host(name: str, root: Path) -> None:
    lock = (root / "requirements" / f"{name}.lock").read_text()
    entries = re.split(r"\n(?=[a-z0-9])", re.sub(r"^ *#.*\n", "", lock, flags=re.M).strip())
    for entry in entries:
        assert re.match(r"[a-z0-9.\[\],-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry
    assert "://" not in lock
    assert "--index-url" not in lock


def test_only_evaluation_depends_on_the_test_split(stages: dict[str, Any]) -> None:
    readers = [
        name
        for name, stage in stages.items()
        if any("data/prepared" in path and path.endswith("/test") for path in stage.get("deps", []))
    ]
    assert readers == ["evaluate"]


def test_every_source_file_that_a_stage_names_exists(stages: dict[str, Any], root: Path) -> None:
    for name, stage in stages.items():
        for path in stage["deps"]:
            if path.startswith(("src/", "stages/")) and "${" not in path:
                assert (root / path).exists(), f"{name}: {path}"


def test_every_stage_depends_on_its_own_script(stages: dict[str, Any]) -> None:
    for name, stage in stages.items():
        assert f"stages/{name}.py" in stage["deps"]
        assert stage["cmd"].startswith(f"python stages/{name}.py")


@pytest.mark.parametrize("name", ["train", "evaluate", "compare", "layers", "report"])
def test_a_stage_depends_on_every_module_that_decides_what_it_writes(
    name: str, stages: dict[str, Any], root: Path
) -> None:
    script = (root / "stages" / f"{name}.py").read_text()
    imports = re.findall(r"^ *(from rnnbench\S* import .+)$", script, flags=re.M)
    say = "import sys; print(*(module for module in sys.modules if module.startswith('rnnbench.')))"
    command = [sys.executable, "-c", "\n".join([*imports, say])]
    imported = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    deciding = [
        f"src/{module.replace('.', '/')}"
        for module in imported
        if module.count(".") > 1 and not module.startswith("rnnbench.tracking")
    ]
    assert deciding
    named = tuple(path.removesuffix(".py") for path in stages[name]["deps"])
    # Of the back end a stage needs that there is one.
    not_named = {path for path in deciding if not path.startswith(named)}
    assert not_named <= {"src/rnnbench/models/backend"}


def test_no_stage_depends_on_how_files_are_downloaded_or_tracked(stages: dict[str, Any]) -> None:
    for stage in stages.values():
        assert not [path for path in stage["deps"] if "download" in path or "tracking" in path]
        assert not [key for key in stage["params"] if key.startswith(("download", "templates"))]
