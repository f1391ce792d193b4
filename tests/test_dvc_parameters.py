"""params.yaml under DVC's own tools: what an override changes, and what it makes out of date."""

import json
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import networkx as nx  # type: ignore[import-untyped]
import pytest
from dvc.repo import Repo
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update
from ruamel.yaml import YAML
from ruamel.yaml.tokens import AliasToken, AnchorToken

from rnnbench.params import Params
from tests.conftest import ROOT

FILES = ("params.yaml", "literature.yaml")
# With its share of views, models, suites and comments, an experiment takes five.
LINES_OF_AN_EXPERIMENT, LINES_IN_ALL = 4, 5


def leaves(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = YAML(typ="safe").load((ROOT / name).read_text())
    return content


LEAVES = dict(leaves(read("params.yaml")))


def another(value: Any) -> Any:
    """A value of the same type that is not the same."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value}-2"


@pytest.mark.parametrize("name", FILES)
def test_dvc_writes_the_file_as_it_is(name: str) -> None:
    text = (ROOT / name).read_text()
    assert dumps_yaml(parse_yaml_for_update(text, name)) == text


@pytest.mark.parametrize("name", FILES)
def test_nothing_stands_in_the_file_by_reference(name: str) -> None:
    tokens = YAML().scan((ROOT / name).read_text())
    assert not [one for one in tokens if isinstance(one, AnchorToken | AliasToken)]
    assert "<<" not in (ROOT / name).read_text()


def test_the_file_is_short() -> None:
    lines = (ROOT / "params.yaml").read_text().splitlines()
    assert len(lines) <= LINES_IN_ALL * len(read("params.yaml")["experiments"])


def test_an_experiment_takes_few_lines() -> None:
    lines = (ROOT / "params.yaml").read_text().splitlines()
    for name in read("params.yaml")["experiments"]:
        assert len(lines_of(lines, f"experiments.{name}")) <= LINES_OF_AN_EXPERIMENT, name


def test_every_override_changes_its_value_and_no_other_line(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text()
    path = tmp_path / "params.yaml"
    for keys in one_of_each_entry(text):
        path.write_text(text)
        new = {key: another(LEAVES[key]) for key in keys}
        apply_overrides(path, [f"{key}={json.dumps(value)}" for key, value in new.items()])
        changed = path.read_text()
        found = dict(leaves(YAML(typ="safe").load(changed)))
        assert found == {**LEAVES, **new}
        assert lines_beside(changed, keys) == lines_beside(text, keys), keys


def one_of_each_entry(text: str) -> Iterator[list[str]]:
    """All keys, in groups of which no two stand in one entry: an entry at a time is slow."""
    entries: dict[int, list[str]] = {}
    for key in LEAVES:
        entries.setdefault(lines_of(text.splitlines(), key).start, []).append(key)
    for keys in zip_longest(*entries.values()):
        yield [key for key in keys if key]


def lines_beside(text: str, keys: list[str]) -> list[str]:
    """All lines but those of the entries that hold the keys."""
    lines = text.splitlines()
    theirs = {number for key in keys for number in lines_of(lines, key)}
    return [line for number, line in enumerate(lines) if number not in theirs]


def lines_of(lines: list[str], key: str) -> range:
    """The lines of the entry that holds a key; one in braces may take several."""
    begin, indent = 0, ""
    for part in key.split("."):
        begin = next(
            number
            for number in range(begin, len(lines))
            if lines[number].startswith(f"{indent}{part}:")
        )
        indent += "  "
        if "{" in lines[begin]:
            break
    end = begin + 1
    while "".join(lines[begin:end]).count("{") > "".join(lines[begin:end]).count("}"):
        end += 1
    return range(begin, end)


@pytest.fixture(scope="module")
def repository() -> Iterator[Repo]:
    """DVC's view of this repository."""
    with Repo(str(ROOT)) as repo:
        yield repo


@pytest.fixture(scope="module")
def declared(repository: Repo) -> dict[str, set[str]]:
    """The keys of params.yaml that each stage declares."""
    return {
        stage.addressing: {
            key
            for dependency in stage.params
            if dependency.def_path == "params.yaml"
            for key in dependency.params
        }
        for stage in repository.index.stages
    }


@pytest.fixture(scope="module")
def followers(repository: Repo) -> dict[str, set[str]]:
    """The stages that depend on each stage, directly or not."""
    graph = repository.index.graph
    return {
        stage.addressing: {one.addressing for one in nx.ancestors(graph, stage)} for stage in graph
    }


def users(params: Params, key: str) -> set[str]:
    """The stages that a key concerns directly, by what it is."""
    section, name, part, *_ = [*key.split("."), "", ""]
    experiments = params.experiments.values()
    concerned = {
        "experiments": [one for one in experiments if one.name == name],
        "models": [one for one in experiments if one.model == name],
        "suites": [one for one in experiments if one.suite == name and part == "training"],
        **dict.fromkeys(("seeds", "first_seed", "deterministic", "compiled_loops"), experiments),
    }
    others = {
        "datasets": {f"fetch@{name}"},
        "views": {f"prepare@{name}"},
        "layer_table": {"layers"},
        "experiments": {"members"},
        "suites": {f"compare@{name}"},
        "margin": {f"compare@{suite}" for suite in params.suites},
    }
    trained = {f"train@{one.name}" for one in concerned.get(section, [])}
    return trained | others.get(section, set())


@pytest.mark.parametrize("key", sorted(LEAVES))
def test_a_changed_key_concerns_the_stages_that_use_it_and_what_follows_from_them(
    key: str,
    params: Params,
    declared: dict[str, set[str]],
    followers: dict[str, set[str]],
) -> None:
    changed = {
        stage
        for stage, keys in declared.items()
        if any(key == one or key.startswith(f"{one}.") for one in keys)
    }
    assert changed == users(params, key)
    # No other suite is compared anew: what follows stays within the experiments concerned. Data
    # alone concern all, as every comparison reads the baselines.
    followed = changed.union(*(followers[stage] for stage in changed))
    trained = {stage.split("@")[1] for stage in followed if stage.startswith("train@")}
    compared = {stage.split("@")[1] for stage in followed if stage.startswith("compare@")}
    suites = {params.experiments[name].suite for name in trained}
    if key.startswith("experiments."):
        assert trained == {key.split(".")[1]}
    elif not key.startswith(("datasets.", "views.", "margin")):
        assert compared == suites | ({key.split(".")[1]} if key.startswith("suites.") else set())
