"""The models of params.yaml are those of the recipes, and faulty ones are refused."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import TypeAdapter

from rnnbench.data.datasets.copying import CopyingView, draw
from rnnbench.errors import RnnbenchError
from rnnbench.models.build import build_model, count_parameters, reset
from rnnbench.models.optimizers import build_optimizer
from rnnbench.params import LayerField, Params
from rnnbench.tasks.task import TASKS
from tests.models.manifests import manifest_of

LSTM = {"type": "lstm", "units": 10}
WORDS = {"type": "embedding", "units": 3}
CONV_LSTM = {"type": "conv_lstm_2d", "filters": 2, "kernel_size": 3, "padding": "same"}

ARITHMETICS = ("rmsprop", "rmsprop-summed", "rmsprop-summed-outside", "adam", "adam-summed")
# As the notebooks print them.
LAYER_PARAMETERS = {
    "imdb-simple-rnn": [20_000 * 128, 5_152, 33],
    "imdb-gru": [20_000 * 128, 15_552, 33],
    "imdb-lstm": [20_000 * 128, 20_608, 33],
    "imdb-rnn-simple-rnn-cell": [20_000 * 128, 5_152, 33],
    "imdb-rnn-gru-cell": [20_000 * 128, 15_552, 33],
    "imdb-rnn-lstm-cell": [20_000 * 128, 20_608, 33],
    "imdb-rnn-stacked-cells": [20_000 * 128, 20_608 + 8_320, 33],
    "imdb-matched-simple-rnn": [20_000 * 128, 20_646, 94],
    "imdb-matched-gru": [20_000 * 128, 20_400, 41],
    "reuters-simple-rnn": [10_000 * 128, 5_152, 33 * 46],
    "reuters-gru": [10_000 * 128, 15_552, 33 * 46],
    "reuters-lstm": [10_000 * 128, 20_608, 33 * 46],
    "moving-mnist-conv-lstm": [59_200, 160, 1_081],
    "mnist-simple-rnn": [72_960, 131_328, 2_570],
    "mnist-lstm": [291_840, 0, 525_312, 0, 2_570],
    "mnist-gru": [219_648, 0, 148_224, 1_290],
    "mnist-matched-simple-rnn": [23_660, 1_410],
    "mnist-matched-gru": [23_625, 760],
    "mnist-matched-lstm": [23_808, 650],
    "sentiment-simple-rnn": [8_000 * 32, 0, 2_080, 0, 33],
    "sentiment-lstm": [8_000 * 32, 0, 8_320, 0, 33],
    "sentiment-gru": [8_000 * 32, 0, 6_240, 0, 33],
    "sentiment-bidirectional-lstm": [8_000 * 32, 0, 16_640, 0, 65],
    "sentiment-stacked-lstm": [8_000 * 32, 0, 8_320, 8_320, 0, 33],
    **{
        f"{arithmetic}-{name}": [8_000 * 32, 0, parameters, 0, 33]
        for arithmetic in ARITHMETICS
        for name, parameters in {"simple-rnn": 2_080, "gru": 6_240, "lstm": 8_320}.items()
    },
    "long-simple-rnn": [10_000 * 32, 2_080, 33],
    "long-stacked-simple-rnn": [10_000 * 32, 2_080, 2_080, 2_080, 2_080, 33],
    "long-lstm": [10_000 * 32, 8_320, 33],
    "random-simple-rnn": [1_088, 33],
    "random-stacked-simple-rnn": [1_088, 2_080, 33],
    "random-lstm": [4_352, 33],
    "random-gru": [3_360, 33],
    "random-time-distributed-lstm": [144, 6_272, 33],
    **{
        f"adding-{length}-{name}": [*layers, 33]
        for length in (20, 50, 100)
        for name, layers in {
            "simple-rnn": [1_120],
            "stacked-simple-rnn": [1_120, 2_080],
            "lstm": [4_480],
            "gru": [3_456],
            "time-distributed-lstm": [48, 6_272],
        }.items()
    },
    **{
        f"copying-{delay}-{name}": [*layers, 33 * 6]
        for delay in (5, 15, 30)
        for name, layers in {
            "simple-rnn": [1_248],
            "stacked-simple-rnn": [1_248, 2_080],
            "lstm": [4_992],
            "gru": [3_840],
            "time-distributed-lstm": [112, 6_272],
        }.items()
    },
}
# The recurrent layers of the suite "variants" on 32 features of a step, and the width of the last.
MODERN = {
    "simple-rnn": ([8_284], 76),
    "gru": ([8_208], 38),
    "lstm": ([8_320], 32),
    "janet": ([8_300], 50),
    "layer-norm-lstm": ([8_494], 31),
    "ind-rnn": ([2_550, 5_775], 75),
    "qrnn": ([4_680, 3_528], 24),
    "min-gru": ([3_300, 5_100], 50),
    "min-lstm": ([3_762, 4_446], 38),
    "lru-block": ([4_173, 4_173], 32),
    "rg-lru-block": ([4_172, 4_172], 32),
}
READ_BY_PIXEL = ("gru", "lstm", "janet", "lru-block")
# What makes 32 features of an input, and the number of outputs.
ENDS = {
    "adding": ([3 * 32], 1),
    "copying": ([7 * 32], 6),
    "rows": ([29 * 32], 10),
    "reviews": ([20_000 * 32], 1),
    "pixels": ([0, 2 * 32], 10),
}
LAYER_PARAMETERS |= {
    f"variants-{task}-{name}": [*first, *layers, (width + 1) * outputs]
    for task, (first, outputs) in ENDS.items()
    for name, (layers, width) in MODERN.items()
    if (task != "pixels" or name in READ_BY_PIXEL)
    and (task != "reviews" or name != "layer-norm-lstm")
}
LAYER_PARAMETERS |= {
    f"lengths-{task}-{name}": LAYER_PARAMETERS[f"variants-{task}-{name}"]
    for task in ("adding", "copying")
    for name in MODERN
}
PRACTICE = {"gru": 15_552, "simple-rnn": 5_152, "lstm": 20_608}
for suite, words, outputs in (("imdb", 20_000, 1), ("reuters", 10_000, 46)):
    embedding, gru, head = words * 128, PRACTICE["gru"], 33 * outputs
    LAYER_PARAMETERS |= {
        f"practice-{suite}-gru{lever}": [embedding, gru, head]
        for lever in ("", "-end", "-mask", "-summed", "-clipped", "-cosine", "-longer", "-best")
    }
    LAYER_PARAMETERS |= {
        f"practice-{suite}-gru-dropout": [embedding, 0, gru, head],
        f"practice-{suite}-gru-max": [embedding, gru, 0, head],
        f"practice-{suite}-gru-average": [embedding, gru, 0, head],
        **{
            f"practice-{suite}-{layer}-all": [embedding, 0, parameters, 0, 65 * outputs]
            for layer, parameters in PRACTICE.items()
        },
    }
LAYER_PARAMETERS |= {
    f"practice-rows-lstm{lever}": [23_808, 650]
    for lever in ("", "-clipped", "-cosine", "-longer", "-best")
}
LAYER_PARAMETERS |= {
    f"practice-rows-lstm-{lever}": [23_808, 0, 650] for lever in ("max", "average", "dropout")
}
LAYER_PARAMETERS |= {
    "practice-rows-lstm-all": [23_808, 0, 0, 1_290],
    "practice-rows-simple-rnn-all": [23_660, 0, 0, 2_810],
    "practice-rows-gru-all": [23_625, 0, 0, 1_510],
    "reach-reviews": [(30_000 + 262_144) * 64, 0, 0, 32_832, 0, 0, 193],
    "reach-newswires": [(10_000 + 65_536) * 64, 0, 0, 49_920, 0, 0, 257 * 46],
    "reach-rows": [160_768, 0, 394_240, 0, 0, 5_130],
    "reach-pixels": [0, 64, 12_416, 650],
    "reach-frames": [272, 55_424, 128, 0, 73_856, 128, 513],
}
TOTALS = {
    "mnist-simple-rnn": 206_858,
    "mnist-lstm": 819_722,
    "mnist-gru": 369_162,
    "long-stacked-simple-rnn": 328_320 + 33,
    "random-simple-rnn": 1_121,
    "random-stacked-simple-rnn": 3_201,
    "random-lstm": 4_385,
    "random-gru": 3_393,
    "random-time-distributed-lstm": 6_449,
}


def build(params: Params, name: str, **manifest: Any) -> keras.Model:
    experiment = params.experiments[name]
    return build_model(
        experiment.layers, experiment.training, manifest_of(experiment.view, **manifest)
    )


def test_every_experiment_has_its_expected_parameters(params: Params) -> None:
    assert set(LAYER_PARAMETERS) == set(params.experiments)


@pytest.mark.parametrize("name", LAYER_PARAMETERS)
def test_layers_have_the_parameters_that_the_recipes_print(name: str, params: Params) -> None:
    model = build(params, name)
    assert list(count_parameters(model).values()) == LAYER_PARAMETERS[name]
    assert model.count_params() == TOTALS.get(name, model.count_params())


# Epochs, batch size and optimizer of each suite, where an experiment has none of its own.
BUDGETS = {
    "imdb": (3, 64, "adam"),
    "reuters": (5, 64, "adam"),
    "moving-mnist": (5, 8, "adam"),
    "digit-rows": (10, 64, "adam"),
    "sentiment": (4, 128, "rmsprop"),
    "long-reviews": (10, 32, "rmsprop"),
    "random-labels": (10, 32, "adam"),
}
OWN_BUDGETS = {
    "sentiment-simple-rnn": (10, 128, "rmsprop"),
    "sentiment-lstm": (5, 128, "rmsprop"),
    "long-lstm": (10, 128, "rmsprop"),
}


def test_recipes_have_the_reported_budget(params: Params) -> None:
    for name, experiment in params.experiments.items():
        if experiment.suite not in BUDGETS or "matched" in name:
            continue  # not in the notebooks
        training = experiment.training
        expected = OWN_BUDGETS.get(name, BUDGETS[experiment.suite])
        assert (training.epochs, training.batch_size, training.optimizer) == expected, name
        assert training.learning_rate == 0.001


def test_layers_are_those_of_the_recipes(params: Params) -> None:
    lstm = build(params, "mnist-lstm").layers
    assert [type(layer).__name__ for layer in lstm] == [
        "LSTM",
        "Dropout",
        "LSTM",
        "Dropout",
        "Dense",
    ]
    assert lstm[0].activation is keras.activations.relu
    assert lstm[2].activation is keras.activations.tanh
    conv = build(params, "moving-mnist-conv-lstm").layers
    assert [type(layer).__name__ for layer in conv] == [
        "ConvLSTM2D",
        "BatchNormalization",
        "Conv3D",
    ]
    assert conv[0].activation is keras.activations.tanh
    assert conv[2].activation is keras.activations.sigmoid


def test_the_learning_rate_decays_with_the_inverse_of_time(params: Params) -> None:
    training = params.experiments["mnist-gru"].training
    optimizer = build_optimizer(training, 1)
    for step in (0, 1, 9_380):
        optimizer.iterations.assign(step)
        expected = 0.001 / (1 + 0.00001 * step)
        assert float(optimizer.learning_rate) == pytest.approx(expected, rel=1e-6)


def test_the_learning_rate_falls_by_a_cosine_over_all_steps_of_the_training(
    changed: Callable[..., Params],
) -> None:
    params = changed(
        "experiments",
        "mnist-gru",
        learning_rate_schedule="cosine",
        learning_rate_decay=0.0,
        epochs=4,
        batch_size=64,
    )
    examples = {"train": {"inputs": {"shape": [150, 28, 28]}, "targets": {"shape": [150]}}}
    optimizer = build(params, "mnist-gru", splits=examples).optimizer
    for step, share in ((0, 1.0), (3, 0.5 + 0.5**1.5), (6, 0.5), (12, 0.0)):  # of 4 times 3
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == pytest.approx(0.001 * share, abs=1e-9)


FORECASTER: dict[str, dict[str, Any]] = {
    "layer_1": {"type": "conv_2d", "filters": 4, "kernel_size": 4, "strides": 4, "padding": "same"},
    "layer_2": {"type": "conv_lstm_2d", "filters": 4, "kernel_size": 3, "padding": "same"},
    "layer_3": {"type": "conv_lstm_2d", "filters": 6, "kernel_size": 3, "padding": "same"},
    "layer_4": {"type": "repeat", "steps": 10},
    "layer_5": {"type": "conv_lstm_2d", "filters": 4, "kernel_size": 3, "padding": "same"},
    "layer_6": {
        "type": "conv_2d_transpose",
        "filters": 1,
        "kernel_size": 4,
        "strides": 4,
        "padding": "same",
        "activation": "sigmoid",
    },
}


def test_an_encoder_gives_its_last_state_to_every_step_of_a_forecaster(
    changed: Callable[..., Params],
) -> None:
    params = changed("models", "conv-lstm", **FORECASTER)
    layers = build(params, "moving-mnist-conv-lstm").layers
    encoder_1, encoder_2, forecaster = layers[1], layers[2], layers[4]
    assert (encoder_1.return_sequences, encoder_2.return_sequences) == (True, False)
    assert forecaster.return_sequences
    assert layers[3].output.shape == (None, 10, 16, 16, 6)
    assert layers[-1].output.shape == (None, 10, 64, 64, 1)


def test_layers_are_named_by_their_number_and_the_output_layer_continues_it(
    params: Params,
) -> None:
    model = build(params, "sentiment-stacked-lstm")
    assert list(count_parameters(model)) == [
        "layer_1_embedding",
        "layer_2_spatial_dropout_1d",
        "layer_3_lstm",
        "layer_4_lstm",
        "layer_5_dropout",
        "layer_6_dense",
    ]


@pytest.mark.parametrize("view", ["imdb", "mnist"])
def test_matched_experiments_have_equally_many_recurrent_parameters(
    view: str, params: Params
) -> None:
    matched = [name for name in params.experiments if name.startswith(f"{view}-matched")]
    matched += ["imdb-lstm"] if view == "imdb" else []
    counts = [list(count_parameters(build(params, name)).values())[-2] for name in matched]
    assert len(counts) == 3
    assert max(counts) / min(counts) < 1.02


def test_the_accuracy_of_copying_counts_the_recalled_symbols_while_training_too(
    params: Params,
) -> None:
    model = build(params, "copying-5-lstm")
    view = params.views["copying-5"]
    assert isinstance(view, CopyingView)
    sequences = draw(view, 40, np.random.default_rng(0))
    found = model.evaluate(sequences.inputs, sequences.targets, return_dict=True, verbose=0)
    answers = model.predict(sequences.inputs, verbose=0)
    task = TASKS["sequence_labelling"]
    assert found["accuracy"] == pytest.approx(
        task.test_metrics["accuracy"](answers, sequences.targets, 5), abs=1e-6
    )
    answers_blank = np.zeros_like(sequences.targets)
    assert float(np.mean(answers_blank == sequences.targets)) > 0.6 > found["accuracy"]


OUTPUTS = {
    "imdb-lstm": (1, "sigmoid", False),
    "reuters-lstm": (46, "softmax", False),
    "mnist-gru": (10, "linear", True),
    "adding-20-lstm": (1, "linear", False),
    "copying-5-lstm": (6, "softmax", False),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_task_decides_output_layer_and_loss(name: str, params: Params) -> None:
    model = build(params, name)
    units, activation, from_logits = OUTPUTS[name]
    output = model.layers[-1]
    assert isinstance(output, keras.layers.Dense)
    assert (output.units, keras.activations.serialize(output.activation)) == (units, activation)
    assert model.loss.get_config().get("from_logits", False) == from_logits


RETURNING_SEQUENCES = {
    "imdb-lstm": [],
    "sentiment-bidirectional-lstm": [],
    "sentiment-stacked-lstm": ["layer_3_lstm"],
    "long-stacked-simple-rnn": [f"layer_{number}_simple_rnn" for number in (2, 3, 4)],
    "mnist-lstm": ["layer_1_lstm"],
    "random-time-distributed-lstm": [],
    "copying-5-stacked-simple-rnn": ["layer_1_simple_rnn", "layer_2_simple_rnn"],
    "copying-5-time-distributed-lstm": ["layer_2_lstm"],
    "moving-mnist-conv-lstm": ["layer_1_conv_lstm_2d"],
}


@pytest.mark.parametrize("name", RETURNING_SEQUENCES)
def test_a_recurrent_layer_returns_every_step_where_a_later_layer_or_the_targets_need_it(
    name: str, params: Params
) -> None:
    model = build(params, name)
    returning = [layer.name for layer in model.layers if getattr(layer, "return_sequences", False)]
    assert returning == RETURNING_SEQUENCES[name]


def test_a_layer_that_takes_sequences_alone_makes_the_one_before_it_return_them(
    params: Params, changed: Callable[..., Params]
) -> None:
    dropout = {"type": "spatial_dropout_1d", "rate": 0.1}
    both = {"type": "bidirectional", "layer": {"type": "gru", "units": 4}}
    altered = changed("models", lstm={"layer_1": both, "layer_2": dropout, "layer_3": both})
    model = build(altered, "random-lstm")
    assert [layer.return_sequences for layer in (model.layers[0], model.layers[2])] == [True, False]


@pytest.mark.parametrize(
    ("experiment", "layers", "words"),
    [
        ("imdb-lstm", [LSTM], "token ids, which need one embedding, as the first .* has none"),
        ("imdb-lstm", [LSTM, WORDS], "the model has layer_2"),
        ("imdb-lstm", [WORDS, WORDS, LSTM], "the model has layer_1, layer_2"),
        ("mnist-gru", [WORDS, LSTM], "layer_1 is an embedding, .* numbers: remove layer_1"),
        ("mnist-gru", [{"type": "dense", "units": 3}], "no recurrent layer; add .*, gru, ind_rnn,"),
        (
            "mnist-gru",
            [{"type": "conv_lstm_2d", "filters": 1, "kernel_size": 3}],
            "the layers do not fit each other: .* expected ndim=5",
        ),
        (
            "mnist-gru",
            [LSTM, {"type": "spatial_dropout_1d", "rate": 0.1}],
            r"output shape per example is \(28, 10\), the targets .*'mnist-rows' need \(10,\)",
        ),
        ("moving-mnist-conv-lstm", [CONV_LSTM], r"is \(10, 64, 64, 2\), .* \(10, 64, 64, 1\)"),
        (
            "moving-mnist-conv-lstm",
            [CONV_LSTM, {"type": "conv_3d", "filters": 1, "kernel_size": 3, "padding": "same"}],
            "linear",
        ),
    ],
)
def test_layers_that_do_not_fit_are_refused_with_the_fix(
    experiment: str, layers: list[dict[str, Any]], words: str, params: Params
) -> None:
    numbered = {f"layer_{number}": layer for number, layer in enumerate(layers, 1)}
    parsed = TypeAdapter(dict[str, LayerField]).validate_python(numbered)
    line = params.experiments[experiment]
    with pytest.raises(RnnbenchError, match=words):
        build_model(parsed, line.training, manifest_of(line.view))


def test_the_activation_of_a_wrapped_last_layer_counts(
    params: Params, changed: Callable[..., Params]
) -> None:
    pixels = {"type": "dense", "units": 1, "activation": "sigmoid"}
    layers = [CONV_LSTM, {"type": "time_distributed", "layer": pixels}]
    parsed = TypeAdapter(dict[str, LayerField]).validate_python(
        {f"layer_{number}": layer for number, layer in enumerate(layers, 1)}
    )
    recipe = params.suites["moving-mnist"].training
    manifest = manifest_of("moving-mnist-1k")
    assert build_model(parsed, recipe, manifest).output_shape[1:] == manifest.target_shape
    logits = recipe.model_copy(update={"from_logits": True})
    with pytest.raises(RnnbenchError, match=r"is sigmoid, .* from_logits: true needs linear"):
        build_model(parsed, logits, manifest)


def test_in_mixed_precision_layers_compute_in_16_bits_and_weights_and_the_last_layer_keep_32(
    changed: Callable[..., Params],
) -> None:
    name = "imdb-rnn-stacked-cells"
    model = build(changed("experiments", name, precision="mixed_bfloat16"), name)
    assert [layer.compute_dtype for layer in model.layers] == ["bfloat16", "bfloat16", "float32"]
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_a_model_that_was_reset_is_as_one_that_was_just_built(params: Params) -> None:
    keras.utils.set_random_seed(1)
    trained, new = build(params, "mnist-lstm"), build(params, "mnist-lstm")
    inputs, labels = np.ones((2, 28, 28), np.float32), np.ones(2)
    trained.train_on_batch(inputs, labels)
    reset(trained, new)
    for one, other in zip(trained.variables, new.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    assert int(trained.optimizer.iterations.numpy()) == 0
