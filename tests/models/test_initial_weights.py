"""Weights begin as the papers say where a variant is known for how they begin."""

from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
import pytest
from pydantic import TypeAdapter

from rnnbench.models.saved import load_model, save_model
from rnnbench.models.variant import build_layer
from rnnbench.params.schema import LayerField

UNITS, STEPS = 500, 100


def built(**options: Any) -> Any:
    layer = build_layer(TypeAdapter(LayerField).validate_python({"units": UNITS, **options}))
    layer.build((None, 4, 3))
    return layer


def biases(layer: Any, gates: int) -> list[np.ndarray[Any, Any]]:
    return np.split(layer.cell.bias.numpy(), gates)


def assert_fills(values: Any, smallest: float, largest: float) -> None:
    """Hold values to a range, nearly all of which so many draws fill."""
    assert smallest <= values.min() < smallest + 0.05 * (largest - smallest)
    assert largest - 0.05 * (largest - smallest) < values.max() <= largest


def test_chrono_biases_of_an_lstm_remember_up_to_so_many_steps() -> None:
    i, f, candidate, o = biases(built(type="lstm", chrono_steps=STEPS), 4)
    assert_fills(np.exp(f), 1, STEPS - 1)
    np.testing.assert_array_equal(i, -f)
    assert not candidate.any()
    assert not o.any()


def test_without_chrono_steps_an_lstm_begins_as_keras_s() -> None:
    keras.utils.set_random_seed(1)
    ours = built(type="lstm").get_weights()
    keras.utils.set_random_seed(1)
    theirs = keras.layers.LSTM(UNITS)
    theirs.build((None, 4, 3))
    for one, other in zip(ours, theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_saved_lstm_with_chrono_biases_is_loaded(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4, 3)), built(type="lstm", chrono_steps=STEPS)])
    save_model(model, tmp_path / "model.keras")
    with mock.patch.dict(keras.saving.get_custom_objects(), clear=True):
        loaded = load_model(tmp_path / "model.keras")
    assert loaded.layers[0].bias_initializer.steps == STEPS
    for one, other in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_janet_s_forget_gate_begins_at_one_or_as_chrono_says() -> None:
    forget, candidate = biases(built(type="janet"), 2)
    assert (forget == 1).all()
    assert not candidate.any()
    forget, candidate = biases(built(type="janet", chrono_steps=STEPS), 2)
    assert_fills(np.exp(forget), 1, STEPS - 1)
    assert not candidate.any()


@pytest.mark.parametrize(
    ("options", "ring"), [({}, (0, 1)), ({"r_min": 0.9, "r_max": 0.99}, (0.9, 0.99))]
)
def test_the_lru_s_eigenvalues_lie_on_the_ring_and_states_begin_with_the_variance_of_noise(
    options: dict[str, float], ring: tuple[float, float]
) -> None:
    cell = built(type="lru_block", max_phase=0.3, **options).cell
    radius = np.exp(-np.exp(cell.log_radius.numpy()))
    assert_fills(radius**2, ring[0] ** 2, ring[1] ** 2)
    assert_fills(np.exp(cell.log_phase.numpy()), 0, 0.3)
    np.testing.assert_allclose(np.exp(cell.log_gain.numpy()), np.sqrt(1 - radius**2), atol=1e-3)


def test_the_rg_lru_s_decay_lies_on_its_ring() -> None:
    decay = 1 / (1 + np.exp(-built(type="rg_lru_block").cell.decay.numpy()))
    assert_fills(decay**2, 0.9**2, 0.999**2)


def test_ind_rnn_s_recurrent_weights_begin_and_stay_within_its_bound() -> None:
    assert_fills(built(type="ind_rnn").cell.recurrent_kernel.numpy(), 0, 1)
    bound = 2 ** (1 / STEPS)
    layer = built(type="ind_rnn", memory_steps=STEPS)
    assert_fills(layer.cell.recurrent_kernel.numpy(), 1 / bound, bound)
    model = keras.Sequential([keras.Input((4, 3)), layer])
    model.compile(keras.optimizers.SGD(1e6), "mse")
    model.train_on_batch(np.ones((2, 4, 3), np.float32), np.ones((2, UNITS), np.float32))
    assert np.abs(layer.cell.recurrent_kernel.numpy()).max() == np.float32(bound)
