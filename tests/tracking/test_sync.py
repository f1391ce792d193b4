"""A server that lost everything is brought back from the files, once and equal to live logging."""

import re
import shutil
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Run
from ruamel.yaml import YAML

from rnnbench.cli import main
from rnnbench.data.dataset import DATASETS
from rnnbench.evaluation.experiment import evaluate_experiment
from rnnbench.files import read_json, write_json
from rnnbench.params import parse_params
from rnnbench.tracking.runs import EXPERIMENT_TAG, RUN_TAG, TRAINED_TAG, Tracker
from rnnbench.tracking.store import tracking_uri
from rnnbench.tracking.sync import sync as make_missing
from rnnbench.training.experiment import train_experiment
from tests.small_experiment import NAME, write_view

SEEDS = [1, 2]
RUNS = Path("runs/digit-rows") / NAME
TIMES_FILE = Path("results/digit-rows") / NAME / "times.json"
TIMES = {
    "stock": {"step_milliseconds": {"median": 3.0}, "compile_seconds": 1.5},
    "compiled": {"step_milliseconds": {"median": 1.0}, "compile_seconds": 4.5},
    "ratio": {"median": 3.0},
    "rounds": 5,
    "multiply_adds": 1000,
    "timing_warnings": [],
    "environment": {"cores": 2},
}


@pytest.fixture(scope="module")
def trained(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment of two runs, trained, timed and evaluated, logged live to the default store."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / "dvc.yaml").touch()
    write_view(folder / "data" / "prepared" / "mnist-rows")
    content = YAML(typ="safe").load((root / "params.yaml").read_text())
    content["first_seed"] = SEEDS[0]
    content["experiments"][NAME] |= {"seeds": len(SEEDS), "epochs": 2}
    content["models"]["digits-gru"]["layer_1"]["units"] = 8
    params = parse_params(content, "params.yaml")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        train_experiment(NAME, params)
        write_json(TIMES_FILE, TIMES)
        Tracker(read_json(RUNS / "seed-1" / "run.json")).log_times(TIMES)
        evaluate_experiment(f"digit-rows/{NAME}", "mnist-rows")
    return folder


@pytest.fixture
def repository(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same as the working directory; what a test changes in it, it changes back."""
    monkeypatch.chdir(trained)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return trained


def runs_of() -> dict[str, Run]:
    """All runs of the current server by what identifies them in files."""
    client = MlflowClient(tracking_uri())
    experiment = client.get_experiment_by_name("digit-rows")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    return {run.data.tags.get(RUN_TAG) or run.data.tags[EXPERIMENT_TAG]: run for run in found}


def content() -> dict[str, dict[str, Any]]:
    """What all runs of the current server say, whoever logged it and when."""
    return {key: content_of(run) for key, run in runs_of().items()}


def content_of(run: Run) -> dict[str, Any]:
    client = MlflowClient(tracking_uri())
    changing = ("mlflow.parentRunId", "mlflow.log-model.history")  # identifiers of the store
    tags = {name: value for name, value in run.data.tags.items() if name not in changing}
    tags["mlflow.note.content"] = re.sub(r"runs/\w+", "runs/…", tags["mlflow.note.content"])
    histories = {
        name: sorted(
            (one.step, one.value) for one in client.get_metric_history(run.info.run_id, name)
        )
        for name in run.data.metrics
    }
    inputs = run.inputs.dataset_inputs if run.inputs else []
    outputs = run.outputs.model_outputs if run.outputs else []
    artifacts = [
        [item.path for item in client.list_artifacts(run.info.run_id, folder)]
        for folder in (None, "figures")
    ]
    return {
        "name": run.info.run_name,
        "status": run.info.status,
        "params": run.data.params,
        "metrics": histories,
        "tags": tags,
        "data": [(one.dataset.name, one.dataset.digest) for one in inputs],
        "models": [model_page(client.get_logged_model(one.model_id)) for one in outputs],
        "artifacts": artifacts,
    }


def model_page(model: LoggedModel) -> tuple[str, dict[str, float]]:
    """What the page of a model says, and that it leads to its run."""
    assert f"trained with seed {model.name[-1]}" in model.tags["mlflow.note.content"]
    metrics = {metric.key: metric.value for metric in model.metrics or []}
    assert "test/accuracy" in metrics
    return model.name, metrics


def test_what_is_made_from_files_equals_what_was_logged_live_and_twice_makes_nothing_twice(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = content()
    assert len(live) == 1 + len(SEEDS)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{repository}/another.db")
    assert len(make_missing(repository).missing) == len(SEEDS)
    assert content() == live
    runs = runs_of().values()
    (parent,) = (run for run in runs if EXPERIMENT_TAG in run.data.tags)
    ends = [run.info.end_time for run in runs if RUN_TAG in run.data.tags]
    assert parent.info.end_time == max(ends)  # not when it was synced
    again = make_missing(repository)
    assert (len(again.missing), again.complete) == (0, len(SEEDS))
    assert content() == live


def test_times_that_changed_are_brought_to_the_server(repository: Path) -> None:
    experiment = read_json(RUNS / "seed-1" / "run.json")["experiment_id"]
    for number in (2000, 1000):  # measured anew, and back
        write_json(TIMES_FILE, {**TIMES, "multiply_adds": number})
        assert len(make_missing(repository).missing) == len(SEEDS)
        assert make_missing(repository).missing == []
        metrics = runs_of()[experiment].data.metrics
        assert metrics["timing/multiply_adds"] == number
        assert metrics["timing/stock/step_milliseconds/median"] == 3.0
        assert not [name for name in metrics if "cores" in name]


def test_what_differs_is_said_and_a_run_that_was_logged_in_part_is_completed(
    repository: Path,
) -> None:
    client = MlflowClient(tracking_uri())
    live = content()
    part, lost = sorted(
        (run for run in runs_of().values() if RUN_TAG in run.data.tags),
        key=lambda run: run.data.tags["seed"],
    )
    # As if the server had died at the last thing it was told of one, and forgotten the other.
    client.delete_tag(part.info.run_id, TRAINED_TAG)
    client.set_tag(lost.info.run_id, RUN_TAG, "of another repository")
    answer = CliRunner().invoke(main, ["track", "status"])
    assert answer.output.splitlines() == [
        f"not on the server, or in part: {NAME} seed 1",
        f"not on the server, or in part: {NAME} seed 2",
        f"on the server alone: {NAME} seed 2",
        "0 runs in both, 2 to sync, 1 on the server alone",
    ]
    answer = CliRunner().invoke(main, ["track", "sync"])
    assert answer.output.splitlines()[-1] == "2 runs were made or completed, 0 were whole"
    after = content()
    assert {key: after[key] for key in live} == live
    client.delete_run(lost.info.run_id)


def test_runs_that_were_killed_before_they_were_closed_are_closed(repository: Path) -> None:
    client = MlflowClient(tracking_uri())
    live = content()
    for tag, missing in ((RUN_TAG, 1), (EXPERIMENT_TAG, len(SEEDS))):
        (run, *_) = (run for run in runs_of().values() if tag in run.data.tags)
        client.update_run(run.info.run_id, status="RUNNING")
        assert len(make_missing(repository).missing) == missing
        assert content() == live


def test_the_run_that_validated_best_is_registered_once_with_alias_and_card(
    repository: Path,
) -> None:
    answer = CliRunner().invoke(main, ["register", NAME])
    # No validation split: the first seed, whatever the test split says of the second.
    assert answer.output == f"{NAME} version 1 (seed 1): models:/{NAME}@best\n"
    again = CliRunner().invoke(main, ["register", NAME, "--alias", "champion"])
    assert "version 1 (seed 1)" in again.output
    client = MlflowClient(tracking_uri())
    version = client.get_model_version_by_alias(NAME, "champion")
    limits = ("Limits", "calls any image a digit")
    for word in ("CC BY-SA 3.0", "accuracy", "60 train", *limits, "seed 1"):
        assert word in str(version.description)
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@best")
    assert model.predict(np.zeros((2, 28, 28), np.float32)).columns.tolist() == [
        "label",
        "probability",
    ]


@pytest.mark.parametrize(
    "alias", ["latest", "Latest", "v1", "V23", "", "the best", "a/b", "x" * 256]
)
def test_an_alias_that_mlflow_refuses_is_refused_before_a_version_is_made(
    alias: str, repository: Path
) -> None:
    client = MlflowClient(tracking_uri())
    before = client.search_model_versions(f"name = '{NAME}'")
    answer = CliRunner().invoke(main, ["register", NAME, "--alias", alias])
    assert answer.exit_code == 1
    assert answer.output.startswith(f"error: the alias {alias!r} cannot be used")
    assert client.search_model_versions(f"name = '{NAME}'") == before
    with pytest.raises(mlflow.MlflowException):
        client.set_registered_model_alias(NAME, alias, "1")


def test_without_a_server_registering_is_an_error_in_words(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    answer = CliRunner().invoke(main, ["register", NAME])
    assert answer.exit_code == 1
    assert answer.output.startswith("error: the model registry of http://127.0.0.1:9 does not")
    assert "MLFLOW_TRACKING_URI names another one" in answer.output


def test_of_every_data_set_it_is_said_what_its_models_cannot_do() -> None:
    for name, dataset in DATASETS.items():
        assert dataset.limits.startswith("It"), name


def test_a_model_without_test_metrics_is_not_registered(repository: Path) -> None:
    scores = repository / "results" / "digit-rows" / NAME / "evaluation" / "scores.json"
    scores.rename(scores.with_name("kept.json"))
    answer = CliRunner().invoke(main, ["register", NAME])
    scores.with_name("kept.json").rename(scores)
    assert answer.exit_code == 1
    assert f"no test metrics and is not registered: `dvc repro evaluate@{NAME}`" in answer.output
    answer = CliRunner().invoke(main, ["register", "mnist-lstm"])
    assert "no run of 'mnist-lstm' here" in answer.output


@pytest.mark.parametrize("command", ["sync", "status"])
def test_a_server_that_does_not_answer_is_an_error_without_its_password(
    command: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")  # so that they are as before after the test
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:geheim@127.0.0.1:9/?token=geheim")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    answer = CliRunner().invoke(main, ["track", command])
    assert answer.exit_code == 1
    assert answer.output.startswith("error: the tracking server http://127.0.0.1:9/?token=***")
    assert "geheim" not in answer.output


def test_an_experiment_that_was_deleted_in_the_ui_is_restored_and_makes_nothing_twice(
    repository: Path,
) -> None:
    live, client = content(), MlflowClient(tracking_uri())
    experiment = client.get_experiment_by_name("digit-rows")
    assert experiment
    client.delete_experiment(experiment.experiment_id)
    answer = CliRunner().invoke(main, ["track", "sync"])
    assert "the MLflow experiment 'digit-rows' had been deleted: it and its runs" in answer.output
    for key in runs_of().keys() - live.keys():  # it brings back runs that were deleted one by one
        client.delete_run(runs_of()[key].info.run_id)
    assert content() == live
    assert make_missing(repository).missing == []


def test_a_parent_run_that_was_deleted_is_made_again_with_its_runs_below_it(
    repository: Path,
) -> None:
    (former,) = (run for run in runs_of().values() if EXPERIMENT_TAG in run.data.tags)
    MlflowClient(tracking_uri()).delete_run(former.info.run_id)
    assert len(make_missing(repository).missing) == len(SEEDS)
    (parent,) = (run for run in runs_of().values() if EXPERIMENT_TAG in run.data.tags)
    assert (parent.data.params, parent.data.metrics) == (former.data.params, former.data.metrics)
    children = [run for run in runs_of().values() if RUN_TAG in run.data.tags]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert make_missing(repository).missing == []


def test_of_a_shared_server_sync_reads_none_of_the_runs_of_others(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = MlflowClient(tracking_uri())
    experiment = client.get_experiment_by_name("digit-rows")
    assert experiment
    for identifier in (client.create_experiment("of others"), experiment.experiment_id):
        client.create_run(identifier, run_name="of others", tags={RUN_TAG: "of others"})
    search = MlflowClient.search_runs
    read: list[str | None] = []

    def note(self: MlflowClient, *arguments: Any, **options: Any) -> Any:
        page = search(self, *arguments, **options)
        read.extend(run.info.run_name for run in page)
        return page

    monkeypatch.setattr(MlflowClient, "search_runs", note)
    assert make_missing(repository).missing == []
    assert sorted(map(str, read)) == [NAME, f"{NAME} seed 1", f"{NAME} seed 2"]
    answer = CliRunner().invoke(main, ["track", "status"])
    assert answer.output.splitlines()[-1] == "2 runs in both, 0 to sync, 2 on the server alone"


def test_a_repository_that_was_moved_finds_its_artifacts_and_writes_no_others_elsewhere(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "moved #1, 100%41 ü?"
    shutil.copytree(repository, moved)
    monkeypatch.chdir(moved)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # where MLflow noted the former place
    assert make_missing(moved).missing == []
    client = MlflowClient(tracking_uri())
    experiment = client.get_experiment_by_name("digit-rows")
    assert experiment and experiment.artifact_location == (moved / "mlartifacts").as_uri()
    for run in runs_of().values():
        assert run.info.artifact_uri.startswith(experiment.artifact_location)
        for output in run.outputs.model_outputs if run.outputs else []:
            downloaded = mlflow.artifacts.download_artifacts(f"models:/{output.model_id}")
            assert Path(downloaded).is_relative_to(moved)
