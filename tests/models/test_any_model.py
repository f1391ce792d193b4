"""However people build and use a model, an accelerated one computes what the stock one does.

Each case ends in one of three ways: the same numbers from the compiled loop, the same numbers from
Keras's own with the reason for it, or Keras's own error.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnbench.models.build import computing_in
from rnnbench.models.fast import accelerate, reasons_against
from rnnbench.models.fast.layers import MOST_SHAPES
from rnnbench.models.fast.optimizer import compile_updates
from rnnbench.models.fast.training_step import is_compiled
from rnnbench.models.variant import build_layer
from rnnbench.models.variants.ind_rnn import IndRNN
from rnnbench.models.variants.lru_block import LRUBlock
from rnnbench.models.variants.min_gru import MinGRU
from rnnbench.models.variants.min_lstm import MinLSTM
from rnnbench.models.variants.qrnn import QRNN
from rnnbench.models.variants.reshape import Reshape
from rnnbench.models.variants.rg_lru_block import RGLRUBlock
from rnnbench.training.devices import has_gpu
from tests.models.test_fast import a_mask, assert_same, outputs_and_gradients, set_same_weights

pytestmark = pytest.mark.skipif(has_gpu(), reason="a GPU has other kernels and reasons")
L = keras.layers
BATCH, STEPS, FEATURES = 3, 6, 4
OWN = (LRUBlock(units=5), QRNN(units=3), IndRNN(units=4))
ALL = {"return_sequences": True, "return_state": True}
LENGTHS_CHANGE = "lengths that may change from batch to batch"


class OwnLoop(keras.layers.LSTM):  # type: ignore[misc]
    def inner_loop(self, *args: Any, **kwargs: Any) -> Any:
        last, outputs, states = super().inner_loop(*args, **kwargs)
        return 2 * last, 2 * outputs, states


class OwnCell(keras.layers.GRUCell):  # type: ignore[misc]
    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        outputs, states = super().call(inputs, states, training=training)
        return outputs + 1, states


class OwnStack(keras.layers.StackedRNNCells):  # type: ignore[misc]
    def call(self, inputs: Any, states: Any, **options: Any) -> Any:
        return super().call(2 * inputs, states, **options)


def centred(array: Any) -> Any:
    """Return an array less its mean over all axes, which no product of all steps may join."""
    return array - tf.reduce_mean(array)


def normal(*shape: int, dtype: str = "float64", seed: int = 7) -> Any:
    return tf.constant(np.random.default_rng(seed).normal(size=shape).astype(dtype))


def states(*sizes: int, batch: int = BATCH) -> dict[str, Any]:
    return {"initial_state": [normal(batch, size, seed=size) for size in sizes]}


def rows(dtype: str = "float64") -> Any:
    return normal(BATCH, STEPS, FEATURES, dtype=dtype)


def frames() -> Any:
    return normal(2, 3, 4, 5, 2)


@dataclass(frozen=True)
class Case:
    """A layer, how it is called, and why Keras's own loop computes it, if that does."""

    make: Callable[[], Any]
    inputs: Callable[[], Any] = rows
    call: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None


STACK = [partial(L.LSTMCell, 3), partial(L.GRUCell, 2)]
# Layers whose recurrence is linear, and the sizes of their states.
LINEAR = {
    MinGRU(units=3): (3,),
    MinLSTM(units=3): (3,),
    QRNN(units=3): (3, 3, 9),
    LRUBlock(units=5): (FEATURES, 10),
    RGLRUBlock(units=3): (FEATURES, 3, 3, 3, 3),
}
CASES: dict[str, Case] = {
    **{
        f"bidirectional, merge_mode={mode}": Case(
            lambda mode=mode: L.Bidirectional(L.GRU(3, **ALL), merge_mode=mode),  # type: ignore[misc]
            call={"mask": a_mask()},
        )
        for mode in ("concat", "sum", "mul", "ave", None)
    },
    "bidirectional of two layers, from states": Case(
        lambda: L.Bidirectional(
            L.LSTM(3), backward_layer=L.LSTM(3, activation="relu", go_backwards=True)
        ),
        call=states(3, 3, 3, 3),
    ),
    "zeros at masked steps": Case(
        lambda: L.SimpleRNN(3, return_sequences=True, zero_output_for_mask=True),
        call={"mask": a_mask()},
    ),
    "a list of cells, from states": Case(
        lambda: L.RNN([make() for make in STACK], **ALL),
        call={"initial_state": [[normal(BATCH, 3), normal(BATCH, 3)], [normal(BATCH, 2)]]},
    ),
    "a stack of one cell": Case(lambda: L.RNN(L.StackedRNNCells([L.LSTMCell(3)]), **ALL)),
    "drawn inputs": Case(lambda: L.LSTM(3, dropout=0.5, seed=1), call={"training": True}),
    "a Masking layer": Case(
        lambda: (
            L.Masking(mask_value=9.0) and keras.Sequential([L.Masking(mask_value=9.0), L.LSTM(3)])
        ),
        inputs=lambda: tf.where(a_mask()[..., None], rows(), 9.0),
    ),
    "steps of sequences": Case(
        lambda: L.TimeDistributed(L.LSTM(3)), inputs=lambda: normal(2, 3, 4, FEATURES)
    ),
    "a function of its own at every step": Case(
        lambda: L.TimeDistributed(L.Dense(3, activation=centred))
    ),
    "frames from states": Case(
        lambda: L.ConvLSTM2D(2, 3, padding="same", **ALL),
        inputs=frames,
        call={"initial_state": [normal(2, 4, 5, 2), normal(2, 4, 5, 2)]},
    ),
    **{
        f"{options.type}, from states": Case(
            partial(build_layer, options, **ALL), call=states(*sizes)
        )
        for options, sizes in LINEAR.items()
    },
    "a linear recurrence, its last output alone": Case(lambda: build_layer(LRUBlock(units=5))),
    "both directions of a linear recurrence": Case(
        lambda: L.Bidirectional(build_layer(QRNN(units=3), return_sequences=True))
    ),
    # What Keras computes, and why.
    "a mask of a linear recurrence": Case(
        lambda: build_layer(MinGRU(units=3)), call={"mask": a_mask()}, reason="a mask"
    ),
    "a linear recurrence in a stack": Case(
        lambda: L.RNN([build_layer(MinGRU(units=3)).cell, L.GRUCell(2)]),
        reason="no compiled loop for MinGRUCell",
    ),
    "integers": Case(
        lambda: L.SimpleRNN(3, dtype="float32"),
        inputs=lambda: tf.reshape(tf.range(20, dtype=tf.int64), (1, 20, 1)),
        reason="arrays of float32, int64 in a layer that computes in float32",
    ),
    "integer frames": Case(
        lambda: L.ConvLSTM2D(2, 3, padding="same", dtype="mixed_bfloat16", autocast=False),
        inputs=lambda: tf.cast(frames(), tf.bfloat16),
        reason="autocast=False",
    ),
    "a cell of another precision": Case(
        lambda: L.RNN(L.LSTMCell(3, dtype="mixed_bfloat16"), dtype="float32"),
        inputs=partial(rows, "float32"),
        reason="a cell that computes in bfloat16, a layer in float32",
    ),
    "stacked cells, one of another precision": Case(
        lambda: L.RNN([L.LSTMCell(3), L.LSTMCell(3, dtype="float32")]),
        reason="a cell that computes in float32, a layer in float64",
    ),
    "a loop of its own": Case(lambda: OwnLoop(3), reason="a loop of OwnLoop's own"),
    "a cell of its own": Case(lambda: L.RNN(OwnCell(3)), reason="no compiled loop for OwnCell"),
    "a stack of its own": Case(
        lambda: L.RNN(OwnStack([make() for make in STACK])), reason="no compiled loop for OwnStack"
    ),
    "an activation of its own": Case(
        lambda: L.LSTM(3, activation=lambda x: x / tf.reduce_sum(x)), reason="activation <lambda>"
    ),
    "a dropout rate of 1": Case(
        lambda: L.GRU(3, dropout=1.0), call={"training": True}, reason="a dropout rate of 1"
    ),
    "drawn states": Case(
        lambda: L.LSTM(3, recurrent_dropout=0.5, seed=1),
        call={"training": True},
        reason="recurrent dropout",
    ),
    "a mask with an axis more": Case(
        lambda: L.LSTM(3),
        call={"mask": a_mask()[..., None]},
        reason="a mask of another shape than (batch, steps)",
    ),
    "masked frames": Case(
        lambda: L.ConvLSTM2D(2, 3, padding="same"),
        inputs=frames,
        call={"mask": a_mask()[:2, :3]},
        reason="a mask of frames",
    ),
    "one initial state for all examples": Case(
        lambda: L.SimpleRNN(3),
        call=states(3, batch=1),
        reason="no steps, or an initial state of another shape",
    ),
}


def layers_with_same_weights(make: Callable[[], Any], inputs: Any) -> tuple[Any, Any]:
    stock, ours = make(), make()
    for layer in (stock, ours):
        layer(inputs)
    set_same_weights(stock, ours, np.random.default_rng(8))
    return stock, ours


@pytest.mark.parametrize("name", CASES)
def test_a_layer_gives_the_values_and_gradients_of_stock_or_says_why_it_is_stock(name: str) -> None:
    case = CASES[name]
    with computing_in("float64"):
        inputs = case.inputs()
        stock, ours = layers_with_same_weights(case.make, inputs)
        accelerate(ours)
        expected = outputs_and_gradients(stock, inputs, **case.call)
        given = outputs_and_gradients(ours, inputs, **case.call)
    for one, other in zip(expected, given, strict=True):
        assert (one is None) == (other is None)
    numbers = [[array for array in arrays if array is not None] for arrays in (expected, given)]
    exact = all(array.dtype == tf.float64 for array in numbers[0])
    assert_same(numbers[0], numbers[1], 1e-10 if exact else 1e-5)
    assert set(reasons_against(ours).values()) == ({case.reason} if case.reason else set())


def test_a_cell_s_own_losses_are_those_of_stock() -> None:
    inputs = rows("float32")
    stock, ours = layers_with_same_weights(
        lambda: L.RNN(L.LSTMCell(3, activity_regularizer="l2")), inputs
    )
    accelerate(ours)
    for layer in (stock, ours):
        layer(inputs)
    np.testing.assert_array_equal(ours.losses, stock.losses)
    assert reasons_against(ours) == {ours.name: "activity_regularizer of a cell"}


def test_examples_that_fill_a_batch_up_do_not_overflow_where_none_does() -> None:
    inputs = -5 * tf.ones((BATCH, STEPS, FEATURES))
    ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
    found = []
    for finish in (lambda layer: layer, partial(accelerate, batch_size=8)):
        layer = finish(L.SimpleRNN(3, activation="exponential", **ones))  # type: ignore[no-untyped-call]
        found.append(outputs_and_gradients(layer, inputs))
    assert_same(found[0], found[1], 1e-5)


@pytest.mark.parametrize(
    ("make", "inputs", "call"),
    [
        pytest.param(lambda: L.LSTM(3, use_cudnn=True), rows, {}, id="cuDNN without a GPU"),
        pytest.param(lambda: L.GRU(3), lambda: rows()[:, :0], {}, id="no steps"),
        pytest.param(lambda: L.LSTM(3), rows, states(3), id="a state too few"),
        pytest.param(
            lambda: L.TimeDistributed(L.Dense(2)),
            rows,
            {"mask": tf.ones((BATCH, STEPS + 1))},
            id="a mask of other steps",
        ),
    ],
)
def test_what_stock_refuses_is_refused_in_its_words(
    make: Callable[[], Any], inputs: Callable[[], Any], call: dict[str, Any]
) -> None:
    said = []
    for finish in (lambda layer: layer, accelerate):
        layer = finish(make())  # type: ignore[no-untyped-call]
        layer.build((BATCH, STEPS, FEATURES))
        refusals = (ValueError, LookupError, tf.errors.InvalidArgumentError)
        with pytest.raises(refusals) as caught:
            layer(tf.cast(inputs(), tf.float32), **call)
        said.append(type(caught.value))
    assert said[0] is said[1]


def test_a_stateful_layer_goes_on_from_batch_to_batch_and_begins_anew() -> None:
    def outputs(layer: Any) -> list[Any]:
        layer.set_weights([np.full(weight.shape, 0.1) for weight in layer.get_weights()])
        first, second = layer(rows("float32")), layer(rows("float32"))
        layer.reset_state()
        return [first, second, layer(rows("float32"))]

    found = []
    for finish in (lambda layer: layer, accelerate):
        layer = finish(L.LSTM(3, stateful=True))  # type: ignore[no-untyped-call]
        layer.build((BATCH, STEPS, FEATURES))
        found.append(outputs(layer))
    assert_same(found[0], found[1], 1e-5)
    assert reasons_against(layer) == {}


def test_what_is_changed_afterwards_counts() -> None:
    stock, ours = layers_with_same_weights(lambda: L.GRU(3), rows("float32"))
    accelerate(ours)(rows("float32"))
    for layer in (stock, ours):
        layer.cell.activation = keras.activations.softmax
    np.testing.assert_array_equal(ours(rows("float32")), stock(rows("float32")))
    assert reasons_against(ours) == {ours.name: "activation softmax"}


def test_a_static_batch_is_known_after_the_layer() -> None:
    layer = accelerate(L.LSTM(3, return_sequences=True))
    layer.build((BATCH, STEPS, FEATURES))
    traced = tf.function(layer).get_concrete_function(tf.TensorSpec((BATCH, STEPS, FEATURES)))
    assert traced.output_shapes == tf.TensorShape((BATCH, STEPS, 3))


# --- derivatives of other kinds

DERIVED: dict[str, tuple[Callable[[], Any], Callable[[], Any], dict[str, Any]]] = {
    "simple_rnn": (lambda: L.SimpleRNN(3), rows, {}),
    "lstm, mask, from states": (lambda: L.LSTM(3, **ALL), rows, {"mask": a_mask(), **states(3, 3)}),
    "gru": (lambda: L.GRU(3), rows, {}),
    "gru reset_after=False": (lambda: L.GRU(3, reset_after=False), rows, {}),
    "independent units": (lambda: build_layer(IndRNN(units=3, activation="tanh")), rows, {}),
    "stacked cells": (lambda: L.RNN([make() for make in STACK]), rows, {}),
    "a linear recurrence": (lambda: build_layer(QRNN(units=3)), rows, states(3, 3, 9)),
    "a linear recurrence of complex numbers": (lambda: build_layer(LRUBlock(units=5)), rows, {}),
    "frames": (lambda: L.ConvLSTM1D(2, 3, padding="same"), lambda: normal(2, 3, 5, 2), {}),
    "one filter": (lambda: L.Conv3D(1, 3, padding="same"), lambda: normal(1, 3, 4, 4, 2), {}),
}


def gradient_of_gradient(layer: Any, inputs: Any, call: dict[str, Any]) -> list[Any]:
    """Return the gradients of a penalty on the inputs' gradient, as a Wasserstein GAN has one."""
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            total = sum(map(tf.reduce_sum, map(tf.sin, keras.tree.flatten(layer(inputs, **call)))))
        penalty = tf.reduce_sum(inner.gradient(total, inputs) ** 3)
    weights = [weight.value for weight in layer.trainable_weights]
    found: list[Any] = outer.gradient(
        penalty, [inputs, *weights], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return found


def forward(layer: Any, inputs: Any, call: dict[str, Any]) -> list[Any]:
    with tf.autodiff.ForwardAccumulator(inputs, tf.cos(inputs)) as accumulator:
        outputs = keras.tree.flatten(layer(inputs, **call))
    return [accumulator.jvp(output) for output in outputs]


@pytest.mark.parametrize("derivative", [gradient_of_gradient, forward])
@pytest.mark.parametrize("name", DERIVED)
def test_gradients_of_gradients_and_derivatives_run_forward_are_those_of_stock(
    name: str, derivative: Callable[..., list[Any]]
) -> None:
    make, inputs, call = DERIVED[name]
    with computing_in("float64"):
        stock, ours = layers_with_same_weights(make, inputs())
        expected = derivative(stock, inputs(), call)
        assert_same(expected, derivative(accelerate(ours), inputs(), call), 1e-9)
    assert reasons_against(ours) == {}


# --- models

INPUTS = np.random.default_rng(5).normal(size=(10, STEPS, FEATURES)).astype("float32")
TARGETS = INPUTS[:, 0, :1]
FIT: dict[str, Any] = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}


class Subclassed(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.memory, self.out = L.LSTM(3), L.Dense(1)

    def call(self, inputs: Any) -> Any:
        return self.out(self.memory(inputs))


class OwnStep(keras.Sequential):  # type: ignore[misc]
    """Draws in its training step, which XLA would do otherwise."""

    def train_step(self, data: Any) -> Any:
        inputs, targets = data
        return super().train_step((inputs + tf.random.normal(tf.shape(inputs), seed=1), targets))


def sequential(*layers: Any, kind: Any = keras.Sequential) -> Any:
    return kind([keras.Input((STEPS, FEATURES)), *(layers or [L.LSTM(3)]), L.Dense(1)])


def functional() -> Any:
    inputs = keras.Input((STEPS, FEATURES))
    encoded, *state = L.LSTM(3, **ALL)(L.Masking()(inputs))
    decoded = L.LSTM(3)(encoded, initial_state=state)
    return keras.Model(inputs, L.Dense(1)(L.concatenate([decoded, L.GRU(2)(encoded)])))


def of_any_length(*layers: Any) -> Any:
    return keras.Sequential([keras.Input((None, FEATURES)), *(layers or [L.GRU(3)]), L.Dense(1)])


def nested() -> Any:
    inner = keras.Sequential([keras.Input((STEPS, FEATURES)), L.SimpleRNN(3)])
    inputs = keras.Input((STEPS, FEATURES))
    return keras.Model(inputs, L.Dense(1)(inner(inputs)))


def fitted(model: Any, compiled: dict[str, Any] | None = None, **options: Any) -> None:
    if not model.compiled:
        model.compile(**{"optimizer": "adam", "loss": "mse", **(compiled or {})})
    model.fit(INPUTS, TARGETS, **{**FIT, **options})


def compiled_again(model: Any) -> None:
    """Train, freeze, and train with another optimizer and loss; thaw, and train again."""
    fitted(model)
    model.layers[0].trainable = False
    model.compile("sgd", "mae")
    fitted(model)
    model.layers[0].trainable = True
    model.compile(keras.optimizers.RMSprop(0.01), "mse")
    fitted(model)


def batch_by_batch(model: Any) -> None:
    model.compile("adam", "mse")
    for size in (4, 4, 3, 1):
        model.train_on_batch(INPUTS[:size], TARGETS[:size])


def own_loop(model: Any) -> None:
    optimizer = keras.optimizers.Adam()

    @tf.function  # type: ignore[untyped-decorator]
    def step(inputs: Any, targets: Any) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(inputs, training=True) - targets) ** 2)
        optimizer.apply_gradients(
            zip(
                tape.gradient(loss, model.trainable_variables),
                model.trainable_variables,
                strict=True,
            )
        )

    for _ in range(2):
        step(INPUTS, TARGETS)


def lengths_by_turns(model: Any) -> None:
    """Train on a data set whose batches have lengths of their own."""
    model.compile("adam", "mse")
    lengths = range(1, STEPS + 1)
    batches = tf.data.Dataset.from_generator(
        lambda: ((INPUTS[:, :length], TARGETS) for length in lengths),
        output_signature=(
            tf.TensorSpec((None, None, FEATURES)),
            tf.TensorSpec((None, 1)),
        ),
    )
    model.fit(batches, verbose=0)


def own_loss(expected: Any, predicted: Any) -> Any:
    """Return a loss that no XLA computes: by way of text."""
    error = tf.strings.to_number(tf.strings.as_string(tf.reduce_mean(expected - predicted)))
    return tf.reduce_mean((expected - predicted) ** 2) + 0 * error


Make: TypeAlias = Callable[[], Any]
Use: TypeAlias = Callable[[Any], None]
MODELS: dict[str, tuple[Make, Use, str | None]] = {
    "sequential": (sequential, fitted, None),
    "sequential without Input": (
        lambda: keras.Sequential([L.LSTM(3), L.Dense(1)]),
        fitted,
        None,
    ),
    "functional, states in and out, masks": (functional, fitted, None),
    "subclassed": (Subclassed, fitted, None),
    "nested": (nested, fitted, None),
    "compiled again": (sequential, compiled_again, None),
    "run_eagerly": (sequential, partial(fitted, compiled={"run_eagerly": True}, epochs=1), None),
    "steps_per_execution": (
        sequential,
        partial(fitted, compiled={"steps_per_execution": 2}),
        None,
    ),
    "jit_compile": (sequential, partial(fitted, compiled={"jit_compile": True}), None),
    "a loss that no XLA computes": (sequential, partial(fitted, compiled={"loss": own_loss}), None),
    "a metric that no XLA computes": (
        sequential,
        partial(fitted, compiled={"metrics": [own_loss]}),
        None,
    ),
    "a layer that no XLA computes": (
        lambda: sequential(
            L.Lambda(lambda x: x + tf.random.normal(tf.shape(x), seed=2)), L.LSTM(3)
        ),
        fitted,
        None,
    ),
    "a training step of its own": (lambda: sequential(L.GRU(3), kind=OwnStep), fitted, None),
    "weighted examples": (
        sequential,
        partial(fitted, sample_weight=np.arange(10.0), validation_split=0.2),
        None,
    ),
    "train_on_batch": (sequential, batch_by_batch, None),
    "a loop of its own": (sequential, own_loop, None),
    "lengths by turns": (of_any_length, lengths_by_turns, LENGTHS_CHANGE),
    "mixed_float16": (
        lambda: sequential(L.LSTM(3, dtype="mixed_float16")),
        fitted,
        "computes in float16",
    ),
}


def trained(make: Make, use: Use, finish: Callable[[Any], Any]) -> Any:
    keras.utils.set_random_seed(3)
    model = finish(make())
    use(model)
    return model


@pytest.mark.parametrize("name", MODELS)
def test_a_model_s_weights_after_training_are_those_of_stock(name: str) -> None:
    make, use, reason = MODELS[name]
    stock, ours = (trained(make, use, finish) for finish in (lambda model: model, accelerate))
    assert len(stock.get_weights()) == len(ours.get_weights()) > 0
    for expected, given in zip(stock.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_allclose(given, expected, rtol=1e-3, atol=2e-5)
    assert set(reasons_against(ours).values()) == ({reason} if reason else set())


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("sequential", True),
        ("functional, states in and out, masks", True),
        ("subclassed", False),
        ("a loss that no XLA computes", False),
        ("a metric that no XLA computes", False),
        ("a layer that no XLA computes", False),
        ("a training step of its own", False),
        ("run_eagerly", False),
    ],
)
def test_a_step_is_compiled_whole_only_if_all_in_it_is_made_for_xla(name: str, whole: bool) -> None:
    make, use, _ = MODELS[name]
    compiled = use.keywords["compiled"] if isinstance(use, partial) else {}
    model = accelerate(make())
    model.compile(**{"optimizer": "adam", "loss": "mse", **compiled})
    model.build((None, STEPS, FEATURES))
    assert is_compiled(model) is whole


@pytest.mark.parametrize(("features", "whole"), [(28, True), (1, False)])
def test_the_steps_that_a_reshape_makes_count_for_the_size_of_a_training_step(
    features: int, whole: bool
) -> None:
    layers = [build_layer(Reshape(features=features)), L.LSTM(64), L.Dense(10)]
    model = accelerate(keras.Sequential([keras.Input((28, 28)), *layers]), batch_size=64)
    model.compile("adam", "mse")
    assert is_compiled(model) is whole


@pytest.mark.parametrize("masked", [True, False])
def test_cells_of_this_project_train_in_a_compiled_step_as_in_stock(masked: bool) -> None:
    words = np.random.default_rng(1).integers(0, 20, (10, STEPS))

    def fitted_model(finish: Callable[[Any], Any]) -> Any:
        keras.utils.set_random_seed(3)
        own = [build_layer(options, return_sequences=True) for options in OWN]
        layers = [L.Embedding(20, 4, mask_zero=masked), *own, L.Dense(1)]
        model = keras.Sequential([keras.Input((STEPS,), dtype="int32"), *layers])
        model.compile("adam", "mse")
        finish(model).fit(words, words[:, :, None] / 20, batch_size=4, epochs=2, verbose=0)
        return model

    stock, ours, again = map(fitted_model, (lambda model: model, accelerate, accelerate))
    assert is_compiled(ours)
    for expected, given, repeated in zip(
        stock.get_weights(), ours.get_weights(), again.get_weights(), strict=True
    ):
        np.testing.assert_allclose(given, expected, rtol=1e-3, atol=2e-5)
        np.testing.assert_array_equal(given, repeated)


def test_text_trains_as_in_stock() -> None:
    texts = tf.constant([["to be"], ["or not to be"], ["that is"], ["the question"]])

    def read(output_length: int | None) -> Any:
        words = L.TextVectorization(max_tokens=20, output_sequence_length=output_length)
        words.adapt(texts)
        keras.utils.set_random_seed(3)
        layers = [L.Embedding(20, 4, mask_zero=True), L.LSTM(3), L.Dense(1)]
        model = keras.Sequential([keras.Input((1,), dtype="string"), words, *layers])
        model.compile("adam", "mse")
        return model

    for length, reasons in ((5, set()), (None, {LENGTHS_CHANGE})):
        stock, ours = read(length), accelerate(read(length))
        for model in (stock, ours):
            model.fit(texts, np.arange(4.0), verbose=0, batch_size=2, epochs=2)
        for expected, given in zip(stock.get_weights(), ours.get_weights(), strict=True):
            np.testing.assert_allclose(given, expected, rtol=1e-3, atol=1e-5)
        assert set(reasons_against(ours).values()) == reasons


def test_labels_that_are_text_are_refused_as_by_stock() -> None:
    said = []
    for finish in (lambda model: model, accelerate):
        model = finish(sequential())  # type: ignore[no-untyped-call]
        model.compile("adam", "mse")
        with pytest.raises(Exception) as caught:
            model.fit(INPUTS, np.array(["label"] * 10), verbose=0)
        said.append(type(caught.value))
    assert said[0] is said[1]


def test_many_lengths_one_after_another_are_left_to_stock_before_xla_compiles_them_all() -> None:
    layer = accelerate(L.GRU(3))
    compiled = 0
    for steps in range(1, 21):
        layer(INPUTS[:, :1].repeat(steps, axis=1))
        compiled += not reasons_against(layer)
    assert compiled == MOST_SHAPES
    assert reasons_against(layer) == {
        layer.name: f"more than {MOST_SHAPES} different shapes of its sequences"
    }
    layer(INPUTS[:, :1])
    assert reasons_against(layer) == {}, "the first lengths stay compiled"


def test_with_a_distribution_strategy_a_model_trains_as_stock() -> None:
    found = []
    for finish in (lambda model: model, accelerate):
        with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
            model = trained(lambda: sequential(L.Bidirectional(L.LSTM(3))), fitted, finish)
        assert not is_compiled(model)
        found.append(model.get_weights())
    assert_same(found[0], found[1], 1e-4)


OPTIMIZERS = sorted(
    name
    for name, kind in vars(keras.optimizers).items()
    if isinstance(kind, type)
    and issubclass(kind, keras.optimizers.Optimizer)
    and kind.__name__ not in ("Optimizer", "LossScaleOptimizer", "MultiOptimizer")  # hold others
)


def updated(optimizer: Any, variable: Any, sparse: bool) -> Any:
    """Return a variable after two updates; rows of its gradient may occur twice."""

    @tf.function  # type: ignore[untyped-decorator]
    def update() -> None:
        gradient = tf.reshape(tf.range(6.0), (2, 3))
        rows = tf.IndexedSlices(gradient, tf.constant([2, 2]), tf.constant([4, 3]))
        optimizer.apply([rows if sparse else tf.tile(gradient, (2, 1))], [variable])

    update()
    update()
    return variable.numpy()


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_compiled_updates_of_each_optimizer_are_its_own(
    name: str, sparse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnbench.models.fast.optimizer.WORTH_COMPILING", 1)
    found = []
    for finish in (lambda optimizer: None, compile_updates):
        optimizer = getattr(keras.optimizers, name)(learning_rate=0.1)
        variable = keras.Variable(np.ones((4, 3), "float32"), name="kernel")
        optimizer.build([variable])
        finish(optimizer)  # type: ignore[no-untyped-call]
        found.append(updated(optimizer, variable, sparse))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4, atol=1e-6)


def served(model: Any, folder: Path) -> Any:
    """Return what a model answers that was exported and read again."""
    model.export(folder / "model", verbose=False)
    loaded = tf.saved_model.load(folder / "model")
    return loaded.serve(INPUTS)


def cloned(model: Any, folder: Path) -> Any:
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    return clone(INPUTS)


def converted(model: Any, folder: Path) -> Any:
    """Return what TensorFlow Lite computes; it refuses an LSTM of stock unless it is fused."""
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    interpreter = tf.lite.Interpreter(model_content=content)
    place = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(place, INPUTS.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(place, INPUTS)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
@pytest.mark.parametrize("carry", [served, cloned, converted])
def test_a_trained_model_answers_the_same_elsewhere(
    carry: Callable[[Any, Path], Any], tmp_path: Path
) -> None:
    model = trained(sequential, partial(fitted, epochs=1), accelerate)
    np.testing.assert_allclose(carry(model, tmp_path), model(INPUTS), rtol=1e-4, atol=1e-6)


def test_without_acceleration_the_reason_is_that() -> None:
    reasons = reasons_against(sequential(L.Bidirectional(L.LSTM(3, name="memory"))))
    assert reasons == dict.fromkeys(("forward_memory", "backward_memory"), "not accelerated")
