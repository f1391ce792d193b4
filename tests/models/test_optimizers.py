"""The optimizers of recipes compute what Keras 3 and Keras 2 compute."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest

from rnnbench.errors import RnnbenchError
from rnnbench.models.fast import accelerate
from rnnbench.models.optimizers import build_optimizer
from rnnbench.params import Params, Training, load_params

STEPS, BATCH_SIZE, LENGTH, WORDS = 30, 16, 30, 500
ROOT = Path(__file__).parent.parent.parent
Trained = tuple[list[float], list[npt.NDArray[Any]]]  # the losses of all steps; the weights
KERAS_2 = {"repeated_ids": "summed", "epsilon_place": "outside_root"}
KERAS_3 = {
    "adam": {"repeated_ids": "separate", "epsilon_place": "outside_root"},
    "rmsprop": {"repeated_ids": "separate", "epsilon_place": "inside_root"},
}
BOTH = pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
EVERY_OPTIMIZER = pytest.mark.parametrize(
    "arithmetic",
    [
        {"optimizer": "adam", "epsilon_place": "outside_root"},
        {"optimizer": "rmsprop", "epsilon_place": "inside_root"},
        {"optimizer": "rmsprop", "epsilon_place": "outside_root"},
    ],
)


@cache
def real_params() -> Params:
    return load_params(ROOT / "params.yaml")


def recipe(optimizer: str, **changes: Any) -> Training:
    """Return the training of a real recipe, with another optimizer."""
    training = real_params().experiments["sentiment-lstm"].training
    return training.model_copy(update={"optimizer": optimizer, **changes})


def batches() -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """Return batches in which few words are frequent, as in a language, and 0 fills up."""
    generator = np.random.default_rng(0)
    words = np.minimum(generator.zipf(1.3, (STEPS, BATCH_SIZE, LENGTH)), WORDS - 1)
    lengths = generator.integers(LENGTH // 4, LENGTH + 1, (STEPS, BATCH_SIZE, 1))
    words[np.arange(LENGTH)[::-1] >= lengths] = 0
    return [(ids.astype("int32"), np.any(ids == 7, axis=1, keepdims=True)) for ids in words]


def model_of_words(library: Any, optimizer: Any, **options: Any) -> Any:
    """Make a model with the layers of Keras 3 or Keras 2, and the same weights every time."""
    layers = library.layers
    model = library.Sequential(
        [
            library.Input((LENGTH,), dtype="int32"),
            layers.Embedding(WORDS, 8),
            layers.LSTM(8),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    generator = np.random.default_rng(1)
    model.set_weights([generator.normal(0, 0.2, one.shape) for one in model.get_weights()])
    model.compile(optimizer, "binary_crossentropy", **options)
    return model


def train(model: Any) -> Trained:
    losses = [float(model.train_on_batch(words, labels)) for words, labels in batches()]
    return losses, model.get_weights()


def train_recipe(training: Training) -> Trained:
    return train(model_of_words(keras, build_optimizer(training, STEPS)))


def assert_same(found: Trained, expected: Trained, loss: float, weight: float) -> None:
    np.testing.assert_allclose(found[0], expected[0], rtol=0, atol=loss)
    for one, other in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=weight)


def stock(model: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    return model


def compiled_step(model: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    return accelerate(model, BATCH_SIZE)


def compiled_updates(model: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Compile the loop and the updates separately, as `accelerate` does with a large model."""
    monkeypatch.setattr("rnnbench.models.fast.devices.SMALL_STEP", 0)
    monkeypatch.setattr("rnnbench.models.fast.optimizer.WORTH_COMPILING", 1)
    return accelerate(model, BATCH_SIZE)


WAYS = pytest.mark.parametrize("way", [stock, compiled_step, compiled_updates])


@BOTH
@WAYS
def test_summed_ids_and_epsilon_outside_the_root_train_as_keras_2(
    optimizer: str, way: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    keras_2 = pytest.importorskip("tf_keras")
    legacy = keras_2.optimizers.legacy
    theirs = {"adam": legacy.Adam, "rmsprop": legacy.RMSprop}[optimizer](1e-3)
    expected = train(model_of_words(keras_2, theirs))
    ours = model_of_words(keras, build_optimizer(recipe(optimizer, **KERAS_2), STEPS))
    assert_same(train(way(ours, monkeypatch)), expected, loss=1e-5, weight=1e-5)


def test_summed_ids_and_epsilon_inside_the_root_train_as_keras_2_since_its_version_11() -> None:
    keras_2 = pytest.importorskip("tf_keras")
    expected = train(model_of_words(keras_2, keras_2.optimizers.RMSprop(1e-3)))
    training = recipe("rmsprop", repeated_ids="summed", epsilon_place="inside_root")
    assert_same(train_recipe(training), expected, loss=1e-5, weight=1e-5)


@BOTH
def test_keras_3_s_arithmetic_is_that_of_its_optimizers_to_the_last_bit(optimizer: str) -> None:
    expected = train(model_of_words(keras, optimizer))
    assert_same(train_recipe(recipe(optimizer, **KERAS_3[optimizer])), expected, loss=0, weight=0)


def moved(training: Training, ids: list[int], steps: int) -> Any:
    """Return how far each row of an embedding moves when all ids have gradients of 1."""
    import tensorflow as tf

    rows = keras.Variable(np.zeros(5, "float32"))
    optimizer = build_optimizer(training, STEPS)
    for _ in range(steps):
        gradient = tf.IndexedSlices(tf.ones(len(ids)), tf.constant(ids), tf.constant([5]))
        optimizer.apply([gradient], [rows])
    return -rows.numpy()


@EVERY_OPTIMIZER
def test_where_no_id_repeats_separate_and_summed_are_the_same(arithmetic: dict[str, str]) -> None:
    separate, summed = (
        moved(recipe(**arithmetic, repeated_ids=way), [0, 3, 2], steps=5)
        for way in ("separate", "summed")
    )
    np.testing.assert_allclose(separate, summed, rtol=1e-6)
    assert np.count_nonzero(summed) == 3


@EVERY_OPTIMIZER
def test_in_one_step_an_id_seen_four_times_moves_twice_as_far_unless_gradients_are_summed(
    arithmetic: dict[str, str],
) -> None:
    for repeated_ids, far in (("separate", 2.0), ("summed", 1.0)):
        rows = moved(recipe(**arithmetic, repeated_ids=repeated_ids), [0, 2, 2, 2, 2], steps=1)
        np.testing.assert_allclose(rows / rows[0], [1, 0, far, 0, 0], rtol=1e-5)


@EVERY_OPTIMIZER
def test_a_gradient_is_scaled_down_to_the_norm_at_which_it_is_clipped(
    arithmetic: dict[str, str],
) -> None:
    def moves(gradients: list[list[float]], **clipping: float) -> list[Any]:
        weights = [keras.Variable([0.0, 0.0]), keras.Variable([0.0])]
        # With an epsilon as large, steps follow the size of the gradients.
        training = recipe(**arithmetic, epsilon=1.0, repeated_ids="summed").model_copy(
            update=clipping
        )
        build_optimizer(training, STEPS).apply(
            [keras.ops.convert_to_tensor(each) for each in gradients], weights
        )
        return [weight.numpy() for weight in weights]

    clipped = moves([[3.0, 0.0], [4.0]], gradient_clipping=2.5)
    np.testing.assert_allclose(np.concatenate(clipped), np.concatenate(moves([[1.5, 0], [2]])))
    short = moves([[0.3, 0.0], [0.4]], gradient_clipping=2.5)
    np.testing.assert_allclose(np.concatenate(short), np.concatenate(moves([[0.3, 0], [0.4]])))


@EVERY_OPTIMIZER
def test_the_norm_of_an_embedding_s_gradient_is_that_of_the_summed_rows(
    arithmetic: dict[str, str],
) -> None:
    import tensorflow as tf

    training = recipe(**arithmetic, epsilon=1.0, repeated_ids="summed")
    once, often = keras.Variable(np.zeros(3, "float32")), keras.Variable(np.zeros(3, "float32"))
    build_optimizer(training, STEPS).apply([tf.constant([0.0, 0.0, 2.0])], [once])
    slices = tf.IndexedSlices(tf.ones(4), tf.constant([2, 2, 2, 2]), tf.constant([3]))
    clipping = training.model_copy(update={"gradient_clipping": 2.0})
    build_optimizer(clipping, STEPS).apply([slices], [often])
    np.testing.assert_allclose(often.numpy(), once.numpy(), rtol=1e-6)


@EVERY_OPTIMIZER
def test_a_cosine_changes_steps_as_it_changes_the_learning_rate(arithmetic: dict[str, str]) -> None:
    training = recipe(**arithmetic, repeated_ids="summed", learning_rate=0.01)
    falling = training.model_copy(update={"learning_rate_schedule": "cosine"})
    constant, cosine = (moved(each, [0, 1], steps=1) for each in (training, falling))
    np.testing.assert_allclose(cosine, constant, rtol=1e-6)  # it falls after the first step
    constant, cosine = (
        moved(each, [0, 1], steps=2) - moved(each, [0, 1], steps=1) for each in (training, falling)
    )
    share = (1 + np.cos(np.pi / STEPS)) / 2
    np.testing.assert_allclose(cosine[:2], share * constant[:2], rtol=1e-4)


@pytest.mark.parametrize("gradient", [1e-9, 1e-7, 1e-5, 1e-3])
def test_epsilon_stands_where_the_recipe_says(gradient: float) -> None:
    def step(epsilon_place: str) -> float:
        weight = keras.Variable([0.0])
        training = recipe("rmsprop", epsilon=1e-5, epsilon_place=epsilon_place)
        build_optimizer(training, STEPS).apply([keras.ops.convert_to_tensor([gradient])], [weight])
        return -float(weight.numpy()[0])

    root = np.sqrt(0.1 * gradient**2)
    inside, outside = np.sqrt(root**2 + 1e-5), root + 1e-5
    assert step("inside_root") == pytest.approx(1e-3 * gradient / inside, rel=1e-5)
    assert step("outside_root") == pytest.approx(1e-3 * gradient / outside, rel=1e-5)


def test_adam_has_no_epsilon_inside_the_root(changed: Callable[..., Params]) -> None:
    path = ("suites", "imdb", "training")
    with pytest.raises(RnnbenchError, match="which only rmsprop has"):
        changed(*path, epsilon_place="inside_root")


@EVERY_OPTIMIZER
def test_a_model_that_was_saved_trains_on_as_if_it_had_not_been(
    arithmetic: dict[str, str], tmp_path: Path
) -> None:
    training = recipe(**arithmetic, repeated_ids="summed", learning_rate_decay=0.1)
    model = model_of_words(keras, build_optimizer(training, STEPS))
    train(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_same(train(loaded), train(model), loss=0, weight=0)


def test_jax_trains_as_tensorflow_does_with_summed_ids(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    code = """
import numpy
from tests.models.test_optimizers import KERAS_2, recipe, train_recipe
for optimizer in ("adam", "rmsprop"):
    losses, weights = train_recipe(recipe(optimizer, **KERAS_2))
    numpy.savez(optimizer, losses, *weights)
"""
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
    for optimizer in ("adam", "rmsprop"):
        with np.load(tmp_path / f"{optimizer}.npz") as found:
            losses, *weights = (found[name] for name in found.files)
        expected = train_recipe(recipe(optimizer, **KERAS_2))
        assert_same((list(losses), weights), expected, loss=1e-5, weight=1e-5)
