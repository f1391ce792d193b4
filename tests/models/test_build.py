"""The models of params.yaml are those of the recipes, and faulty ones are refused."""

from collections.abc import Callable
from typing import Any

import keras
import pytest

from rnnbench.errors import RnnbenchError
from rnnbench.models.build import build_model, build_optimizer, count_parameters
from rnnbench.params import Experiment, Params

SHAPES = {
    "imdb-20k-200": ((200,), (), 2),
    "imdb-8k-200": ((200,), (), 2),
    "imdb-10k-500": ((500,), (), 2),
    "reuters-10k-200": ((200,), (), 46),
    "mnist-rows": ((28, 28), (), 10),
    "moving-mnist-1k": ((10, 64, 64, 1), (10, 64, 64, 1), 0),
    "random-labels-10x1": ((10, 1), (), 2),
    "random-labels-10x8": ((10, 8), (), 2),
    **{f"adding-{length}": ((length, 2), (1,), 0) for length in (20, 50, 100)},
    **{f"copying-{delay}": ((delay + 10, 6), (delay + 10,), 6) for delay in (5, 15, 30)},
}
# As the notebooks print them.
LAYER_PARAMETERS = {
    "imdb-simple-rnn": [20_000 * 128, 5_152, 33],
    "imdb-gru": [20_000 * 128, 15_552, 33],
    "imdb-lstm": [20_000 * 128, 20_608, 33],
    "imdb-rnn-simple-rnn-cell": [20_000 * 128, 5_152, 33],
    "imdb-rnn-gru-cell": [20_000 * 128, 15_552, 33],
    "imdb-rnn-lstm-cell": [20_000 * 128, 20_608, 33],
    "imdb-rnn-stacked-cells": [20_000 * 128, 20_608 + 8_320, 33],
    "reuters-simple-rnn": [10_000 * 128, 5_152, 33 * 46],
    "reuters-gru": [10_000 * 128, 15_552, 33 * 46],
    "reuters-lstm": [10_000 * 128, 20_608, 33 * 46],
    "moving-mnist-conv-lstm": [59_200, 160, 1_081],
    "mnist-simple-rnn": [72_960, 131_328, 2_570],
    "mnist-lstm": [291_840, 0, 525_312, 0, 2_570],
    "mnist-gru": [219_648, 0, 148_224, 1_290],
    "sentiment-simple-rnn": [8_000 * 32, 0, 2_080, 0, 33],
    "sentiment-lstm": [8_000 * 32, 0, 8_320, 0, 33],
    "sentiment-gru": [8_000 * 32, 0, 6_240, 0, 33],
    "sentiment-bidirectional-lstm": [8_000 * 32, 0, 16_640, 0, 65],
    "sentiment-stacked-lstm": [8_000 * 32, 0, 8_320, 8_320, 0, 33],
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


def build(params: Params, name: str) -> keras.Model:
    experiment = params.experiments[name]
    shape, target, classes = SHAPES[experiment.view]
    return build_model(experiment, params.views[experiment.view], shape, target, classes)


def test_every_experiment_has_its_expected_parameters(params: Params) -> None:
    assert set(LAYER_PARAMETERS) == set(params.experiments)


@pytest.mark.parametrize("name", LAYER_PARAMETERS)
def test_layers_have_the_parameters_that_the_recipes_print(name: str, params: Params) -> None:
    model = build(params, name)
    assert list(count_parameters(model).values()) == LAYER_PARAMETERS[name]
    assert model.count_params() == TOTALS.get(name, model.count_params())


# Epochs, batch size and optimizer of each suite, where an experiment has none of its own.
BUDGETS = {
    "first-look": (3, 64, "adam"),
    "digit-rows": (10, 64, "adam"),
    "sentiment": (4, 128, "rmsprop"),
    "long-reviews": (10, 32, "rmsprop"),
    "random-labels": (10, 32, "adam"),
}
OWN_BUDGETS = {
    "reuters-simple-rnn": (5, 64, "adam"),
    "reuters-gru": (5, 64, "adam"),
    "reuters-lstm": (5, 64, "adam"),
    "moving-mnist-conv-lstm": (5, 8, "adam"),
    "sentiment-simple-rnn": (10, 128, "rmsprop"),
    "sentiment-lstm": (5, 128, "rmsprop"),
    "long-lstm": (10, 128, "rmsprop"),
}


def test_recipes_have_the_reported_budget(params: Params) -> None:
    for name, experiment in params.experiments.items():
        if experiment.suite in ("adding", "copying"):
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
    optimizer = build_optimizer(training)
    for step in (0, 1, 9_380):
        optimizer.iterations.assign(step)
        expected = 0.001 / (1 + 0.00001 * step)
        assert float(optimizer.learning_rate) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("experiment", "section", "change", "words"),
    [
        ("reuters-lstm", "layer_3", {"units": 45}, "45 outputs; .* over 46 classes needs 46"),
        ("mnist-gru", "training", {"from_logits": False}, "activation is linear"),
        ("imdb-lstm", "layer_3", {"activation": "linear"}, "from_logits is false"),
        ("imdb-lstm", "layer_2", {"return_sequences": True}, "leave return_sequences out"),
        (
            "mnist-lstm",
            "layer_1",
            {"return_sequences": False},
            "the layers do not fit each other",
        ),
    ],
)
def test_layers_that_do_not_fit_are_refused_with_the_fix(
    experiment: str,
    section: str,
    change: dict[str, Any],
    words: str,
    params_content: dict[str, Any],
    changed: Callable[..., Params],
) -> None:
    suite = params_content["experiments"][experiment]["suite"]
    path = ("recipes", suite, experiment, *(() if section == "training" else ("model",)), section)
    altered = changed(*path, **change)
    assert isinstance(altered.experiments[experiment], Experiment)
    with pytest.raises(RnnbenchError, match=words):
        build(altered, experiment)


def test_in_mixed_precision_layers_compute_in_16_bits_and_weights_and_the_last_layer_keep_32(
    params: Params, changed: Callable[..., Params]
) -> None:
    name = "imdb-rnn-stacked-cells"
    mixed = changed("recipes", "first-look", name, "training", precision="mixed_bfloat16")
    shapes = SHAPES["imdb-20k-200"]
    model = build_model(mixed.experiments[name], mixed.views["imdb-20k-200"], *shapes)
    assert [layer.compute_dtype for layer in model.layers] == ["bfloat16", "bfloat16", "float32"]
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"
