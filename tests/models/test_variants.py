"""Every registered variant keeps the contract, and its layers are those of Keras."""

import subprocess
import sys
from typing import Any

import keras
import pytest
from pydantic import TypeAdapter, ValidationError

from rnnbench.errors import RnnbenchError
from rnnbench.models.variant import CELLS, VARIANTS, Form, Variant, build_layer
from rnnbench.models.variants.gru import GRUCell
from rnnbench.models.variants.lstm import LSTMCell
from rnnbench.models.variants.rnn import RNN, StackedRNNCells
from rnnbench.models.variants.simple_rnn import SimpleRNN
from rnnbench.params import LayerField
from tests.models.contract import FEATURES, SIDE, STEPS, UNITS, Check, checks_of, make

MIXED = Form(
    "RNN(LSTMCell, GRUCell)",
    RNN(cell=StackedRNNCells(cells={"cell_1": LSTMCell(units=2), "cell_2": GRUCell(units=UNITS)})),
    "4*((x + 2)*2 + 2) + 3*((2 + h)*h + 2*h)",
)
FORMS = [(variant, form) for variant in VARIANTS.values() for form in variant.forms(UNITS)]
FORMS.append((VARIANTS["rnn"], MIXED))
# With x inputs and h units: SimpleRNN (x+h)h + h; LSTM four of them; GRU three with two biases
# (`reset_after`, Keras's default); ConvLSTM2D as LSTM with 3 x 3 kernels.
SIMPLE, FRAME = (FEATURES + UNITS) * UNITS + UNITS, (STEPS, SIDE, SIDE)
# Those of this project, one product of inputs and one of the state for each gate that has it.
X, H = FEATURES, UNITS
OWN = {
    "MinGRU": (H, 2 * (X * H + H)),
    "MinLSTM": (H, 3 * (X * H + H)),
    "LRUBlock": (X, 2 * X + 3 * H + 2 * X * H + 2 * H * X + X + 2 * (X * X + X)),
    "RGLRUBlock": (X, X + 2 * (X * H + H) + 5 * H + 2 * (H * H + H) + H + H * X + X),
    "IndRNN": (H, X * H + H + H),
    "JANET": (H, 2 * SIMPLE),
    "LayerNormLSTM": (H, 4 * SIMPLE + 8 * H + 8 * H + 2 * H),
    "QRNN": (H, 3 * (2 * X * H + H)),
}
SHAPES_AND_PARAMETERS: dict[str, tuple[tuple[int, ...], int]] = {
    "SimpleRNN": ((STEPS, UNITS), SIMPLE),
    "LSTM": ((STEPS, UNITS), 4 * SIMPLE),
    "GRU": ((STEPS, UNITS), 3 * (SIMPLE + UNITS)),
    "GRU(reset_after=False)": ((STEPS, UNITS), 3 * SIMPLE),
    "RNN(SimpleRNNCell)": ((STEPS, UNITS), SIMPLE),
    "RNN(LSTMCell)": ((STEPS, UNITS), 4 * SIMPLE),
    "RNN(GRUCell)": ((STEPS, UNITS), 3 * (SIMPLE + UNITS)),
    "RNN(StackedRNNCells)": ((STEPS, UNITS), 4 * (SIMPLE + 2 * UNITS * UNITS + UNITS)),
    "RNN(LSTMCell, GRUCell)": (
        (STEPS, UNITS),
        4 * ((FEATURES + 2) * 2 + 2) + 3 * ((2 + UNITS) * UNITS + 2 * UNITS),
    ),
    "Bidirectional(SimpleRNN)": ((STEPS, 2 * UNITS), 2 * SIMPLE),
    "Bidirectional(LSTM)": ((STEPS, 2 * UNITS), 8 * SIMPLE),
    "Bidirectional(GRU)": ((STEPS, 2 * UNITS), 6 * (SIMPLE + UNITS)),
    "ConvLSTM2D(3 x 3)": ((*FRAME, UNITS), 4 * (9 * (FEATURES + UNITS) * UNITS + UNITS)),
    "Embedding": ((STEPS, UNITS), 20 * UNITS),
    "PairEmbedding": ((STEPS, UNITS), (20 + 64) * UNITS),
    "Dense": ((STEPS, UNITS), FEATURES * UNITS + UNITS),
    "TimeDistributed(Dense)": ((STEPS, UNITS), FEATURES * UNITS + UNITS),
    "Dropout": ((STEPS, FEATURES), 0),
    "Dropout(whole steps)": ((STEPS, FEATURES), 0),
    "Reshape": ((STEPS * FEATURES, 1), 0),
    "SpatialDropout1D": ((STEPS, FEATURES), 0),
    "BatchNormalization": ((STEPS, FEATURES), 4 * FEATURES),
    "Conv3D(3 x 3 x 3)": ((*FRAME, UNITS), 27 * FEATURES * UNITS + UNITS),
    **{
        f"{name}(3 x 3{strides})": ((STEPS, side, side, UNITS), 9 * FEATURES * UNITS + UNITS)
        for name, strides, side in (
            ("Conv2D", "", SIDE),
            ("Conv2D", ", strides=2", SIDE // 2),
            ("Conv2DTranspose", "", SIDE),
            ("Conv2DTranspose", ", strides=2", 2 * SIDE),
        )
    },
    "GlobalPooling1D(max)": ((FEATURES,), 0),
    "GlobalPooling1D(average)": ((FEATURES,), 0),
    "GlobalPooling1D(max_and_average)": ((2 * FEATURES,), 0),
    "Repeat": ((2, STEPS, FEATURES), 0),
    **{name: ((STEPS, width), parameters) for name, (width, parameters) in OWN.items()},
    **{
        f"Bidirectional({name})": ((STEPS, 2 * width), 2 * parameters)
        for name, (width, parameters) in OWN.items()
    },
}


@pytest.mark.parametrize(
    ("check", "variant", "form"),
    [
        pytest.param(check, variant, form, id=f"{form.name}-{check.__name__}")
        for variant, form in FORMS
        for check in checks_of(variant, form)
    ],
)
def test_every_form_keeps_the_contract(check: Check, variant: Variant, form: Form) -> None:
    check(variant, form)


@pytest.mark.parametrize(("variant", "form"), [pytest.param(*one, id=one[1].name) for one in FORMS])
def test_output_shapes_and_parameters_are_those_of_the_literature(
    variant: Variant, form: Form
) -> None:
    model = make(variant, form)
    assert (model.output_shape[1:], model.count_params()) == SHAPES_AND_PARAMETERS[form.name]


def test_every_variant_has_a_form_under_its_own_name() -> None:
    for registry in (VARIANTS, CELLS):
        for name, component in registry.items():
            assert {form.layer.type for form in component.forms(UNITS)} == {name}


def test_the_recurrent_forms_that_are_documented_have_a_numpy_reference() -> None:
    with_reference = {form.name for _, form in FORMS if form.reference}
    assert with_reference == {
        *("SimpleRNN", "LSTM", "GRU", "GRU(reset_after=False)", "ConvLSTM2D(3 x 3)"),
        *("RNN(SimpleRNNCell)", "RNN(LSTMCell)", "RNN(GRUCell)"),
        *OWN,
    }


def test_parameters_can_be_read_without_importing_keras_or_tensorflow() -> None:
    lines = (
        "import sys; from rnnbench.models.variant import CELLS, VARIANTS;"
        "assert len(VARIANTS) > 12 and len(CELLS) > 3;"
        "from rnnbench.params import load_params; load_params();"
        "print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True)
    assert said.stdout == "[]\n", said.stderr


def test_a_variant_that_is_not_registered_is_refused_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(VARIANTS, "simple_rnn")
    with pytest.raises(
        RnnbenchError, match=r"'simple_rnn' does not exist; there are: .* gru, .* lstm"
    ):
        build_layer(SimpleRNN(units=1))


def parse(**options: Any) -> Any:
    return TypeAdapter(LayerField).validate_python(options)


GRU_3 = {"type": "gru", "units": 3}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({**GRU_3, "activation": None}, "Input should be 'tanh', .*input_value=None"),
        ({**GRU_3, "reset_after": None}, "valid boolean .*input_value=None"),
        ({**GRU_3, "return_sequences": True}, "unknown key 'return_sequences'"),
        ({"type": "bidirectional", "layer": GRU_3, "merge_mode": None}, "input_value=None"),
        (
            {"type": "lstm", "units": 3, "chrono_steps": 2},
            r"chrono_steps\n.* or equal to 3",
        ),
        (
            {"type": "lru_block", "units": 3, "r_max": 0.0},
            "r_min is 0.0, r_max is 0.0: r_min must be",
        ),
        ({"type": "gruu", "units": 3}, "'gruu' does not exist; .*did you mean 'gru'"),
        (
            {"type": "bidirectional", "layer": {"type": "dense", "units": 3}},
            "'dense' is not a recurrent layer that reads one way; there are: .*, gru, .*, lstm,",
        ),
        (
            {"type": "bidirectional", "layer": {"type": "bidirectional", "layer": GRU_3}},
            "'bidirectional' is not a recurrent layer that reads one way",
        ),
        ({"type": "time_distributed", "layer": GRU_3}, "'gru' does not take .* one step"),
        ({"type": "rnn", "cell": GRU_3}, "'gru' does not exist; there are: gru_cell, lstm_cell"),
        (
            {
                "type": "rnn",
                "cell": {
                    "type": "stacked_rnn_cells",
                    "cells": {"cell_2": {"type": "gru_cell", "units": 3}},
                },
            },
            "numbered in their order: cell_1; given: cell_2",
        ),
    ],
)
def test_options_that_a_variant_does_not_have_are_refused(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        parse(**options)


def test_an_option_of_a_cell_or_of_a_wrapped_layer_reaches_keras() -> None:
    cell = {"type": "gru_cell", "units": 3, "reset_after": False, "activation": "relu"}
    loop = build_layer(parse(type="rnn", cell=cell))
    assert loop.cell.reset_after is False
    assert loop.cell.activation is keras.activations.relu
    inner = {"type": "gru", "units": 3, "reset_after": False}
    both = build_layer(
        parse(type="bidirectional", layer=inner, merge_mode="sum"), return_sequences=True
    )
    assert both.forward_layer.reset_after is both.backward_layer.reset_after is False
    assert both.merge_mode == "sum"
    assert both.return_sequences


def test_dropout_of_whole_steps_drops_all_numbers_of_a_step_or_none() -> None:
    keras.utils.set_random_seed(1)
    layer = build_layer(parse(type="dropout", rate=0.5, whole_steps=True))
    left = layer(keras.ops.ones((4, 50, 3)), training=True).numpy()
    assert {tuple(step) for step in left.reshape(-1, 3)} == {(0.0, 0.0, 0.0), (2.0, 2.0, 2.0)}
    assert 60 < (left[..., 0] == 0).sum() < 140


def test_every_layer_that_bidirectional_accepts_reads_both_ways() -> None:
    frames = {"type": "conv_lstm_2d", "filters": 2, "kernel_size": 3}
    loop = {"type": "rnn", "cell": {"type": "lstm_cell", "units": 2}}
    for inner, shape in ((frames, (STEPS, SIDE, SIDE, 1)), (loop, (STEPS, FEATURES))):
        layer = build_layer(parse(type="bidirectional", layer=inner))
        assert layer(keras.Input(shape)).shape[-1] == 4
