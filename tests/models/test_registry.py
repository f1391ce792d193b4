"""The contract of every registered variant, and that the registry and params.yaml agree."""

from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np
import pytest

from rnnbench.errors import RnnbenchError
from rnnbench.models.registry import VARIANTS, build_layer
from rnnbench.params import AnyLayer, Layer, SimpleRNN

BATCH, STEPS, FEATURES, UNITS, SIDE = 3, 5, 4, 6, 8

# Options of each variant and the shape of one example that it takes.
EXAMPLES: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "simple_rnn": ({"units": UNITS, "return_sequences": True}, (STEPS, FEATURES)),
    "lstm": ({"units": UNITS, "return_sequences": True}, (STEPS, FEATURES)),
    "gru": ({"units": UNITS, "return_sequences": True}, (STEPS, FEATURES)),
    "rnn": (
        {
            "cell": {
                "type": "stacked_rnn_cells",
                "cells": {
                    "cell_1": {"type": "lstm_cell", "units": 2},
                    "cell_2": {"type": "gru_cell", "units": UNITS},
                },
            },
            "return_sequences": True,
        },
        (STEPS, FEATURES),
    ),
    "bidirectional": (
        {"layer": {"type": "lstm", "units": UNITS, "return_sequences": True}},
        (STEPS, FEATURES),
    ),
    "conv_lstm_2d": (
        {"filters": UNITS, "kernel_size": 3, "padding": "same", "return_sequences": True},
        (STEPS, SIDE, SIDE, 1),
    ),
    "embedding": ({"units": UNITS}, (STEPS,)),
    "dense": ({"units": UNITS}, (FEATURES,)),
    "time_distributed": ({"layer": {"type": "dense", "units": UNITS}}, (STEPS, FEATURES)),
    "dropout": ({"rate": 0.5}, (FEATURES,)),
    "spatial_dropout_1d": ({"rate": 0.5}, (STEPS, FEATURES)),
    "batch_normalization": ({}, (STEPS, SIDE, SIDE, 1)),
    "conv_3d": ({"filters": 2, "kernel_size": 3, "padding": "same"}, (STEPS, SIDE, SIDE, 1)),
}
OUTPUT_SHAPES = {
    "simple_rnn": (STEPS, UNITS),
    "lstm": (STEPS, UNITS),
    "gru": (STEPS, UNITS),
    "rnn": (STEPS, UNITS),
    "bidirectional": (STEPS, 2 * UNITS),
    "conv_lstm_2d": (STEPS, SIDE, SIDE, UNITS),
    "embedding": (STEPS, UNITS),
    "dense": (UNITS,),
    "time_distributed": (STEPS, UNITS),
    "dropout": (FEATURES,),
    "spatial_dropout_1d": (STEPS, FEATURES),
    "batch_normalization": (STEPS, SIDE, SIDE, 1),
    "conv_3d": (STEPS, SIDE, SIDE, 2),
}
# With x inputs and h units: SimpleRNN (x+h)h + h; LSTM four of them; GRU three with two biases
# (`reset_after`, Keras's default); ConvLSTM2D as LSTM with 3 x 3 kernels.
PARAMETERS = {
    "simple_rnn": (FEATURES + UNITS) * UNITS + UNITS,
    "lstm": 4 * ((FEATURES + UNITS) * UNITS + UNITS),
    "gru": 3 * ((FEATURES + UNITS) * UNITS + 2 * UNITS),
    "rnn": 4 * ((FEATURES + 2) * 2 + 2) + 3 * ((2 + UNITS) * UNITS + 2 * UNITS),
    "bidirectional": 2 * 4 * ((FEATURES + UNITS) * UNITS + UNITS),
    "conv_lstm_2d": 4 * (9 * (1 + UNITS) * UNITS + UNITS),
    "embedding": 20 * UNITS,
    "dense": FEATURES * UNITS + UNITS,
    "time_distributed": FEATURES * UNITS + UNITS,
    "dropout": 0,
    "spatial_dropout_1d": 0,
    "batch_normalization": 4,
    "conv_3d": 27 * 2 + 2,
}
CAUSAL = [name for name, variant in VARIANTS.items() if variant.recurrent and variant.causal]


def params_class(kind: str) -> type[Layer]:
    layers: list[type[Layer]] = list(get_args(get_args(AnyLayer)[0]))
    kinds = [get_args(layer.model_fields["type"].annotation) for layer in layers]
    return layers[kinds.index((kind,))]


def make(kind: str, **changes: Any) -> keras.Model:
    options, shape = EXAMPLES[kind]
    layer = params_class(kind).model_validate({"type": kind, **options, **changes})
    dtype = "int32" if kind == "embedding" else "float32"
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input(shape, dtype=dtype), build_layer(layer, "layer", vocabulary_size=20)]
    )


def inputs_of(kind: str) -> np.ndarray[Any, Any]:
    shape = (BATCH, *EXAMPLES[kind][1])
    generator = np.random.default_rng(0)
    if kind == "embedding":
        return generator.integers(0, 20, shape).astype(np.int32)
    return generator.standard_normal(shape).astype(np.float32)


def test_params_and_registry_know_the_same_variants() -> None:
    union = get_args(AnyLayer)[0]
    named = {get_args(layer.model_fields["type"].annotation)[0] for layer in get_args(union)}
    assert named == set(VARIANTS) == set(EXAMPLES)


def test_a_variant_that_is_not_registered_is_refused_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(VARIANTS, "simple_rnn")
    with pytest.raises(RnnbenchError, match=r"'simple_rnn' does not exist; there are: lstm, gru"):
        build_layer(SimpleRNN(type="simple_rnn", units=1), "layer")


@pytest.mark.parametrize("kind", VARIANTS)
def test_output_shapes_and_parameters_follow_the_formulas(kind: str) -> None:
    model = make(kind)
    assert model.predict_on_batch(inputs_of(kind)).shape == (BATCH, *OUTPUT_SHAPES[kind])
    assert model.count_params() == PARAMETERS[kind]


@pytest.mark.parametrize("kind", CAUSAL)
def test_without_sequences_only_the_last_step_is_returned(kind: str) -> None:
    every, last = make(kind), make(kind, return_sequences=False)
    last.set_weights(every.get_weights())
    inputs = inputs_of(kind)
    np.testing.assert_allclose(
        last.predict_on_batch(inputs), every.predict_on_batch(inputs)[:, -1], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("kind", CAUSAL)
def test_no_step_sees_the_future(kind: str) -> None:
    model, inputs = make(kind), inputs_of(kind)
    changed = inputs.copy()
    changed[:, 3:] += 1.0
    before, after = model.predict_on_batch(inputs), model.predict_on_batch(changed)
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (before[:, 3:] != after[:, 3:]).any()


@pytest.mark.parametrize("kind", [kind for kind in VARIANTS if PARAMETERS[kind]])
def test_every_weight_that_is_trained_moves_in_one_step(kind: str) -> None:
    model = make(kind)
    before = [weight.numpy().copy() for weight in model.trainable_weights]
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="mse")
    inputs = inputs_of(kind)
    model.train_on_batch(inputs, np.ones((BATCH, *OUTPUT_SHAPES[kind]), np.float32))
    for old, weight in zip(before, model.trainable_weights, strict=True):
        assert (old != weight.numpy()).any(), weight.path


@pytest.mark.parametrize("kind", VARIANTS)
def test_a_saved_model_predicts_the_same(kind: str, tmp_path: Path) -> None:
    from rnnbench.models.saved import load_model, save_model

    model, inputs = make(kind), inputs_of(kind)
    save_model(model, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict_on_batch(inputs), model.predict_on_batch(inputs))


@pytest.mark.parametrize("kind", ["simple_rnn", "lstm", "gru"])
def test_a_layer_equals_its_cell_in_a_loop(kind: str) -> None:
    model, inputs = make(kind), inputs_of(kind)
    options = {"cell": {"type": f"{kind}_cell", "units": UNITS}, "return_sequences": True}
    looped = params_class("rnn").model_validate({"type": "rnn", **options})
    loop = keras.Sequential([keras.Input((STEPS, FEATURES)), build_layer(looped, "loop")])
    loop.set_weights(model.get_weights())
    np.testing.assert_allclose(
        loop.predict_on_batch(inputs), model.predict_on_batch(inputs), rtol=1e-5, atol=1e-6
    )


def test_an_option_of_a_cell_or_of_a_wrapped_layer_reaches_keras() -> None:
    cell = {"type": "gru_cell", "units": 3, "reset_after": False, "activation": "relu"}
    loop = build_layer(params_class("rnn").model_validate({"type": "rnn", "cell": cell}), "loop")
    assert loop.cell.reset_after is False
    assert loop.cell.activation is keras.activations.relu
    wrapped = {"type": "bidirectional", "layer": {"type": "gru", "units": 3, "reset_after": False}}
    both = build_layer(params_class("bidirectional").model_validate(wrapped), "both")
    assert both.forward_layer.reset_after is both.backward_layer.reset_after is False
