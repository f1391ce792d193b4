"""Which kernel ran is read from the traced graph, not assumed."""

from typing import Any

import keras
import pytest

from rnnbench.errors import RnnbenchError
from rnnbench.models.fast import accelerate
from rnnbench.models.fast.devices import GPU
from rnnbench.models.fast.install import install
from rnnbench.models.kernels import recurrent_kernels, require_masks_fit
from rnnbench.models.variant import build_layer
from rnnbench.models.variants.janet import JANET
from rnnbench.training.devices import has_gpu

L = keras.layers
pytestmark = pytest.mark.skipif(has_gpu(), reason="a GPU has other kernels")


def compiled(*layers: Any) -> Any:
    built = keras.Sequential([*layers, L.Dense(1)])
    built.compile("adam", "mse")
    return built


def model(*layers: Any) -> Any:
    return compiled(keras.Input((6,), dtype="int32"), L.Embedding(20, 8, mask_zero=True), *layers)


def test_keras_s_own_loop_is_a_graph_loop_and_nothing_is_said_of_layers_without_one() -> None:
    assert recurrent_kernels(model(L.LSTM(4, name="memory"))) == {
        "memory": {"kernel": "graph loop", "reason": "not accelerated"}
    }


@pytest.mark.parametrize(
    ("layer", "kernel"),
    [
        (lambda: L.SimpleRNN(4, name="memory"), "XLA step"),
        (lambda: L.Bidirectional(L.GRU(4), name="memory"), "XLA step"),
        (lambda: L.RNN([L.LSTMCell(4), L.GRUCell(4)], name="memory"), "XLA step"),
        (lambda: build_layer(JANET(units=4), name="memory"), "XLA step"),
        (lambda: build_layer(JANET(units=300), name="memory"), "XLA step"),
        (lambda: L.LSTM(300, name="memory"), "XLA loop"),
        (lambda: L.LSTM(4, dropout=0.1, name="memory"), "XLA loop"),
        (lambda: L.LSTM(4, dtype="mixed_bfloat16", name="memory"), "XLA loop"),
    ],
)
def test_an_accelerated_layer_runs_xla_s_loop_and_a_small_model_in_a_compiled_step(
    layer: Any, kernel: str
) -> None:
    assert recurrent_kernels(accelerate(model(layer()))) == {"memory": {"kernel": kernel}}


def test_a_step_is_not_compiled_whole_where_a_layer_is_compiled_once_for_each_step() -> None:
    built = accelerate(
        compiled(keras.Input((5, 6, 3)), L.TimeDistributed(L.LSTM(4), name="memory"))
    )
    assert recurrent_kernels(built) == {"memory": {"kernel": "XLA loop"}}


def test_for_a_gpu_only_what_cudnn_does_not_take_is_compiled() -> None:
    layers = [
        L.GRU(4, return_sequences=True, name="plain"),
        L.GRU(4, reset_after=False, return_sequences=True, name="reset_before"),
        L.SimpleRNN(300, name="large"),
    ]
    built = model(*layers)
    install(built, GPU(built, 64))
    kernels = {name: found["kernel"] for name, found in recurrent_kernels(built).items()}
    assert kernels == {"plain": "graph loop", "reset_before": "XLA loop", "large": "XLA loop"}


@pytest.mark.parametrize(
    ("layer", "kernel"),
    [
        (lambda: L.SimpleRNN(300, name="memory"), "XLA step"),
        (lambda: L.LSTM(300, activation="relu", name="memory"), "XLA step"),
        (lambda: L.LSTM(300, name="memory"), "graph loop"),
    ],
)
def test_for_a_gpu_a_step_without_words_and_without_cudnn_is_compiled_whole(
    layer: Any, kernel: str
) -> None:
    built = compiled(keras.Input((6, 3)), layer())
    install(built, GPU(built, 64))
    assert recurrent_kernels(built)["memory"]["kernel"] == kernel


def test_an_accelerated_conv_lstm_runs_tensorflow_s_loop_with_gates_that_xla_compiled() -> None:
    def frames() -> Any:
        layer = L.ConvLSTM2D(2, 3, padding="same", name="memory")
        return keras.Sequential([keras.Input((4, 5, 5, 1)), layer])

    kept = {"kernel": "graph loop", "reason": "not accelerated"}
    assert recurrent_kernels(frames()) == {"memory": kept}
    assert recurrent_kernels(accelerate(frames())) == {
        "memory": {"kernel": "graph loop, XLA gates"}
    }


def test_a_layer_that_is_not_faster_keeps_its_loop_and_says_why() -> None:
    layers = [
        build_layer(JANET(units=4), name="own", return_sequences=True),
        L.GRU(4, recurrent_dropout=0.1, return_sequences=True, name="forgetful"),
        L.SimpleRNN(4, unroll=True, return_sequences=True, name="unrolled"),
        L.LSTM(4, name="lstm"),
    ]
    assert recurrent_kernels(accelerate(model(*layers))) == {
        "own": {"kernel": "graph loop", "reason": "no compiled loop for JANETCell"},
        "forgetful": {"kernel": "graph loop", "reason": "recurrent dropout"},
        "unrolled": {"kernel": "unrolled", "reason": "unroll=True"},
        "lstm": {"kernel": "XLA loop"},
    }


@pytest.mark.parametrize(
    ("layer", "batch_size", "kernel"),
    [
        (lambda: L.SimpleRNN(256, name="memory"), 64, "XLA step"),
        (lambda: L.SimpleRNN(600, name="memory"), 64, "XLA loop"),
        (lambda: L.SimpleRNN(256, name="memory"), 128, "unrolled"),
        (lambda: L.SimpleRNN(32, name="memory"), 128, "XLA step"),
        (lambda: L.SimpleRNN(32, name="memory"), 256, "unrolled"),
        (lambda: L.LSTM(4, name="memory"), 128, "XLA step"),
        (lambda: L.LSTM(4, name="memory"), 256, "unrolled"),
        (lambda: L.Bidirectional(L.GRU(4), name="memory"), 1024, "unrolled"),
    ],
)
def test_where_batches_are_so_large_that_keras_s_loop_is_as_fast_it_is_kept_and_unrolled(
    layer: Any, batch_size: int, kernel: str
) -> None:
    built = accelerate(compiled(keras.Input((6, 8)), layer()), batch_size)
    found = recurrent_kernels(built)["memory"]
    assert found["kernel"] == kernel
    if kernel == "unrolled":
        assert found["reason"] == "Keras's loop is as fast for batches this large"


@pytest.mark.parametrize(
    "before",
    [
        pytest.param([keras.Input((51, 3))], id="long"),
        pytest.param([keras.Input((6, 3)), L.Masking()], id="masked"),
    ],
)
def test_keras_s_loop_is_not_unrolled_for_long_sequences_and_masked_ones(before: Any) -> None:
    memory = L.SimpleRNN(32, name="memory")
    built = accelerate(compiled(*before, memory), 256)
    assert recurrent_kernels(built)["memory"]["kernel"] == "graph loop"
    assert not memory.unroll


@pytest.mark.parametrize(
    ("layer", "padding", "refused"),
    [
        (lambda: L.LSTM(4, name="memory"), "pre", True),
        (lambda: L.Bidirectional(L.GRU(4), name="memory"), "pre", True),
        (lambda: L.LSTM(4, name="memory"), "post", False),
        (lambda: L.LSTM(4, activation="relu", name="memory"), "pre", False),
        (lambda: L.SimpleRNN(4, name="memory"), "pre", False),
    ],
)
def test_a_mask_that_cudnn_would_refuse_in_mid_training_is_refused_before(
    layer: Any, padding: str, refused: bool
) -> None:
    built = model(layer())
    if not refused:
        require_masks_fit(built, padding, "reviews")
        return
    with pytest.raises(RnnbenchError, match=r"memory: on a GPU .* set views\.reviews\.padding to"):
        require_masks_fit(built, padding, "reviews")
