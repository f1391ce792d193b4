"""The documentation: pages that follow from the code, links, and the commands that it quotes."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from dvc.cli import parse_args

from docs.reference import FOLDER, PAGES
from rnnbench.cli import main
from rnnbench.params import Params
from tests.conftest import ROOT

TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(FOLDER.glob("*.md"))]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
IN_TEXT = re.compile(r"`((?:dvc|rnnbench) [^`]+)`")
STAGE = re.compile(r"^(train|time|evaluate|compare)@(.+)$")


def commands_in(path: Path) -> Iterator[tuple[str, ...]]:
    """The commands of dvc and rnnbench in a page, without what a shell would expand."""
    text = path.read_text(encoding="utf-8")
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    for line in [*lines, *IN_TEXT.findall(text)]:
        for command in re.sub(r"\$\(.*\)", "", line).split("&&"):
            if command.split()[:1] in (["dvc"], ["rnnbench"]):
                yield tuple(shlex.split(command, comments=True))


QUOTED = sorted({words for path in TEXTS for words in commands_in(path)})
QUOTED_DVC = [words[1:] for words in QUOTED if words[0] == "dvc"]
QUOTED_RNNBENCH = [words[1:] for words in QUOTED if words[0] == "rnnbench"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_follows_from_the_code_is_up_to_date(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "run `python -m docs.reference`"


@pytest.mark.parametrize("words", QUOTED_DVC, ids=" ".join)
def test_a_quoted_command_of_dvc_has_options_stages_and_keys_that_exist(
    words: tuple[str, ...], params: Params, params_content: dict[str, Any]
) -> None:
    parse_args(list(words))
    for kind, name in (stage.groups() for word in words if (stage := STAGE.match(word))):
        assert name in (params.suites if kind == "compare" else params.experiments) or name == "…"
    for option, value in pairwise(words):
        if option in ("-S", "--set-param") and not value.startswith("+"):
            content: Any = params_content
            for key in value.partition("=")[0].split("."):
                content = content[key]


@pytest.mark.parametrize("words", QUOTED_RNNBENCH, ids=" ".join)
def test_a_quoted_command_of_rnnbench_has_options_that_exist(words: tuple[str, ...]) -> None:
    command: Any = main
    given = list(words)
    while given and given[0] in getattr(command, "commands", {}):
        command = command.commands[given.pop(0)]
    assert command is not main, f"there is no command rnnbench {' '.join(words)}"
    command.make_context(words[0], given, resilient_parsing=False)


def test_the_build_fails_at_links_that_lead_nowhere_and_names_them(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    shutil.copy(FOLDER / "conf.py", tmp_path / "docs")
    links = "[right](page.md#a-part), [no page](missing.md), [no part](page.md#missing)"
    (tmp_path / "docs" / "index.md").write_text(f"# Index\n\n## All\n\n- [A](page.md)\n\n{links}\n")
    (tmp_path / "docs" / "page.md").write_text("# Page\n\n## A part\n")
    strict = ("--quiet", "--fail-on-warning", "--keep-going", "-c", "docs", ".", "site")
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *strict], cwd=tmp_path, capture_output=True, text=True
    )
    assert built.returncode != 0
    warnings = [line for line in built.stderr.splitlines() if "WARNING" in line]
    assert len(warnings) == 2, built.stderr
    assert "docs/index.md:7" in warnings[0]
    assert "missing" in warnings[0]
    assert "missing" in warnings[1]
