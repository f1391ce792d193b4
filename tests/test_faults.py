"""A short form of `benchmarks/faults.py`, and the page of what its long form found."""

import random
from pathlib import Path

import pytest
from faults_page import page
from killing import (
    EXPERIMENT,
    draw,
    kill,
    outcome,
    require_nothing_runs,
    running_runs,
    small_repository,
)

SEED = 5
KILLS = 2
# About as often the command changes a file.
CHANGES = 250
REPRO = ("-m", "dvc", "repro", f"train@{EXPERIMENT}")
SYNC = ("-m", "rnnbench.cli", "track", "sync")


@pytest.mark.slow
def test_after_kills_at_drawn_moments_a_repro_ends_as_if_there_had_been_none() -> None:
    print(f"seed {SEED}")
    generator = random.Random(SEED)  # noqa: S311
    with small_repository() as repository:
        killed = [kill(repository, draw(generator, CHANGES), *REPRO) for _ in range(KILLS)]
        assert any(killed)
        repository.run(*REPRO)
        require_nothing_runs(repository)
        if running_runs(repository.folder):
            repository.run(*SYNC)
        after_kills = outcome(repository)
        repository.run(*REPRO, "--force", "--single-item")
        assert outcome(repository) == after_kills


def test_the_page_on_faults_says_what_the_figures_beside_the_benchmarks_say(root: Path) -> None:
    assert (root / "docs" / "faults.md").read_text(encoding="utf-8") == page()
