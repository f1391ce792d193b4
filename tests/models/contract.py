"""The contract of every variant, as checks that take a variant and one of its forms."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from rnnbench.models.build import computing_in
from rnnbench.models.saved import load_model, save_model
from rnnbench.models.variant import CELLS, Form, Variant, build_cell, build_layer
from rnnbench.params import LayerField

BATCH, STEPS, FEATURES, UNITS, SIDE, WORDS = 3, 5, 4, 6, 6, 20
Check = Callable[[Variant, Form], None]


def inputs_of(variant: Variant, seed: int = 0) -> np.ndarray[Any, Any]:
    """Return random inputs of the kind that a variant takes."""
    generator = np.random.default_rng(seed)
    if variant.takes_ids:
        return generator.integers(0, WORDS, (BATCH, STEPS)).astype(np.int32)
    side = (SIDE, SIDE) if variant.frames else ()
    return generator.standard_normal((BATCH, STEPS, *side, FEATURES)).astype(np.float32)


def make(variant: Variant, form: Form, *, every_step: bool = True) -> keras.Model:
    """Return a model of the form alone."""
    decided: dict[str, Any] = {"return_sequences": every_step} if variant.recurrent else {}
    if variant.takes_ids:
        decided["vocabulary_size"] = WORDS
    inputs = inputs_of(variant)
    keras.utils.set_random_seed(1)
    layer = build_layer(form.layer, name="layer", **decided)
    return keras.Sequential([keras.Input(inputs.shape[1:], dtype=inputs.dtype), layer])


def randomise(layer: keras.Layer) -> None:
    """Give a layer that is built random weights."""
    generator = np.random.default_rng(2)
    layer.set_weights(
        [
            (0.5 * generator.standard_normal(weight.shape)).astype(np.float32)
            for weight in layer.get_weights()
        ]
    )


def what_params_yaml_says_of_it_is_parsed(_: Variant, form: Form) -> None:
    written = form.layer.model_dump(exclude_none=True)
    schema = TypeAdapter(LayerField)
    assert schema.validate_python(written) == form.layer
    with pytest.raises(ValueError, match="unknown key 'no_option'"):
        schema.validate_python({**written, "no_option": 1})


def parameters_follow_the_formula(variant: Variant, form: Form) -> None:
    sizes = {"x": FEATURES, "h": UNITS, "v": WORDS}
    assert make(variant, form).count_params() == pd.eval(form.formula, local_dict=sizes)


def every_trained_weight_moves_in_one_step(variant: Variant, form: Form) -> None:
    model, inputs = make(variant, form), inputs_of(variant)
    before = [weight.numpy().copy() for weight in model.trainable_weights]
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="mse")
    model.train_on_batch(inputs, np.ones(model.compute_output_shape(inputs.shape), np.float32))
    for old, weight in zip(before, model.trainable_weights, strict=True):
        assert (old != weight.numpy()).any(), weight.path


def a_saved_model_predicts_the_same(variant: Variant, form: Form) -> None:
    model, inputs = make(variant, form), inputs_of(variant)
    with tempfile.TemporaryDirectory() as folder:
        save_model(model, Path(folder) / "model.keras")
        # as in a process that has built nothing yet; other tests need what was registered
        with mock.patch.dict(keras.saving.get_custom_objects(), clear=True):
            loaded = load_model(Path(folder) / "model.keras")
    np.testing.assert_array_equal(loaded.predict_on_batch(inputs), model.predict_on_batch(inputs))


def no_step_sees_the_future(variant: Variant, form: Form) -> None:
    model, inputs = make(variant, form), inputs_of(variant)
    changed = inputs.copy()
    changed[:, 3:] = inputs_of(variant, seed=1)[:, 3:]
    before, after = model.predict_on_batch(inputs), model.predict_on_batch(changed)
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (before[:, 3:] != after[:, 3:]).any()


def without_sequences_the_last_step_alone_is_returned(variant: Variant, form: Form) -> None:
    every, last = make(variant, form), make(variant, form, every_step=False)
    last.set_weights(every.get_weights())
    inputs = inputs_of(variant)
    np.testing.assert_allclose(
        last.predict_on_batch(inputs), every.predict_on_batch(inputs)[:, -1], rtol=1e-5, atol=1e-6
    )


def outputs_and_states_are_those_of_the_numpy_reference(variant: Variant, form: Form) -> None:
    assert form.reference is not None
    inputs = inputs_of(variant)
    layer = build_layer(form.layer, return_sequences=True, return_state=True)
    layer(inputs)
    randomise(layer)
    for mask in (None, np.random.default_rng(3).random((BATCH, STEPS)) < 0.6):
        outputs, *states = keras.tree.flatten(layer(inputs, mask=mask))
        expected = form.reference(inputs, layer.get_weights(), mask)
        assert len(states) == len(expected.states)
        for given, wanted in zip([outputs, *states], [expected[0], *expected.states], strict=True):
            np.testing.assert_allclose(given, wanted, rtol=1e-4, atol=1e-5)


def gradients_are_those_of_differences_of_the_numpy_reference(variant: Variant, form: Form) -> None:
    import tensorflow as tf

    reference = form.reference
    assert reference is not None
    generator = np.random.default_rng(4)
    inputs = inputs_of(variant).astype(np.float64)
    with computing_in("float64"):
        layer = build_layer(form.layer, return_sequences=True)
        shares = generator.standard_normal(layer(inputs).shape)
    randomise(layer)
    weights = layer.get_weights()
    directions = [generator.standard_normal(weight.shape) for weight in weights]

    def along(step: float) -> float:
        moved = [weight + step * way for weight, way in zip(weights, directions, strict=True)]
        return float((reference(inputs, moved, None)[0] * shares).sum())

    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(inputs) * shares)
    gradients = tape.gradient(total, [weight.value for weight in layer.weights])
    slope = sum(
        float((way * gradient.numpy()).sum())
        for way, gradient in zip(directions, gradients, strict=True)
    )
    step = 1e-6
    np.testing.assert_allclose(slope, (along(step) - along(-step)) / (2 * step), rtol=1e-6)


def it_equals_its_cell_in_a_loop(variant: Variant, form: Form) -> None:
    model, inputs = make(variant, form), inputs_of(variant)
    options = form.layer.model_dump(exclude_unset=True, exclude={"type"})
    cell = build_cell(CELLS[f"{form.layer.type}_cell"].options.model_validate(options))
    loop = keras.layers.RNN(cell, return_sequences=True)
    looped = keras.Sequential([keras.Input(inputs.shape[1:]), loop])
    looped.set_weights(model.get_weights())
    np.testing.assert_allclose(
        looped.predict_on_batch(inputs), model.predict_on_batch(inputs), rtol=1e-5, atol=1e-6
    )


def checks_of(variant: Variant, form: Form) -> Iterator[Check]:
    """Yield the checks that a form of a variant must pass."""
    yield what_params_yaml_says_of_it_is_parsed
    yield parameters_follow_the_formula
    yield a_saved_model_predicts_the_same
    if form.formula != "0":
        yield every_trained_weight_moves_in_one_step
    if variant.causal:
        yield no_step_sees_the_future
    if variant.recurrent and variant.causal:
        yield without_sequences_the_last_step_alone_is_returned
    if form.reference is not None:
        yield outputs_and_states_are_those_of_the_numpy_reference
        yield gradients_are_those_of_differences_of_the_numpy_reference
    if f"{form.layer.type}_cell" in CELLS:
        yield it_equals_its_cell_in_a_loop
