"""One run: repeatable, finite, live in the tracker; its model saves without its optimizer."""

from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import pytest

from rnnbench.data.prepared import Manifest, Split, TrainingData
from rnnbench.models.saved import load_model, save_model
from rnnbench.params import Params
from rnnbench.tracking.runs import Tracker
from rnnbench.training.loop import Trained, train_run

EXPERIMENT = "mnist-gru"


class RecordingTracker(Tracker):
    """Remembers what is logged while training goes on, in no store."""

    def __init__(self) -> None:
        super().__init__({})
        self.epochs: list[tuple[int, dict[str, float]]] = []

    def start(self) -> None:
        pass

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self.epochs.append((epoch, dict(metrics)))


MANIFEST = Manifest(
    view="mnist-rows",
    dataset="mnist",
    task="classification",
    parameters={},
    class_names=[str(digit) for digit in range(10)],
    vocabulary_size=None,
    splits={"train": {"inputs": {"shape": [96, 28, 28]}, "targets": {"shape": [96]}}},
    facts={},
)


def rows(count: int, seed: int) -> Split:
    generator = np.random.default_rng(seed)
    labels = (np.arange(count) % 10).astype(np.uint8)
    images = generator.integers(0, 60, (count, 28, 28), dtype=np.uint8)
    images[np.arange(count), labels, :] = 255  # the row that is bright is the class
    return Split(images, labels)


@pytest.fixture
def small(changed: Callable[..., Params]) -> Params:
    changed("experiments", EXPERIMENT, epochs=2, batch_size=16)
    return changed("models", "digits-gru", layer_3={"type": "gru", "units": 8})


def train(
    params: Params,
    seed: int,
    tracker: Tracker | None = None,
    validation: bool = True,
    earlier: keras.Model | None = None,
) -> Trained:
    experiment = params.experiments[EXPERIMENT]
    return train_run(
        experiment,
        TrainingData(rows(96, 0), rows(32, 1) if validation else None, MANIFEST, None),
        seed,
        tracker or RecordingTracker(),
        deterministic=params.deterministic,
        compiled_loops=params.compiled_loops,
        earlier=earlier,
    )


def test_the_same_seed_repeats_exactly_and_another_does_not(small: Params) -> None:
    first, second, other = train(small, 1), train(small, 1), train(small, 2)
    assert first.history == second.history
    for left, right in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    assert first.history != other.history


@pytest.mark.parametrize("compiled_loops", [True, False])
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_a_model_that_another_seed_trained_ends_as_one_of_its_own_does(
    small: Params, changed: Callable[..., Params], optimizer: str, compiled_loops: bool
) -> None:
    changed("experiments", EXPERIMENT, optimizer=optimizer)
    params = changed(compiled_loops=compiled_loops)
    model = train(params, 1).model
    again, alone = train(params, 2, earlier=model), train(params, 2)
    assert again.model is model
    assert again.history == alone.history
    assert again.kernels == alone.kernels
    for left, right in zip(again.model.get_weights(), alone.model.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


LARGE_STEPS = {"epochs": 5, "learning_rate": 0.01, "learning_rate_decay": 0.0}


def test_the_best_epoch_s_model_is_that_of_a_training_that_ends_there(
    small: Params, changed: Callable[..., Params]
) -> None:
    changed("views", "mnist-rows", validation_fraction=0.2)
    best = train(changed("experiments", EXPERIMENT, **LARGE_STEPS, keep_best="validation_loss"), 1)
    losses = [metrics["validation_loss"] for metrics in best.history]
    kept = int(np.argmin(losses)) + 1
    assert kept < len(losses) == 5
    assert [metrics["kept"] for metrics in best.history] == [int(n == kept) for n in range(1, 6)]
    ended = train(changed("experiments", EXPERIMENT, epochs=kept, keep_best="validation_loss"), 1)
    for left, right in zip(best.model.get_weights(), ended.model.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    patient = train(changed("experiments", EXPERIMENT, epochs=5, patience=1), 1)
    first_worse = next(n for n in range(1, 5) if losses[n] >= min(losses[:n]))
    assert [metrics["validation_loss"] for metrics in patient.history] == losses[: first_worse + 1]


def test_a_model_that_another_seed_trained_falls_clips_and_stops_as_one_of_its_own(
    small: Params, changed: Callable[..., Params]
) -> None:
    changed("views", "mnist-rows", validation_fraction=0.2)
    practice = {"learning_rate_schedule": "cosine", "gradient_clipping": 0.5, "patience": 1}
    params = changed(
        "experiments", EXPERIMENT, **LARGE_STEPS, **practice, keep_best="validation_accuracy"
    )
    alone = train(params, 2)
    again = train(params, 2, earlier=train(params, 1).model)
    assert again.history == alone.history
    for left, right in zip(again.model.get_weights(), alone.model.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_each_epoch_is_logged_when_it_ends(small: Params) -> None:
    tracker = RecordingTracker()
    trained = train(small, 1, tracker)
    assert [epoch for epoch, _ in tracker.epochs] == [1, 2]
    assert set(tracker.epochs[0][1]) == {
        "loss",
        "accuracy",
        "validation_loss",
        "validation_accuracy",
    }
    assert trained.history == [{"epoch": epoch, **metrics} for epoch, metrics in tracker.epochs]


def test_without_validation_examples_its_metrics_are_absent(small: Params) -> None:
    history = train(small, 1, validation=False).history
    assert set(history[0]) == {"epoch", "loss", "accuracy"}


def test_validation_is_what_keras_says_of_the_saved_model(small: Params, tmp_path: Path) -> None:
    trained = train(small, 1)
    save_model(trained.model, tmp_path / "model.keras")
    model = load_model(tmp_path / "model.keras")
    held_out = rows(32, 1)
    logits = model.predict(held_out.inputs / np.float32(255.0), verbose=0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(held_out.targets, logits)
    assert float(loss) == pytest.approx(trained.history[-1]["validation_loss"], rel=1e-5)


def test_a_saved_model_ships_no_optimizer_state(small: Params, tmp_path: Path) -> None:
    trained = train(small, 1)
    save_model(trained.model, tmp_path / "model.keras")
    weight_bytes = sum(weight.nbytes for weight in trained.model.get_weights())
    # Adam would keep two numbers more for each weight.
    assert (tmp_path / "model.keras").stat().st_size < 2 * weight_bytes


def test_a_loss_that_is_not_finite_ends_the_run_and_is_said(
    small: Params, changed: Callable[..., Params]
) -> None:
    diverging = changed("experiments", EXPERIMENT, learning_rate=1e30, learning_rate_decay=0.0)
    trained = train(diverging, 1)
    assert trained.diverged is not None
    assert "not finite in epoch 1; lower the learning rate" in trained.diverged
    assert len(trained.history) == 1


@pytest.mark.parametrize("validation", [True, False])
def test_a_last_step_that_breaks_the_model_is_said(
    validation: bool, changed: Callable[..., Params]
) -> None:
    """The loss of a step is that before its update: of the only one it is finite."""
    diverging = changed(
        "experiments",
        EXPERIMENT,
        epochs=1,
        batch_size=1000,
        learning_rate=1e38 if validation else 1e39,
        learning_rate_decay=0.0,
    )
    trained = train(diverging, 1, validation=validation)
    assert np.isfinite(trained.history[-1]["loss"])
    said = "the validation loss is not" if validation else "a weight is not finite after epoch 1;"
    assert trained.diverged is not None and said in trained.diverged
