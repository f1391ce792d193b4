"""The whole pipeline as users run it: real dvc, real data, the real params.yaml made smaller."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from dvc.repo import Repo
from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update
from mlflow import MlflowClient
from ruamel.yaml import YAML

from rnnbench.data.dataset import DATASETS
from rnnbench.data.download import cache_folder
from rnnbench.demo import lay_out, only, write_params
from rnnbench.params import Params, load_params
from rnnbench.repro.reproduce import reproduce
from rnnbench.tracking.runs import EXPERIMENT_TAG, RUN_TAG
from rnnbench.tracking.sync import files_of_revision, recorded_runs
from tests.small_budget import shrink, time_only

pytestmark = [pytest.mark.slow, pytest.mark.network]

EXAMPLES = {"train_examples": 400, "test_examples": 120}
FRAME_EXAMPLES = {"train_examples": 20, "test_examples": 4}
WAIT_SECONDS = 180
# Of each suite what differs in kind; `make demo` runs all.
EXPERIMENTS = (
    "imdb-lstm",
    "imdb-rnn-stacked-cells",
    "reuters-gru",
    "moving-mnist-conv-lstm",
    "mnist-simple-rnn",
    "mnist-lstm",
    "mnist-gru",
    "sentiment-bidirectional-lstm",
    "long-stacked-simple-rnn",
    "random-time-distributed-lstm",
    "adding-20-gru",
    "copying-5-simple-rnn",
)
TIMED = ("mnist-gru", "adding-20-gru")


class Pipeline:
    """A scratch clone and what was printed when it ran first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(folder / "src"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        self.environment.pop("MLFLOW_TRACKING_URI", None)

    def run(
        self, *command: str, stdin: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            input=stdin,
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
        )

    def dvc(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "dvc", *arguments, **environment)

    def repro(self, *arguments: str) -> str:
        answer = self.dvc("repro", *arguments)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def reproduce(self) -> bool:
        # MLflow leaves the store of an earlier test in the environment.
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        return reproduce(self.folder, 2, suites=self.params.suites)

    @property
    def params(self) -> Params:
        return load_params(self.folder / "params.yaml")

    def results(self, experiment: str) -> Path:
        return self.folder / "results" / self.params.experiments[experiment].suite / experiment

    def read(self, experiment: str, name: str) -> str:
        return (self.results(experiment) / name).read_text()

    def evaluation(self, experiment: str, name: str) -> Any:
        return json.loads(self.read(experiment, f"evaluation/{name}"))

    def client(self) -> MlflowClient:
        return MlflowClient(f"sqlite:///{self.folder}/mlflow.db")

    @contextmanager
    def changed(
        self, section: Sequence[str] = ("experiments", "mnist-gru"), **values: Any
    ) -> Iterator[None]:
        """Change params.yaml, by default how mnist-gru is trained, and change it back."""
        path = self.folder / "params.yaml"
        before = path.read_text()
        content = changed = YAML(typ="safe").load(before)
        for key in section:
            changed = changed[key]
        changed.update(values)
        write_params(content, path)
        try:
            yield
        finally:
            path.write_text(before)


@pytest.fixture(scope="module")
def pipeline(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The pipeline after `dvc repro` in a scratch clone with a cache of its own."""
    folder = tmp_path_factory.mktemp("scratch") / "clone"
    lay_out(root, folder)
    (folder / ".dvc" / "config.local").unlink()
    content = YAML(typ="safe").load((root / "params.yaml").read_text())
    content["datasets"]["mnist"]["route"] = "registry"
    small = shrink(only(content, EXPERIMENTS), EXAMPLES, FRAME_EXAMPLES)
    write_params(small, folder / "params.yaml")
    time_only(TIMED, folder)
    git = ["git", "-C", str(folder), "-c", "user.name=Test", "-c", "user.email=test@example.org"]
    subprocess.run([*git, "commit", "--all", "--quiet", "--message", "smaller"], check=True)
    scratch = Pipeline(folder)
    assert scratch.reproduce()
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "run"], check=True)
    return scratch


# Per task: the metrics in git, confusions counted and the length of what is kept of predictions.
EXPECTED = {
    "classification": (["accuracy", "loss", "macro_f1"], 120, "probabilities"),
    "video": (["loss", "mse_per_pixel", "ssim"], 4 * 10 * 64 * 64, "ssim"),
    "regression": (["loss", "mean_absolute_error", "correct"], 120, "predicted"),
    "sequence_labelling": (["accuracy", "sequence_accuracy", "loss"], 120 * 5, "probabilities"),
}


def test_every_experiment_has_metrics_details_plots_and_predictions(pipeline: Pipeline) -> None:
    for name in pipeline.params.experiments:
        scores = pipeline.evaluation(name, "scores.json")
        wanted, confused, kept_name = EXPECTED[scores["task"]]
        metrics = json.loads(pipeline.read(name, "metrics.json"))
        assert all(np.isfinite(value) for value in metrics.values())
        ends = [name for name in metrics if name.endswith(("_lower", "_upper"))]
        assert list(metrics) == [*wanted, *ends], name
        folder = pipeline.results(name)
        assert pd.read_csv(folder / "history.csv")["epoch"].tolist() == [1]
        assert pd.read_csv(folder / "confusion_matrix.csv")["count"].sum() == confused
        assert len(pd.read_csv(folder / "evaluation" / "details.csv")) > 1
        with np.load(folder / "evaluation" / "predictions" / "seed-42.npz") as predictions:
            assert len(predictions[kept_name]) == (4 if scores["task"] == "video" else confused)


def test_metrics_hold_no_time_and_times_hold_no_metric(pipeline: Pipeline) -> None:
    for name in pipeline.params.experiments:
        assert "seconds" not in pipeline.read(name, "metrics.json")
        timing = pipeline.evaluation(name, "timing.json")["seed-42"]
        assert "accuracy" not in timing
        assert len(timing["epoch_seconds"]) == 1
        if name == "moving-mnist-conv-lstm":  # two steps, and either may compile
            assert "step_milliseconds" not in timing
        else:
            assert timing["step_milliseconds"]["p50"] <= timing["step_milliseconds"]["p95"]


def test_the_report_shows_every_experiment_data_set_route_and_licence(pipeline: Pipeline) -> None:
    page = (pipeline.folder / "report" / "index.html").read_text()
    for name in pipeline.params.experiments:
        assert name in page
    for path in (pipeline.folder / "data" / "raw").glob("*.origin.json"):
        origin = json.loads(path.read_text())
        for word in (origin["route"], origin["licence"], *origin["sources"]):
            assert word in page
    assert "data:image/png" in page
    assert "Not run" not in page


def test_comparisons_have_ours_beside_what_is_reported(pipeline: Pipeline) -> None:
    table = pd.read_csv(pipeline.folder / "comparisons" / "digit-rows" / "table.csv")
    assert table["experiment"].tolist() == ["mnist-simple-rnn", "mnist-lstm", "mnist-gru"]
    assert table["reported_accuracy"].tolist() == [0.9568, 0.9880, 0.9900]
    assert table["parameters"].tolist() == [206_858, 819_722, 369_162]
    metrics = json.loads(pipeline.read("mnist-lstm", "metrics.json"))
    assert table["accuracy"][1] == metrics["accuracy"]


def test_comparisons_say_which_kernel_ran(pipeline: Pipeline) -> None:
    def kernels(suite: str) -> dict[str, str]:
        table = pd.read_csv(pipeline.folder / "comparisons" / suite / "table.csv")
        return dict(zip(table["experiment"], table["kernel"], strict=True))

    # A small budget does not earn back what compiling takes: `shrink` leaves Keras its loops.
    assert set(kernels("digit-rows").values()) == {"graph loop (not accelerated)"}
    assert kernels("moving-mnist")["moving-mnist-conv-lstm"] == "graph loop (not accelerated)"


def test_the_runs_of_a_commit_are_found_again_in_dvc_s_cache(pipeline: Pipeline) -> None:
    with files_of_revision(pipeline.folder, "HEAD") as files:
        runs = recorded_runs(files)
        assert sorted(run.record["experiment"] for run in runs) == sorted(EXPERIMENTS)
        assert all((run.folder / "model.keras").exists() for run in runs)
    trees = ["git", "-C", str(pipeline.folder), "worktree", "list"]
    assert len(subprocess.check_output(trees, text=True).splitlines()) == 1


def test_mlflow_has_every_run_with_what_the_files_say(pipeline: Pipeline) -> None:
    client = pipeline.client()
    for suite in pipeline.params.suites:
        experiment = client.get_experiment_by_name(suite)
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id])
        children = {run.data.tags["experiment"]: run for run in runs if RUN_TAG in run.data.tags}
        parents = {run.info.run_id: run for run in runs if EXPERIMENT_TAG in run.data.tags}
        assert sorted(children) == sorted(pipeline.params.experiment_names(suite))
        assert len(parents) == len(children)
        for name, run in children.items():
            metrics = json.loads(pipeline.read(name, "metrics.json"))
            for metric, value in pipeline.evaluation(name, "scores.json")["runs"][
                "seed-42"
            ].items():
                assert run.data.metrics[f"test/{metric}"] == pytest.approx(value, rel=1e-12)
            parent = parents[run.data.tags["mlflow.parentRunId"]]
            assert parent.data.metrics["test/loss"] == pytest.approx(metrics["loss"], rel=1e-12)
            assert parent.info.status == run.info.status == "FINISHED"
            assert run.data.tags["stage"] == f"train@{name}"
            assert run.data.tags["git_dirty"] == "False"
            assert run.data.params["training.epochs"] == "1"
            figures = [item.path for item in client.list_artifacts(run.info.run_id, "figures")]
            assert "figures/confusion_matrix.png" in figures
            assert run.inputs is not None
            assert run.inputs.dataset_inputs[0].dataset.name == (
                pipeline.params.experiments[name].view
            )


def table_of(folder: Path) -> dict[str, tuple[Any, ...]]:
    """What MLflow's runs table shows of every run in a repository's store."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    runs = client.search_runs([one.experiment_id for one in client.search_experiments()])
    return {
        run.data.tags.get(RUN_TAG) or run.data.tags[EXPERIMENT_TAG]: (
            run.info.run_name,
            run.info.status,
            run.info.start_time,
            run.data.params,
            run.data.metrics,
        )
        for run in runs
    }


def test_a_fresh_clone_that_pulls_fills_an_empty_server_with_the_same_table(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    clone = Pipeline(tmp_path / "clone")
    subprocess.run(["git", "clone", "--quiet", str(pipeline.folder), str(clone.folder)], check=True)
    for repository in (pipeline, clone):
        remote = ("remote", "add", "--local", "--default", "team", str(tmp_path / "remote"))
        assert repository.dvc(*remote).returncode == 0
    for repository, command in ((pipeline, "push"), (clone, "pull")):
        answer = repository.dvc(command)
        assert answer.returncode == 0, answer.stderr
    synced = clone.run("-m", "rnnbench.cli", "track", "sync")
    assert f"{len(EXPERIMENTS)} runs were made or completed, 0 were whole" in synced.stdout
    assert table_of(clone.folder) == table_of(pipeline.folder)


def logged_model(pipeline: Pipeline, name: str) -> Any:
    mlflow.set_tracking_uri(f"sqlite:///{pipeline.folder}/mlflow.db")
    client = pipeline.client()
    found = client.get_experiment_by_name(pipeline.params.experiments[name].suite)
    assert found is not None
    (run,) = client.search_runs(
        [found.experiment_id], f"tags.experiment = '{name}' and tags.seed = '42'"
    )
    assert run.outputs is not None
    return mlflow.pyfunc.load_model(f"models:/{run.outputs.model_outputs[0].model_id}")


@pytest.mark.parametrize("name", ["mnist-gru", "moving-mnist-conv-lstm"])
def test_a_logged_model_predicts_the_test_split_as_evaluation_did(
    name: str, pipeline: Pipeline
) -> None:
    view = pipeline.params.experiments[name].view
    test = pipeline.folder / "data" / "prepared" / view / "test"
    inputs = np.load(test / "test_inputs.npy")[:4].astype(np.float32) / np.float32(255.0)
    outputs = logged_model(pipeline, name).predict(inputs)
    with np.load(pipeline.results(name) / "evaluation" / "predictions" / "seed-42.npz") as kept:
        if name == "mnist-gru":
            likeliest = kept["probabilities"][:4].argmax(axis=1)
            assert outputs["label"].tolist() == likeliest.astype(str).tolist()
        else:
            targets = np.load(test / "test_targets.npy")[:4] / 255.0
            error = ((outputs - targets) ** 2).mean(axis=(2, 3, 4))
            np.testing.assert_allclose(error, kept["mse_per_pixel"], rtol=1e-4)


def test_raw_text_is_predicted_as_evaluation_did_the_encoded_one(pipeline: Pipeline) -> None:
    view = pipeline.folder / "data" / "prepared" / "imdb-20k-200"
    words = json.loads((view / "fit" / "vocabulary.json").read_text())
    texts = []
    for row in np.load(view / "test" / "test_inputs.npy")[:4]:
        ids = [number for number in row.tolist() if number > 1]
        texts.append(", ".join("Xqzw" if number == 2 else words[number - 4] for number in ids))
    answers = logged_model(pipeline, "imdb-lstm").predict(texts)
    with np.load(
        pipeline.results("imdb-lstm") / "evaluation" / "predictions" / "seed-42.npz"
    ) as kept:
        expected = kept["probabilities"][:4]
    np.testing.assert_allclose(answers["probability"], expected.max(axis=1), rtol=1e-4)
    names = np.array(["negative", "positive"])
    assert answers["label"].tolist() == names[expected.argmax(axis=1)].tolist()
    printed = pipeline.run("-m", "rnnbench.cli", "predict", "imdb-lstm", *texts)
    assert printed.returncode == 0, printed.stderr
    for line, label, row in zip(
        printed.stdout.splitlines(), answers["label"], expected, strict=True
    ):
        assert line.startswith(f"{label}  {row.max():.4f}")


# What a stage may open beside what it declares: it supplies no value. Parameters are checked with
# the options of every layer and data set; `data/prepared.py` hands out arrays as they are. A model
# is logged with the code by which a served one answers, that of its task.
SUPPLIES_NOTHING = (
    *(f"src/rnnbench/{name}.py" for name in ("__init__", "errors", "files", "history", "layout")),
    *(
        f"src/rnnbench/{name}.py"
        for name in ("commands", "credentials", "registry", "runs", "tables", "figures")
    ),
    "src/rnnbench/switched_off.py",
    *(f"src/rnnbench/{name}/" for name in ("params", "tracking", "data", "models", "tasks")),
    *(f"src/rnnbench/evaluation/{name}.py" for name in ("__init__", "trained")),
    "stages/",
    "params.yaml",
    "mlflow.db",
    "mlartifacts/",
    "record_reads.py",
    "reads.json",
)
READERS = {
    "fetch@adding": ("stages/fetch.py", "adding"),
    "prepare@mnist-rows": ("stages/prepare.py", "mnist-rows"),
    "train@mnist-gru": ("stages/train.py", "mnist-gru"),
    "time@mnist-gru": ("stages/measure_times.py", "digit-rows/mnist-gru", "mnist-rows"),
    "evaluate@mnist-gru": ("stages/evaluate.py", "digit-rows/mnist-gru", "mnist-rows"),
    "baselines@mnist-rows": ("stages/baselines.py", "mnist-rows"),
    "members": ("stages/members.py",),
    "compare@digit-rows": ("stages/compare.py", "digit-rows"),
    "layers": ("stages/layers.py",),
    "report": ("stages/report.py",),
}


# The process that a stage starts, and what it is asked.
QUESTIONS: tuple[dict[str, Any], ...] = (
    {"runs": "runs/digit-rows/mnist-gru", "view": "data/prepared/mnist-rows/fit"},
    {"batches": 3},
    {},
)
STARTED = ("time@mnist-gru", ("src/rnnbench/timing/steps.py", "compiled"), QUESTIONS)


@pytest.mark.parametrize(
    ("stage", "command", "questions"),
    [*((stage, command, ()) for stage, command in READERS.items()), STARTED],
)
def test_a_stage_reads_what_it_declares(
    stage: str,
    command: tuple[str, ...],
    questions: tuple[dict[str, Any], ...],
    pipeline: Pipeline,
    root: Path,
) -> None:
    script = pipeline.folder / "record_reads.py"
    shutil.copy(root / "tests" / "record_reads.py", script)
    stdin = "".join(json.dumps(question) + "\n" for question in questions)
    answer = pipeline.run(script.name, "reads.json", *command, stdin=stdin)
    assert answer.returncode == 0, answer.stderr
    read = json.loads((pipeline.folder / "reads.json").read_text())
    with Repo(str(pipeline.folder)) as repo:
        (declared,) = repo.stage.collect(stage)
        paths = [path.def_path for path in (*declared.deps, *declared.outs)]
        keys = [key for dependency in declared.params for key in dependency.params]
    allowed = (*paths, *SUPPLIES_NOTHING)
    assert [path for path in read["files"] if not path.startswith(allowed)] == []
    read_keys = [key for key in read["keys"] if not key.startswith("download.")]
    assert [
        key for key in read_keys if not any(f"{key}.".startswith(f"{one}.") for one in keys)
    ] == []
    if keys:
        assert read_keys, "what is read is recorded"
    subprocess.run(["git", "-C", pipeline.folder, "clean", "-qf", "record_reads.py", "reads.json"])
    pipeline.repro()


def test_a_second_repro_runs_nothing(pipeline: Pipeline) -> None:
    assert "Running stage" not in pipeline.repro()


def test_a_changed_learning_rate_concerns_its_experiment_its_suite_and_the_report(
    pipeline: Pipeline,
) -> None:
    with pipeline.changed(learning_rate_decay=2e-05):
        status = json.loads(pipeline.dvc("status", "--json").stdout)
        difference = json.loads(pipeline.dvc("params", "diff", "--json").stdout)
    # `members` notes which experiments there are; it writes the same again.
    assert set(status) == {"train@mnist-gru", "members"}
    key = "experiments.mnist-gru.learning_rate_decay"
    assert difference == {"params.yaml": {key: {"old": 1e-05, "new": 2e-05, "diff": 1e-05}}}


def test_a_change_is_retrained_and_its_metrics_differ(pipeline: Pipeline) -> None:
    before = json.loads(pipeline.read("mnist-gru", "metrics.json"))
    with pipeline.changed(learning_rate=0.01):
        ran = re.findall(r"Running stage '(\S+)'", pipeline.repro())
        difference = json.loads(pipeline.dvc("metrics", "diff", "--json").stdout)
    of_experiment = [f"{kind}@mnist-gru" for kind in ("train", "time", "evaluate")]
    assert sorted(ran) == sorted([*of_experiment, "members", "compare@digit-rows", "report"])
    assert list(difference) == [str(Path("results/digit-rows/mnist-gru/metrics.json"))]
    again = pipeline.repro()
    # Tables and the report are in git and made anew; what took long comes from the cache.
    assert re.findall(r"Running stage '(\S+)'", again) == ["compare@digit-rows", "report"]
    for stage in of_experiment:
        assert f"Stage '{stage}' is cached" in again
    assert json.loads(pipeline.read("mnist-gru", "metrics.json")) == before, "and back again"


def test_a_suite_with_0_seeds_is_switched_off_and_back_on_without_training(
    pipeline: Pipeline,
) -> None:
    with pipeline.changed(("suites", "adding", "training"), seeds=0):
        pipeline.repro()
        plotted = pipeline.dvc("plots", "show", "--out", "plots")
        metrics = json.loads(pipeline.read("adding-20-gru", "metrics.json"))
        table = (pipeline.folder / "comparisons/adding/table.md").read_text()
        report = (pipeline.folder / "report/report.md").read_text()
    shutil.rmtree(pipeline.folder / "plots")
    assert plotted.returncode == 0, plotted.stderr
    assert metrics == {}
    for text in (table, report):
        assert "switched off: it has 0 seeds in params.yaml" in text
    again = pipeline.repro()
    assert re.findall(r"Running stage '(\S+)'", again) == ["compare@adding", "report"]


def test_runs_that_were_deleted_are_restored_and_not_trained_anew(pipeline: Pipeline) -> None:
    shutil.rmtree(pipeline.folder / "runs")
    output = pipeline.repro()
    assert "Running stage" not in output
    assert (pipeline.folder / "runs/digit-rows/mnist-gru/seed-42/model.keras").exists()


def test_metrics_and_plots_are_shown_out_of_the_box(pipeline: Pipeline) -> None:
    shown = json.loads(pipeline.dvc("metrics", "show", "--json").stdout)
    assert len(shown[""]["data"]) == len(pipeline.params.experiments)
    plotted = pipeline.dvc("plots", "show", "--out", "plots")
    assert plotted.returncode == 0, plotted.stderr
    page = (pipeline.folder / "plots" / "index.html").read_text()
    shutil.rmtree(pipeline.folder / "plots")
    assert page.count("Loss by epoch") >= len(pipeline.params.experiments)
    assert page.count("Confusions on the test split") >= len(pipeline.params.experiments)
    for word in ("share of actual", "validation_loss"):
        assert word in page, "the project's templates are found"


@pytest.mark.parametrize("name", ["mnist-gru", "moving-mnist-conv-lstm"])
def test_training_again_from_scratch_gives_identical_metrics(name: str, pipeline: Pipeline) -> None:
    files = ("metrics.json", "history.csv", "evaluation/details.csv")
    before = [pipeline.read(name, file) for file in files]
    times = pipeline.read(name, "evaluation/timing.json")
    output = pipeline.repro("--force", "--single-item", f"train@{name}", f"evaluate@{name}")
    assert output.count("Running stage") == 2
    assert [pipeline.read(name, file) for file in files] == before
    assert pipeline.read(name, "evaluation/timing.json") != times, "it was really trained again"
    pipeline.repro()


def test_an_interrupted_training_leaves_nothing_half_done_and_starts_clean(
    pipeline: Pipeline,
) -> None:
    before = pipeline.read("mnist-gru", "metrics.json")
    with pipeline.changed(epochs=500):
        process = subprocess.Popen(
            [sys.executable, "-m", "dvc", "repro", "--single-item", "train@mnist-gru"],
            cwd=pipeline.folder,
            env=pipeline.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # A shell that runs the tests in the background makes its children ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        assert process.stdout is not None
        for line in process.stdout:
            if "epoch 2/500" in line:
                break
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: to all of the terminal
        try:
            rest, _ = process.communicate(timeout=WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        assert process.returncode != 0
    assert "interrupted" in rest
    runs = pipeline.folder / "runs" / "digit-rows" / "mnist-gru"
    assert not runs.exists() or not list(runs.iterdir())
    pipeline.repro()
    assert pipeline.read("mnist-gru", "metrics.json") == before


def test_side_by_side_nothing_is_run_again_and_the_lock_is_dvc_s(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pipeline.reproduce()
    assert "everything is up to date" in capsys.readouterr().out
    lock = (pipeline.folder / "dvc.lock").read_text()
    assert lock == dumps_yaml(parse_yaml_for_update(lock, "dvc.lock"))


def test_a_failed_training_is_told_and_stands_in_the_tables_as_not_run(
    pipeline: Pipeline, capfd: pytest.CaptureFixture[str]
) -> None:
    with pipeline.changed(model="conv-lstm"):
        assert not pipeline.reproduce()
    assert "the layers do not fit each other" in capfd.readouterr().out
    table = (pipeline.folder / "comparisons" / "digit-rows" / "table.md").read_text()
    assert "mnist-gru (not run)" in table
    assert "mnist-lstm (not run)" not in table
    assert "mnist-gru" in (pipeline.folder / "report" / "index.html").read_text()
    pipeline.repro()


def test_a_diverged_training_is_a_result_and_no_failure(pipeline: Pipeline) -> None:
    with pipeline.changed(learning_rate=1e30, learning_rate_decay=0.0):
        assert pipeline.reproduce()
        table = (pipeline.folder / "comparisons" / "digit-rows" / "table.md").read_text()
        assert json.loads(pipeline.read("mnist-gru", "metrics.json")) == {}
    assert "mnist-gru" in table
    pipeline.repro()


def test_without_one_route_the_other_data_sets_are_still_prepared(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    clone, cache = tmp_path / "clone", tmp_path / "cache"
    subprocess.run(["git", "clone", "--quiet", pipeline.folder, clone], check=True)
    cache.mkdir()
    for package in DATASETS["imdb"].routes["registry"].sources:
        (cache / package.name).symlink_to(cache_folder() / package.name)
    offline = {"RNNBENCH_CACHE": str(cache), "npm_config_registry": "http://127.0.0.1:9"}
    answer = Pipeline(clone).dvc("repro", "--keep-going", "prepare", **offline)
    assert answer.returncode != 0
    assert (clone / "data" / "prepared" / "imdb-20k-200" / "fit" / "manifest.json").exists()
    assert not (clone / "data" / "raw" / "reuters").exists()
    said = answer.stdout + answer.stderr
    for word in ("reuters", "npm", "by hand", "datasets.reuters.route=upstream"):
        assert word in said


def test_a_stage_says_what_is_wrong_with_params_without_a_traceback(pipeline: Pipeline) -> None:
    with pipeline.changed(lerning_rate=0.1):
        answer = pipeline.run("stages/train.py", "mnist-gru")
    assert answer.returncode == 1
    assert "did you mean 'learning_rate'" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_an_experiment_trains_and_evaluates_on_jax(pipeline: Pipeline) -> None:
    pytest.importorskip("jax")
    folder = pipeline.results("mnist-simple-rnn")
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    for arguments in (
        ("stages/train.py", "mnist-simple-rnn"),
        ("stages/evaluate.py", "digit-rows/mnist-simple-rnn", "mnist-rows"),
    ):
        answer = pipeline.run(*arguments, KERAS_BACKEND="jax")
        assert answer.returncode == 0, answer.stderr
    scores = pipeline.evaluation("mnist-simple-rnn", "scores.json")
    assert scores["environment"]["backend"] == "jax"
    assert np.isfinite(scores["runs"]["seed-42"]["loss"])
    shutil.rmtree(folder)
    kept.rename(folder)


@pytest.mark.parametrize(
    "modules",
    [
        ["rnnbench.cli"],
        ["rnnbench.data.fetch", "rnnbench.data.prepare"],
        ["rnnbench.comparison.compare", "rnnbench.comparison.report"],
    ],
)
def test_stages_that_need_no_back_end_do_not_import_one(modules: list[str], root: Path) -> None:
    code = f"import sys, {', '.join(modules)}; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert loaded.returncode == 0, loaded.stderr
    for heavy in ("'tensorflow'", "'keras'", "'mlflow'"):
        assert heavy not in loaded.stdout
