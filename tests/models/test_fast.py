"""Accelerated layers compute what Keras's do, outputs and every gradient."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnbench.models.build import computing_in
from rnnbench.models.fast import accelerate
from rnnbench.models.fast.devices import GPU
from rnnbench.models.fast.install import install
from rnnbench.models.fast.rules import DEFAULT_EXAMPLES, WORTH_CUTTING, reason_against
from rnnbench.models.variant import build_layer
from rnnbench.models.variants.ind_rnn import IndRNN

L = keras.layers
BATCH, STEPS, FEATURES = 3, 6, 4
# Few leave a batch whole, many make it worth cutting in two.
WIDTHS = pytest.mark.parametrize("features", [FEATURES, WORTH_CUTTING // (5 * DEFAULT_EXAMPLES)])
BATCH_SIZE = 8  # of training
Make = Callable[..., Any]
FORMS: dict[str, Make] = {
    "simple_rnn": lambda **options: L.SimpleRNN(5, **options),
    "simple_rnn relu": lambda **options: L.SimpleRNN(5, activation="relu", **options),
    "lstm": lambda **options: L.LSTM(5, **options),
    "lstm relu, no bias": lambda **options: L.LSTM(5, activation="relu", use_bias=False, **options),
    "gru": lambda **options: L.GRU(5, **options),
    "gru no bias": lambda **options: L.GRU(5, use_bias=False, **options),
    "gru reset_after=False": lambda **options: L.GRU(5, reset_after=False, **options),
    "bidirectional": lambda **options: L.Bidirectional(L.LSTM(5, **options)),
    "cell": lambda **options: L.RNN(L.GRUCell(5), **options),
    "ind_rnn": lambda **options: build_layer(IndRNN(units=5), **options),
    "stacked cells": lambda **options: L.RNN(
        L.StackedRNNCells([L.LSTMCell(4), L.GRUCell(3), L.SimpleRNNCell(5)]), **options
    ),
}
CALLS: dict[str, tuple[dict[str, bool], bool]] = {
    "last output": ({}, False),
    "last output, mask": ({}, True),
    "every output and states, mask": ({"return_sequences": True, "return_state": True}, True),
}
WITH_RELU = ("simple_rnn relu", "ind_rnn")
ONE_WAY = [name for name in FORMS if name != "bidirectional"]


@pytest.fixture
def double() -> Iterator[None]:
    """Layers compute in float64."""
    with computing_in("float64"):
        yield


def pair(
    make: Make,
    options: dict[str, bool],
    dtype: str = "float64",
    batch_size: int = BATCH,
    features: int = FEATURES,
) -> tuple[Any, Any, Any]:
    """Return a stock layer, the same accelerated, with random weights, and inputs."""
    generator = np.random.default_rng(7)
    inputs = tf.constant(generator.normal(size=(BATCH, STEPS, features)).astype(dtype))
    stock, ours = make(**options), make(**options)
    stock(inputs)
    ours(inputs)
    set_same_weights(stock, ours, generator)
    return stock, accelerate(ours, batch_size), inputs


def set_same_weights(stock: Any, ours: Any, generator: np.random.Generator) -> None:
    """Give two layers that are built the same random weights."""
    weights = [generator.normal(size=weight.shape) * 0.5 for weight in stock.get_weights()]
    stock.set_weights(weights)
    ours.set_weights(weights)


def a_mask() -> Any:
    """Return a mask with gaps at the front, inside and at the end, and an example of nothing."""
    return tf.constant(
        [
            [False, True, True, False, True, True],
            [True, True, True, True, False, False],
            [False] * STEPS,
        ]
    )


def outputs_and_gradients(layer: Any, inputs: Any, **call: Any) -> list[Any]:
    """Return outputs, and the gradients of inputs and weights of a sum that mixes all outputs."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = keras.tree.flatten(layer(inputs, **call))
        total = sum(
            tf.reduce_sum(
                one * tf.reshape(tf.range(1, tf.size(one) + 1, dtype=one.dtype), one.shape)
            )
            for one in outputs
        )
    weights = [weight.value for weight in layer.trainable_weights]
    gradients: list[Any] = tape.gradient(total, [inputs, *weights])
    return [*outputs, *gradients]


def rounded_to_16_bits(array: Any) -> Any:
    return tf.cast(tf.cast(array, tf.bfloat16), tf.float32)


def assert_same(stock: list[Any], ours: list[Any], relative: float) -> None:
    assert len(stock) == len(ours)
    for expected, given in zip(stock, ours, strict=True):
        scale = float(np.abs(expected).max())
        np.testing.assert_allclose(given, expected, rtol=relative, atol=relative * scale)


def assert_computes_the_same(stock: Any, ours: Any, inputs: Any, masked: bool) -> None:
    """Compare outputs and gradients in float64."""
    mask = a_mask() if masked else None
    expected = outputs_and_gradients(stock, inputs, mask=mask)
    assert_same(expected, outputs_and_gradients(ours, inputs, mask=mask), 1e-10)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("form", FORMS)
@WIDTHS
def test_outputs_states_and_gradients_are_those_of_the_stock_layer(
    features: int, form: str, call: str
) -> None:
    options, masked = CALLS[call]
    stock, ours, inputs = pair(FORMS[form], options, features=features)
    assert_computes_the_same(stock, ours, inputs, masked)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("form", FORMS)
@WIDTHS
def test_a_batch_smaller_than_announced_is_computed_like_any_other(
    features: int, form: str
) -> None:
    options = {"return_sequences": True, "return_state": True}
    stock, ours, inputs = pair(FORMS[form], options, batch_size=BATCH + 4, features=features)
    assert_computes_the_same(stock, ours, inputs, masked=True)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("form", FORMS)
def test_with_batches_so_large_that_keras_s_loop_stays_it_computes_the_same(
    form: str, call: str
) -> None:
    options, masked = CALLS[call]
    stock, ours, inputs = pair(FORMS[form], options, batch_size=2**13)
    assert_computes_the_same(stock, ours, inputs, masked)


def test_layers_after_it_know_the_shape_of_what_they_get() -> None:
    _, layer, _ = pair(FORMS["lstm"], {"return_sequences": True}, "float32")
    inputs = tf.TensorSpec((None, STEPS, FEATURES))
    traced = tf.function(layer).get_concrete_function(inputs)
    assert traced.output_shapes == tf.TensorShape((None, STEPS, 5))


@pytest.mark.parametrize("form", FORMS)
def test_in_single_precision_too(form: str) -> None:
    stock, ours, inputs = pair(FORMS[form], {"return_sequences": True}, "float32")
    expected = outputs_and_gradients(stock, inputs)
    assert_same(expected, outputs_and_gradients(ours, inputs), 1e-4)


# With relu few numbers are not zero: whose rounding is luckier is chance.
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("form", [name for name in FORMS if name not in WITH_RELU])
def test_in_16_bits_outputs_states_and_gradients_are_nearer_to_32_than_keras_s_are(
    form: str, call: str
) -> None:
    options, masked = CALLS[call]
    exact, _, inputs = pair(FORMS[form], options, "float32")
    # What all start from is rounded before: it would hide what they do with it.
    inputs, *weights = (rounded_to_16_bits(one) for one in (inputs, *exact.get_weights()))
    exact.set_weights(weights)
    mask = a_mask() if masked else None
    expected = outputs_and_gradients(exact, inputs, mask=mask)

    def error(layer: Any) -> float:
        layer(inputs)
        layer.set_weights(weights)
        given = [
            tf.cast(one, tf.float32) for one in outputs_and_gradients(layer, inputs, mask=mask)
        ]
        assert [one.shape for one in given] == [one.shape for one in expected]
        parts = zip(given, expected, strict=True)
        return float(sum(np.abs(one - other).mean() / np.abs(other).max() for one, other in parts))

    with computing_in("mixed_bfloat16"):
        stock, ours = FORMS[form](**options), accelerate(FORMS[form](**options), BATCH)
    assert error(ours) < error(stock)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("form", ["simple_rnn", "lstm", "gru"])
def test_backwards_and_from_given_states(form: str) -> None:
    stock, ours, inputs = pair(FORMS[form], {"go_backwards": True, "return_sequences": True})
    states = [
        tf.ones((BATCH, 5), tf.float64) * (1 + index) for index in range(len(stock.state_size))
    ]
    expected = outputs_and_gradients(stock, inputs, initial_state=states, mask=a_mask())
    given = outputs_and_gradients(ours, inputs, initial_state=states, mask=a_mask())
    assert_same(expected, given, 1e-10)


FRAMES: dict[str, Make] = {
    "square kernel": lambda **options: L.ConvLSTM2D(2, 3, padding="same", **options),
    "even kernel, relu, no bias": lambda **options: L.ConvLSTM2D(
        2, (2, 4), padding="same", activation="relu", use_bias=False, **options
    ),
    "lines": lambda **options: L.ConvLSTM1D(3, 3, padding="same", **options),
}
SIDES = {"lines": (6,)}  # of a frame; else it is a picture
FRAME_CALLS: dict[str, tuple[dict[str, bool], bool]] = {
    **CALLS,
    "backwards": ({"go_backwards": True, "return_sequences": True}, False),
    "every output and states": ({"return_sequences": True, "return_state": True}, False),
}


def frames(form: str, dtype: str) -> Any:
    """Return a batch of sequences of frames of two channels."""
    shape = (BATCH, STEPS, *SIDES.get(form, (5, 6)), 2)
    return tf.constant(np.random.default_rng(7).normal(size=shape).astype(dtype))


def pair_over_frames(form: str, options: dict[str, bool], inputs: Any) -> tuple[Any, Any]:
    """Return a stock ConvLSTM, and the same accelerated."""
    stock, ours = FRAMES[form](**options), FRAMES[form](**options)
    stock(inputs)
    ours(inputs)
    set_same_weights(stock, ours, np.random.default_rng(8))
    return stock, accelerate(ours)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("call", FRAME_CALLS)
@pytest.mark.parametrize("form", FRAMES)
def test_conv_lstm_s_outputs_states_and_gradients_are_those_of_the_stock_layer(
    form: str, call: str
) -> None:
    options, masked = FRAME_CALLS[call]
    inputs = frames(form, "float64")
    stock, ours = pair_over_frames(form, options, inputs)
    assert_computes_the_same(stock, ours, inputs, masked)


@pytest.mark.parametrize("form", FRAMES)
def test_conv_lstm_in_single_precision_too(form: str) -> None:
    inputs = frames(form, "float32")
    stock, ours = pair_over_frames(form, {"return_sequences": True}, inputs)
    expected = outputs_and_gradients(stock, inputs)
    assert_same(expected, outputs_and_gradients(ours, inputs), 1e-4)


def test_conv_lstm_in_16_bits_is_nearer_to_32_than_keras_s_is() -> None:
    inputs = tf.repeat(frames("square kernel", "float32"), 10, axis=1)
    exact = L.ConvLSTM2D(2, 3, padding="same")
    expected = exact(inputs)

    def error(layer: Any) -> float:
        layer(inputs[:, :1])
        layer.set_weights(exact.get_weights())
        return float(np.abs(tf.cast(layer(inputs), tf.float32) - expected).mean())

    def in_16_bits() -> Any:
        return L.ConvLSTM2D(2, 3, padding="same", dtype="mixed_bfloat16")

    assert error(accelerate(in_16_bits())) < error(in_16_bits())


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("sides", [(3, 3, 3), (1, 2, 5)])
def test_a_convolution_with_one_filter_is_that_of_the_stock_layer(
    sides: tuple[int, int, int],
) -> None:
    images = tf.constant(np.random.default_rng(7).normal(size=(2, 4, 5, 6, 3)))
    stock, ours = (L.Conv3D(1, sides, padding="same", bias_initializer="ones") for _ in range(2))
    expected = outputs_and_gradients(stock, images)
    ours(images)
    ours.set_weights(stock.get_weights())
    assert_same(outputs_and_gradients(stock, images)[1:], expected[1:], 1e-12)
    assert_same(expected, outputs_and_gradients(accelerate(ours), images), 1e-10)
    traced = tf.function(ours).get_concrete_function(tf.TensorSpec((None, 4, 5, 6, 3), tf.float64))
    assert traced.output_shapes == tf.TensorShape((None, 4, 5, 6, 1))


def frames_model() -> Any:
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [
            keras.Input((STEPS, 8, 8, 1)),
            L.ConvLSTM2D(4, 3, padding="same", return_sequences=True),
            L.ConvLSTM2D(4, 3, padding="same", return_sequences=True),
            L.Conv3D(1, 3, padding="same", activation="sigmoid"),
        ]
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_training_on_frames_goes_the_same_way(jit_compile: bool) -> None:
    pixels = np.random.default_rng(5).random((11, STEPS, 8, 8, 1)) < 0.2
    pixels = pixels.astype("float32")
    losses = []
    for model in (frames_model(), accelerate(frames_model(), 4)):
        model.compile("adam", "binary_crossentropy", jit_compile=jit_compile)
        options: dict[str, Any] = {"batch_size": 4, "epochs": 3, "shuffle": False, "verbose": 0}
        history = model.fit(pixels, pixels[:, ::-1], **options)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


def test_batches_of_any_size_train_a_small_model_of_frames_the_same_way() -> None:
    pixels = np.random.default_rng(5).random((4, STEPS, 8, 8, 1)).astype("float32")
    losses: list[list[float]] = []
    for way in ("stock", "accelerated"):
        keras.utils.set_random_seed(3)
        model = keras.Sequential(
            [keras.Input(pixels.shape[1:]), L.ConvLSTM2D(3, 3, padding="same"), L.Flatten()]
        )
        model.compile("sgd", "mse", jit_compile=False)
        if way == "accelerated":
            accelerate(model)
        sizes = (3, 1, 4, 2)
        batches = [(pixels[:size], np.ones((size, 192))) for size in sizes]
        losses.append([model.train_on_batch(*batch) for batch in batches])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


def small_model() -> Any:
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((STEPS,), dtype="int32"),
            L.Embedding(20, 8, mask_zero=True),
            L.LSTM(6, return_sequences=True, dropout=0.3),
            L.Bidirectional(L.GRU(5)),
            L.Dense(1, activation="sigmoid"),
        ]
    )
    return model


def model_of_words(form: str) -> Any:
    keras.utils.set_random_seed(3)
    layers = [L.Embedding(20, 8), FORMS[form](), L.Dense(1, activation="sigmoid")]
    return keras.Sequential([keras.Input((STEPS,), dtype="int32"), *layers])


def train(model: Any, **options: Any) -> list[float]:
    model.compile("adam", "binary_crossentropy", **options)
    return fit(model)


def fit(model: Any) -> list[float]:
    generator = np.random.default_rng(5)
    words, labels = generator.integers(0, 20, (22, STEPS)), generator.integers(0, 2, 22)
    history = model.fit(words, labels, batch_size=BATCH_SIZE, epochs=3, verbose=0, shuffle=False)
    losses: list[float] = history.history["loss"]
    return losses


@pytest.mark.parametrize(("policy", "relative"), [("float32", 1e-4), ("mixed_bfloat16", 1e-2)])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_training_with_masks_dropout_and_a_last_batch_that_is_smaller_goes_the_same_way(
    jit_compile: bool, policy: str, relative: float
) -> None:
    with computing_in(policy):
        stock, ours = small_model(), accelerate(small_model(), BATCH_SIZE)
    losses = [train(model, jit_compile=jit_compile) for model in (stock, ours)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=relative)


def as_on_a_gpu(model: Any, batch_size: int) -> None:
    """Compile what `accelerate` would where there is a GPU."""
    install(model, GPU(model, batch_size))


@pytest.mark.parametrize("form", FORMS)
def test_loops_that_a_gpu_runs_beside_an_embedding_train_the_same_way(form: str) -> None:
    stock, ours = model_of_words(form), model_of_words(form)
    as_on_a_gpu(ours, BATCH_SIZE)
    losses = [train(model, jit_compile=False) for model in (stock, ours)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_a_compiled_update_of_words_that_occur_many_times_is_the_stock_optimizer_s(
    optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnbench.models.fast.optimizer.WORTH_COMPILING", 1)
    stock, ours = small_model(), small_model()
    for model in (stock, ours):
        model.compile(optimizer, "binary_crossentropy")
    accelerate(ours, BATCH_SIZE)
    np.testing.assert_allclose(fit(ours), fit(stock), rtol=1e-4)
    words = stock.layers[0].get_weights()[0]
    np.testing.assert_allclose(ours.layers[0].get_weights()[0], words, atol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_training_again_gives_the_same_to_the_last_bit(policy: str) -> None:
    with computing_in(policy):
        first, second = (accelerate(small_model(), BATCH_SIZE) for _ in range(2))
    assert train(first, jit_compile=False) == train(second, jit_compile=False)
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def model_of_rows() -> Any:
    keras.utils.set_random_seed(3)
    layers = [L.TimeDistributed(L.Dense(4)), L.LSTM(6, return_sequences=True), L.SimpleRNN(5)]
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), *layers, L.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def fit_rows(model: Any) -> dict[str, list[float]]:
    inputs = np.random.default_rng(5).normal(size=(22, STEPS, FEATURES)).astype("float32")
    options: dict[str, Any] = {"batch_size": BATCH_SIZE, "epochs": 3, "shuffle": False}
    history = model.fit(inputs, inputs[:, 0, :1], validation_split=0.2, verbose=0, **options)
    found: dict[str, list[float]] = history.history
    return found


@pytest.mark.parametrize("accelerated", [accelerate, as_on_a_gpu])
def test_a_step_compiled_whole_goes_the_same_way_and_reports_the_same_metrics(
    accelerated: Callable[[Any, int], Any],
) -> None:
    stock, ours, again = model_of_rows(), model_of_rows(), model_of_rows()
    for model in (ours, again):
        accelerated(model, BATCH_SIZE)
    expected, found = fit_rows(stock), fit_rows(ours)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, err_msg=name)
    assert fit_rows(again) == found, "training again gives other losses"


def test_configuration_and_file_are_those_of_the_stock_model(tmp_path: Path) -> None:
    stock = small_model()
    ours = accelerate(keras.Sequential.from_config(stock.get_config()))
    assert ours.get_config() == stock.get_config()
    ours.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    words = np.random.default_rng(1).integers(0, 20, (5, STEPS))
    np.testing.assert_allclose(
        loaded.predict(words, verbose=0), ours.predict(words, verbose=0), atol=1e-6
    )


def test_one_example_by_itself_is_computed_as_in_a_batch() -> None:
    _, layer, inputs = pair(FORMS["lstm"], {"return_sequences": True}, "float32")
    np.testing.assert_allclose(layer(inputs[:1]), layer(inputs)[:1], rtol=1e-5, atol=1e-6)


def test_within_time_distributed_too() -> None:
    inputs = np.random.default_rng(1).normal(size=(2, 3, STEPS, FEATURES)).astype("float32")
    layer = L.TimeDistributed(L.LSTM(5))
    expected = layer(inputs)
    np.testing.assert_allclose(accelerate(layer)(inputs), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("activation", [None, "relu"])
def test_a_dense_layer_at_every_step_is_that_of_the_stock_layer(activation: str | None) -> None:
    def make(**options: Any) -> Any:
        return L.TimeDistributed(L.Dense(5, activation=activation, **options))

    stock, ours, inputs = pair(make, {})
    assert_same(outputs_and_gradients(stock, inputs), outputs_and_gradients(ours, inputs), 1e-10)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: L.LSTM(4, recurrent_dropout=0.2), "recurrent dropout"),
        (lambda: L.GRU(4, activation="softmax"), "activation softmax"),
        (lambda: L.SimpleRNN(4, unroll=True), "unroll=True"),
        (lambda: L.ConvLSTM2D(2, 3), "padding valid"),
        (lambda: L.ConvLSTM2D(2, 3, padding="same", strides=2), "strides"),
        (lambda: L.ConvLSTM2D(2, 3, padding="same", dilation_rate=2), "dilation"),
        (lambda: L.ConvLSTM2D(2, 3, padding="same", dropout=0.1), "dropout"),
        (lambda: L.ConvLSTM2D(2, 3, padding="same", dtype="mixed_float16"), "computes in float16"),
        (lambda: L.ConvLSTM2D(2, 3, padding="same", dtype="mixed_bfloat16"), None),
        (lambda: L.LSTM(4, dtype="mixed_float16"), "computes in float16"),
        (lambda: L.LSTM(4, dtype="mixed_bfloat16"), None),
        (lambda: L.LSTM(4), None),
    ],
)
def test_a_layer_that_keeps_keras_s_loop_says_why(layer: Make, reason: str | None) -> None:
    assert reason_against(layer()) == reason


@pytest.mark.parametrize(("channels", "filters", "fits"), [(1, 14, True), (2, 14, False)])
def test_conv_lstm_keeps_keras_s_loop_where_a_frame_needs_another_block_of_channels(
    channels: int, filters: int, fits: bool
) -> None:
    layer = L.ConvLSTM2D(filters, 3, padding="same")
    layer.build((None, STEPS, 5, 6, channels))
    reason = "channels of a frame that do not fit into the state's last block of 16"
    assert reason_against(layer) == (None if fits else reason)


def test_a_layer_that_keeps_keras_s_loop_works_as_ever() -> None:
    inputs = np.ones((2, STEPS, FEATURES), "float32")
    layer = L.GRU(4, activation="softmax")
    expected = layer(inputs)
    np.testing.assert_array_equal(accelerate(accelerate(layer))(inputs), expected)
