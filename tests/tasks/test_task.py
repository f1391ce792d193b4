"""What every kind of task keeps, whichever are registered, and what a new kind or metric costs."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest

from rnnbench.data.dataset import DATASETS
from rnnbench.data.prepared import Manifest, Split
from rnnbench.errors import RnnbenchError
from rnnbench.models.heads import Output
from rnnbench.tasks.task import (
    SCORE_ARRAY,
    TASKS,
    Evaluation,
    Metrics,
    NotFiniteError,
    Score,
    Task,
    TrainedModel,
    count_pairs,
    sum_pairs,
)
from tests.baselines.views import SERIES
from tests.tasks.manifests import make_manifest

COPYING = {"copied_symbols": 4, "alphabet_size": 4, "delay": 2}
UNSCALED = {
    **SERIES,
    "means": [0.0, 0.0],
    "standard_deviations": [1.0, 1.0],
    "naive_errors": [1.0, 1.0],
}
VIEWS = {
    "classification": make_manifest("classification", (5, 2), (), classes=3),
    "sequence_labelling": make_manifest(
        "sequence_labelling", (10, 6), (10,), classes=6, facts=COPYING
    ),
    "regression": make_manifest("regression", (5, 2), (1,)),
    "forecasting": make_manifest("forecasting", (5, 2), (6,), facts=UNSCALED),
    "video": make_manifest("video", (2, 16, 16, 1), (3, 16, 16, 1), dtype="uint8"),
}
EXAMPLES = 20


def draw_split(manifest: Manifest) -> Split:
    generator = np.random.default_rng(0)
    inputs, targets = (
        generator.random((EXAMPLES, *shape), dtype=np.float32)
        for shape in (manifest.input_shape, manifest.target_shape)
    )
    if manifest.class_names:
        return Split(inputs, np.resize(np.arange(len(manifest.class_names)), targets.shape))
    if manifest.splits["train"]["targets"]["dtype"] == "uint8":
        return Split((255 * inputs).astype(np.uint8), (255 * targets).astype(np.uint8))
    return Split(inputs, targets)


def draw_outputs(task: Task, manifest: Manifest, examples: int) -> Any:
    """Random probabilities or numbers, in the shape of the task's outputs."""
    shape = manifest.target_shape
    if manifest.class_names:
        shape = (*shape, task.output_layers(manifest, False)[-1].units)
    values = np.random.default_rng(1).random((examples, *shape), dtype=np.float32)
    return values / values.sum(axis=-1, keepdims=True) if manifest.class_names else values


def evaluate(task: Task, manifest: Manifest, from_logits: bool = False) -> Evaluation:
    def predict(inputs: Any) -> Any:
        outputs = draw_outputs(task, manifest, len(inputs))
        if not from_logits:
            return outputs
        # What gives these outputs, once it is through its softmax or sigmoid.
        return np.log(outputs) if manifest.class_names else np.log(outputs / (1.0 - outputs))

    return task.evaluate(TrainedModel(predict, manifest, from_logits, 8), draw_split(manifest))


@pytest.mark.parametrize("name", TASKS)
def test_outputs_that_are_not_finite_are_a_model_that_diverged(name: str) -> None:
    task, manifest = TASKS[name], VIEWS[name]

    def predict(inputs: Any) -> Any:
        outputs = draw_outputs(task, manifest, len(inputs))
        outputs[-1] = np.nan
        return outputs

    with pytest.raises(NotFiniteError):
        task.evaluate(TrainedModel(predict, manifest, False, 8), draw_split(manifest))


def test_every_kind_of_task_has_a_view_here() -> None:
    assert sorted(TASKS) == sorted(VIEWS)


def test_every_data_set_names_a_kind_of_task() -> None:
    assert {dataset.task for dataset in DATASETS.values()} == set(TASKS)


@pytest.mark.parametrize("name", VIEWS)
def test_every_run_has_the_metrics_that_files_and_tables_name(name: str) -> None:
    task = TASKS[name]
    evaluation = evaluate(task, VIEWS[name])
    assert task.name == name
    assert {*task.headline, task.score.name} <= set(evaluation.metrics)
    assert set(task.test_metrics) <= set(evaluation.metrics)
    baseline = {f"{task.baseline_name}_{metric}" for metric in evaluation.baseline}
    beside = {f"{metric}_std" for metric in (task.score.name, "loss")}
    elsewhere = {"difference", "length", "training_loss", "validation_loss"}
    for column in task.columns:
        if not column.name.startswith("reported_"):
            assert column.name in {*evaluation.metrics, *baseline, *beside, *elsewhere}
    assert set(task.summary) <= set(task.columns)


@pytest.mark.parametrize("name", VIEWS)
def test_the_score_of_each_example_has_the_score_of_the_split_as_its_mean(name: str) -> None:
    task = TASKS[name]
    evaluation = evaluate(task, VIEWS[name])
    scores = evaluation.predictions[SCORE_ARRAY]
    assert scores.shape == (EXAMPLES,)
    assert scores.mean() == pytest.approx(evaluation.metrics[task.score.name])


@pytest.mark.parametrize("name", VIEWS)
def test_confusions_have_every_pair_of_classes_and_figures_can_be_drawn(name: str) -> None:
    evaluation = evaluate(TASKS[name], VIEWS[name])
    names = evaluation.confusions["actual"].unique()
    assert len(evaluation.confusions) == len(names) ** 2
    assert evaluation.confusions["count"].sum() >= EXAMPLES
    for draw in evaluation.drawings.values():
        assert draw("a title").axes


@pytest.mark.parametrize("name", ["classification", "sequence_labelling", "video"])
def test_logits_score_as_the_probabilities_they_stand_for(name: str) -> None:
    task, manifest = TASKS[name], VIEWS[name]
    probabilities, logits = evaluate(task, manifest), evaluate(task, manifest, from_logits=True)
    assert logits.metrics == pytest.approx(probabilities.metrics, rel=1e-4)


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("from_logits", [False, True])
def test_keras_compiles_and_trains_what_a_task_asks_for(name: str, from_logits: bool) -> None:
    task, manifest = TASKS[name], VIEWS[name]
    outputs = task.output_layers(manifest, from_logits)
    if outputs:
        body = [keras.layers.GRU(3, return_sequences=task.targets_each_step)]
        ends = [keras.layers.Dense(each.units, each.activation) for each in outputs]
    else:
        activation = "linear" if from_logits else task.last_activation
        body = [keras.layers.Conv3D(1, (1, 3, 3), padding="same", activation=activation)]
        ends = [keras.layers.ZeroPadding3D(((1, 0), 0, 0))]  # as many frames as the targets have
    model = keras.Sequential([keras.Input(manifest.input_shape), *body, *ends])
    last = ends[-1].activation if outputs else body[-1].activation
    activation = keras.activations.serialize(last)
    task.require_fits(model.output_shape[1:], activation, manifest, from_logits)
    model.compile(
        loss=task.loss(manifest, from_logits), metrics=task.metrics(manifest, from_logits)
    )
    split = draw_split(manifest)
    inputs, targets = split.inputs, split.targets
    if targets.dtype == np.uint8:
        inputs, targets = inputs / 255.0, targets / 255.0
    logs = model.train_on_batch(inputs, targets, return_dict=True)
    assert np.isfinite(logs["loss"])
    assert ("accuracy" in logs) == bool(manifest.class_names)


@pytest.mark.parametrize("name", VIEWS)
def test_an_output_of_another_shape_is_refused_with_both_shapes(name: str) -> None:
    task, manifest = TASKS[name], VIEWS[name]
    with pytest.raises(RnnbenchError, match=r"output shape per example is \(7, 7\), .* need \("):
        task.require_fits((7, 7), "sigmoid", manifest, False)


@pytest.mark.parametrize(
    ("activation", "from_logits", "needed"),
    [("relu", False, "sigmoid"), ("linear", False, "sigmoid"), ("sigmoid", True, "linear")],
)
def test_an_activation_that_the_loss_cannot_take_is_refused(
    activation: str, from_logits: bool, needed: str
) -> None:
    manifest = VIEWS["video"]
    with pytest.raises(RnnbenchError, match=f"activation is {activation}, .* needs {needed}"):
        TASKS["video"].require_fits(manifest.target_shape, activation, manifest, from_logits)


def test_tasks_are_known_without_importing_keras() -> None:
    program = (
        "import sys\n"
        "from rnnbench.tasks.task import TASKS\n"
        "assert len(TASKS) >= 4\n"
        "heavy = {'keras', 'tensorflow', 'mlflow', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_pairs_of_classes_are_counted_and_added() -> None:
    counts = count_pairs(np.array([0, 0, 1]), np.array([0, 1, 1]), ["no", "yes"])
    rows = [tuple(row) for row in counts.itertuples(index=False)]
    assert rows == [("no", "no", 1), ("no", "yes", 1), ("yes", "no", 0), ("yes", "yes", 1)]
    assert sum_pairs([counts, counts])["count"].tolist() == [2, 2, 0, 2]
    assert sum_pairs([]).columns.tolist() == ["actual", "predicted", "count"]


class Ranking(Task):
    """A kind of task that only this test knows."""

    name = "ranking"
    targets_each_step = False
    test_metrics = Metrics()
    score = Score("loss", "mean absolute error", higher_is_better=False)
    headline = ("loss",)
    baseline_name = "always_zero"
    columns = summary = ()

    def output_layers(self, manifest: Manifest, from_logits: bool) -> list[Output]:
        return [Output(1, "linear")]

    def loss(self, manifest: Manifest, from_logits: bool) -> Any:
        return keras.losses.MeanAbsoluteError()

    def evaluate(self, model: TrainedModel, test: Split) -> Evaluation:
        errors = np.abs(model.predict_all(test.inputs) - test.targets)
        return Evaluation({"loss": float(errors.mean())}, {"loss": float(test.targets.mean())})


@pytest.fixture
def ranking() -> Iterator[Task]:
    yield TASKS.add("ranking", Ranking())
    del TASKS["ranking"]


def test_a_new_kind_of_task_is_one_class(ranking: Task) -> None:
    manifest = make_manifest("ranking", (5, 2), (1,))
    task = TASKS[manifest.task]
    assert task is ranking
    task.require_fits((1,), "linear", manifest, False)
    model = TrainedModel(lambda inputs: np.zeros((len(inputs), 1)), manifest, False, 8)
    evaluation = task.evaluate(model, draw_split(manifest))
    assert evaluation.metrics == pytest.approx(evaluation.baseline)
    assert task.answer(np.array([0.5]), model, "given", None) == "0.5000"  # type: ignore[arg-type]
    with pytest.raises(RnnbenchError, match=r"output shape per example is \(3,\)"):
        task.require_fits((3,), "linear", manifest, False)


@pytest.mark.parametrize("name", VIEWS)
def test_a_new_metric_is_one_function_of_its_task(name: str) -> None:
    task, manifest = TASKS[name], VIEWS[name]
    before = evaluate(task, manifest)

    @task.test_metrics.add
    def largest(predicted: Any, *_targets: Any) -> Any:
        return np.full(predicted.shape[:2], predicted.max())  # of video a value per frame

    try:
        after = evaluate(task, manifest)
    finally:
        del task.test_metrics["largest"]
    assert np.mean(after.metrics.pop("largest")) <= 1.0
    assert after.metrics == before.metrics
