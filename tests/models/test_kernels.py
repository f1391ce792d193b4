"""Which kernel ran is read from the traced graph, not assumed."""

from typing import Any

import keras
import pytest

from rnnbench.models.fast import accelerate
from rnnbench.models.kernels import recurrent_kernels
from rnnbench.training.devices import has_gpu

L = keras.layers
pytestmark = pytest.mark.skipif(has_gpu(), reason="a GPU has other kernels")


def model(*layers: Any) -> Any:
    head = [keras.Input((6,), dtype="int32"), L.Embedding(20, 8, mask_zero=True)]
    built = keras.Sequential([*head, *layers, L.Dense(1)])
    built.compile("adam", "mse")
    return built


def test_keras_s_own_loop_is_a_graph_loop_and_nothing_is_said_of_layers_without_one() -> None:
    assert recurrent_kernels(model(L.LSTM(4, name="memory"))) == {
        "memory": {"kernel": "graph loop", "reason": "not accelerated"}
    }


@pytest.mark.parametrize(
    "layer",
    [
        lambda: L.SimpleRNN(4, name="memory"),
        lambda: L.Bidirectional(L.GRU(4), name="memory"),
        lambda: L.RNN(L.StackedRNNCells([L.LSTMCell(4), L.GRUCell(4)]), name="memory"),
    ],
)
def test_an_accelerated_layer_runs_xla_s_loop(layer: Any) -> None:
    assert recurrent_kernels(accelerate(model(layer()))) == {"memory": {"kernel": "XLA loop"}}


def test_a_layer_that_is_not_faster_keeps_its_loop_and_says_why() -> None:
    layers = [
        L.GRU(4, recurrent_dropout=0.1, return_sequences=True, name="forgetful"),
        L.SimpleRNN(4, unroll=True, return_sequences=True, name="unrolled"),
        L.LSTM(4, name="lstm"),
    ]
    assert recurrent_kernels(accelerate(model(*layers))) == {
        "forgetful": {"kernel": "graph loop", "reason": "recurrent dropout"},
        "unrolled": {"kernel": "unrolled", "reason": "unroll=True"},
        "lstm": {"kernel": "XLA loop"},
    }


def test_with_batches_for_which_keras_s_loop_is_as_fast_it_is_kept() -> None:
    kept = accelerate(model(L.LSTM(4, name="memory")), batch_size=1024)
    assert recurrent_kernels(kept)["memory"]["kernel"] == "graph loop"
