"""An experiment's files: each seed's folder is complete by itself, whatever the others do."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from rnnbench.evaluation.experiment import evaluate_experiment
from rnnbench.files import read_json
from rnnbench.params import Params
from rnnbench.training.experiment import train_experiment
from rnnbench.training.loop import Trained, train_run
from tests.small_experiment import NAME

RUNS = Path("runs/digit-rows") / NAME
RESULTS = Path("results/digit-rows") / NAME
COMPLETE = {
    "model.keras",
    "run.json",
    "manifest.json",
    "history.csv",
    "timing.json",
    "system_metrics.csv",
    "input_example.npy",
}


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_run_has_a_folder_with_all_that_predicting_and_comparing_need(
    workspace: tuple[Path, Params],
) -> None:
    train_experiment(NAME, workspace[1])
    assert files(RUNS) == {"seed-1", "seed-2"}
    for seed in (1, 2):
        assert files(RUNS / f"seed-{seed}") == COMPLETE
        record = read_json(RUNS / f"seed-{seed}" / "run.json")
        assert record["seed"] == seed
        assert record["parameters"]["training"]["epochs"] == 1
        assert "licence" not in str(record)
    history = pd.read_csv(RESULTS / "history.csv")
    assert history[["seed", "epoch"]].values.tolist() == [[1, 1], [2, 1]]


@pytest.fixture
def diverging(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The seeds whose loss is to count as not finite."""
    seeds: set[int] = set()

    def train(*arguments: object, **options: object) -> Trained:
        trained = train_run(*arguments, **options)  # type: ignore[arg-type]
        if arguments[2] in seeds:
            object.__setattr__(trained, "diverged", "the training loss is not finite in epoch 1")
        return trained

    monkeypatch.setattr("rnnbench.training.experiment.train_run", train)
    return seeds


def test_a_seed_that_diverges_is_its_result_and_the_others_stand(
    workspace: tuple[Path, Params], diverging: set[int]
) -> None:
    diverging.add(2)
    train_experiment(NAME, workspace[1])
    assert files(RUNS / "seed-1") == COMPLETE
    assert files(RUNS / "seed-2") == COMPLETE - {"model.keras"}
    assert "not finite" in read_json(RUNS / "seed-2" / "run.json")["diverged"]
    metrics = evaluate_experiment(f"digit-rows/{NAME}", "mnist-rows")
    scores = read_json(RESULTS / "evaluation" / "scores.json")
    assert set(scores["runs"]) == {"seed-1"}
    assert set(scores["diverged"]) == {"seed-2"}
    assert metrics["accuracy"] == scores["runs"]["seed-1"]["accuracy"]


def test_where_every_seed_diverges_the_experiment_is_recorded_without_scores(
    workspace: tuple[Path, Params], diverging: set[int]
) -> None:
    diverging.update((1, 2))
    train_experiment(NAME, workspace[1])
    assert evaluate_experiment(f"digit-rows/{NAME}", "mnist-rows") == {}
    assert read_json(RESULTS / "metrics.json") == {}


def test_an_interrupt_in_the_second_seed_leaves_the_first_and_nothing_of_the_second(
    workspace: tuple[Path, Params], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> Trained:
        if arguments[2] == 2:
            raise KeyboardInterrupt
        return train_run(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("rnnbench.training.experiment.train_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_experiment(NAME, workspace[1])
    assert files(RUNS) == {"seed-1"}
    assert files(RUNS / "seed-1") == COMPLETE


def test_seeds_of_an_earlier_training_do_not_stay(
    workspace: tuple[Path, Params], changed: Callable[..., Params]
) -> None:
    train_experiment(NAME, workspace[1])
    train_experiment(NAME, changed("experiments", NAME, seeds=1))
    assert files(RUNS) == {"seed-1"}
