"""A variant that is defined in this file alone is known to everything that works with variants."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import keras
import numpy as np
import pytest
from pydantic import PositiveInt

from rnnbench.models import reference
from rnnbench.models.build import build_model
from rnnbench.models.describe import describe_model
from rnnbench.models.layer_table import tabulate_layers
from rnnbench.models.variant import (
    CELLS,
    VARIANTS,
    Component,
    Form,
    Variant,
    build_cell,
)
from rnnbench.params import Fraction, Layer, Params
from tests.models.contract import UNITS, checks_of
from tests.models.manifests import manifest_of


class Leaky(Layer):
    """Options of a state that leaks: h' = leak h + (1 - leak) tanh(x W)."""

    units: PositiveInt
    leak: Fraction


class LeakyIntegratorCell(Leaky):
    type: Literal["leaky_integrator_cell"] = "leaky_integrator_cell"


class LeakyIntegrator(Leaky):
    type: Literal["leaky_integrator"] = "leaky_integrator"


def define_cell() -> Any:
    @keras.saving.register_keras_serializable("toy")
    class LeakyIntegratorCell(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self, units: int, leak: float, **options: Any) -> None:
            super().__init__(**options)
            self.state_size, self.leak = units, leak

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight(shape=(input_shape[-1], self.state_size))

        def call(self, inputs: Any, states: Any) -> Any:
            new = keras.ops.tanh(keras.ops.matmul(inputs, self.kernel))
            state = self.leak * states[0] + (1 - self.leak) * new
            return state, [state]

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.state_size, "leak": self.leak}

    return LeakyIntegratorCell


def in_numpy(inputs: Any, weights: Sequence[Any], mask: Any) -> reference.Forward:
    state = output = np.zeros((len(inputs), UNITS), np.float32)
    outputs = []
    for step in range(inputs.shape[1]):
        seen = np.ones((len(inputs), 1), bool) if mask is None else mask[:, step, None]
        new = 0.75 * state + 0.25 * np.tanh(inputs[:, step] @ weights[0])
        state, output = np.where(seen, new, state), np.where(seen, new, output)
        outputs.append(output)
    return reference.Forward(np.stack(outputs, axis=1), (state,))


def build_loop(units: int, leak: float, **decided: Any) -> Any:
    cell = build_cell(LeakyIntegratorCell(units=units, leak=leak))
    return keras.layers.RNN(cell, **decided)


def forms(options: Callable[..., Leaky], name: str) -> Any:
    return lambda h: [Form(name, options(units=h, leak=0.75), "x*h", in_numpy)]


@pytest.fixture
def toy() -> Iterator[Variant]:
    CELLS.add(
        "leaky_integrator_cell",
        Component(
            LeakyIntegratorCell,
            forms(LeakyIntegratorCell, "LeakyIntegratorCell"),
            define_class=define_cell,
        ),
    )
    yield VARIANTS.add(
        "leaky_integrator",
        Variant(
            LeakyIntegrator, forms(LeakyIntegrator, "LeakyIntegrator"), build_loop, recurrent=True
        ),
    )
    del VARIANTS["leaky_integrator"], CELLS["leaky_integrator_cell"]


def test_the_toy_and_what_wraps_it_keep_the_contract(toy: Variant) -> None:
    (form,) = toy.forms(UNITS)
    checks = list(checks_of(toy, form))
    assert len(checks) == 9
    for check in checks:
        check(toy, form)
    for wrapper, name in (
        ("bidirectional", "Bidirectional(LeakyIntegrator)"),
        ("rnn", "RNN(LeakyIntegratorCell)"),
    ):
        variant = VARIANTS[wrapper]
        (form,) = [form for form in variant.forms(UNITS) if form.name == name]
        for check in checks_of(variant, form):
            check(variant, form)


@pytest.mark.usefixtures("toy")
def test_the_toy_is_known_to_parameters_builder_and_description(changed: Any) -> None:
    layer = {"type": "leaky_integrator", "units": 3, "leak": 0.5}
    stack = {"type": "rnn", "cell": {"type": "leaky_integrator_cell", "units": 2, "leak": 0.1}}
    params: Params = changed("models", leaky={"layer_1": layer, "layer_2": stack})
    training = params.suites["digit-rows"].training
    manifest = manifest_of("mnist-rows")
    model = build_model(params.models["leaky"], training, manifest)
    names = ["layer_1_leaky_integrator", "layer_2_rnn", "layer_3_dense"]
    assert [layer.name for layer in model.layers] == names
    assert model.count_params() == 28 * 3 + 3 * 2 + 3 * 10
    assert model.predict_on_batch(np.ones((1, 28, 28), np.float32)).shape == (1, 10)
    described = "LeakyIntegrator 3 leak=0.5 → RNN(LeakyIntegratorCell 2 leak=0.1) → Dense 10"
    assert describe_model(params.models["leaky"], manifest, training.from_logits) == described
    with pytest.raises(Exception, match=r"models\.leaky\.layer_1\.leak: .* less than 1"):
        changed("models", leaky={"layer_1": {**layer, "leak": 2.0}})


@pytest.mark.usefixtures("toy")
def test_the_toy_has_its_rows_in_the_layer_table() -> None:
    table = tabulate_layers(10, 8, 32).set_index("layer")
    names = ["LeakyIntegrator", "RNN(LeakyIntegratorCell)", "Bidirectional(LeakyIntegrator)"]
    assert table.loc[names, "parameters"].tolist() == [8 * 32, 8 * 32, 2 * 8 * 32]
    assert table.loc[names, "states"].tolist() == [1, 1, 2]
    assert table.loc["LeakyIntegrator", "return_sequences"] == "(batch, 10, 32)"
