"""The layers that the compiled loop supports, and those for which it is faster on a CPU."""

import math
from collections.abc import Iterator
from typing import Any

import keras

from rnnbench.models.cell import Cell, IndependentCell, LinearCell

# Without softmax and similar activations, where an output depends on other units.
ELEMENTWISE = frozenset(
    getattr(keras.activations, name)
    for name in (
        *("elu", "exponential", "gelu", "hard_sigmoid", "hard_tanh", "leaky_relu", "linear"),
        *("mish", "relu", "relu6", "selu", "sigmoid", "silu", "softplus", "softsign", "tanh"),
    )
)
KNOWN_PACKAGES = ("builtins", "keras", "rnnbench")
RECURRENT_CELLS = (keras.layers.SimpleRNNCell, keras.layers.LSTMCell, keras.layers.GRUCell)
CONVOLUTIONAL = (keras.layers.ConvLSTM1D, keras.layers.ConvLSTM2D, keras.layers.ConvLSTM3D)
CHANNELS_OF_A_BLOCK = 16
MOST_PLACES = 27  # of a kernel with one filter; each takes an array as large as the images
# Batch sizes from which Keras's loop is as fast on a CPU, or faster, because the products of a step
# keep a core busy by themselves (`benchmarks/growth.py`).
MANY_EXAMPLES = {
    keras.layers.SimpleRNNCell: 128,
    keras.layers.LSTMCell: 256,
    keras.layers.GRUCell: 1024,
}
LARGE_STATE_OF_SIMPLE_RNN = 2**13  # examples · units
# In an unrolled loop, steps of one layer can run concurrently with steps of the next, which is 1.0
# to 1.4 times as fast, most for small layers. Tracing takes 10 to 20 ms per step and layer.
MOST_UNROLLED = 50  # steps
# Below this size, a second loop costs more than it saves.
WORTH_CUTTING = 80_000  # entries of the kernels · examples
DEFAULT_EXAMPLES = 32  # the default batch size of `fit`; also assumed for smaller batch sizes


def reason_against(layer: keras.layers.RNN) -> str | None:
    """Return the property of a layer that the compiled loop does not support; None without one."""
    return next(_reasons_against(layer), None)


def _reasons_against(layer: keras.layers.RNN) -> Iterator[str]:
    if not is_known(type(layer).inner_loop):
        yield f"a loop of {type(layer).__name__}'s own"
    if layer.compute_dtype == "float16":
        yield "computes in float16"
    if getattr(layer, "use_cudnn", None) is True:
        yield "use_cudnn=True"
    cells = cells_of(layer)
    yield from filter(None, (_reason_of_call(layer, cell) for cell in (layer.cell, *cells)))
    if isinstance(layer, CONVOLUTIONAL):
        yield from filter(None, [_reason_of_frames(layer)])
        return
    if layer.unroll:
        yield "unroll=True"
    if is_linear(layer):
        yield from ["computes in bfloat16"] if layer.compute_dtype == "bfloat16" else []
        return
    if any(getattr(cell, "dropout", 0) for cell in cells[1:]):
        yield "dropout between stacked cells"
    yield from filter(None, map(_reason_of_cell, cells))


def is_known(thing: Any) -> bool:
    """Whether an object and its callable attributes come from Keras, Python or this project.

    For a model, only its class is checked: callers check its layers separately.
    """
    attributes = {} if isinstance(thing, keras.Model) else getattr(thing, "__dict__", {})
    called = [value for value in attributes.values() if callable(value)]
    return all(_origin(each) in KNOWN_PACKAGES for each in [thing, *called])


def _origin(thing: Any) -> str:
    module = getattr(thing, "__module__", None) or type(thing).__module__
    return str(module).split(".")[0]


def is_compiled_with_its_step(layer: keras.layers.RNN) -> bool:
    """Whether a layer is compiled only within a training step.

    It is if it loops over a cell of this project that the compiled loop does not support.
    """
    return isinstance(layer.cell, Cell) and not isinstance(layer.cell, IndependentCell)


def is_linear(layer: keras.layers.RNN) -> bool:
    """Whether a layer's recurrence is linear, and its cell one of this project."""
    return isinstance(layer.cell, LinearCell)


def reason_of_size(layer: keras.layers.RNN, batch_size: int) -> str | None:
    """Return why Keras's loop is as fast for a layer on a CPU; None if it is slower."""
    large = not isinstance(layer, CONVOLUTIONAL) and any(
        _has_large_batch(cell, batch_size) for cell in cells_of(layer)
    )
    return "Keras's loop is as fast for batches this large" if large else None


def has_one_simple_filter(layer: keras.layers.Conv3D) -> bool:
    """Whether `convolve_with_one_filter` computes a convolution, and faster."""
    exact = layer.compute_dtype != "float16"  # the sum over the places has this precision
    one = layer.filters == 1 and layer.groups == 1
    small = math.prod(layer.kernel_size) <= MOST_PLACES
    return exact and one and small and _reason_of_convolution(layer) is None


def is_worth_cutting(layer: keras.layers.RNN, batch_size: int) -> bool:
    """Whether a CPU computes a batch faster in parts that run concurrently."""
    kernels = [(cell.kernel, cell.recurrent_kernel) for cell in cells_of(layer)]
    entries: int = sum(math.prod(kernel.shape) for pair in kernels for kernel in pair)
    return entries * at_least_usual(batch_size) >= WORTH_CUTTING


def at_least_usual(batch_size: int) -> int:
    """Return the batch size, or the default of `fit` if that is larger."""
    return max(batch_size, DEFAULT_EXAMPLES)


def cells_of(layer: keras.layers.RNN) -> list[keras.Layer]:
    """Return the cells of a layer in the order in which a step runs them."""
    cell = layer.cell
    return list(cell.cells) if type(cell) is keras.layers.StackedRNNCells else [cell]


def activations_of(cell: keras.Layer) -> list[Any]:
    """Return a cell's activation and, for a gated cell, the activation of its gates."""
    if isinstance(cell, (keras.layers.SimpleRNNCell, IndependentCell)):
        return [keras.activations.get(cell.activation)]
    return [cell.activation, cell.recurrent_activation]


def _has_large_batch(cell: keras.Layer, batch_size: int) -> bool:
    simple = isinstance(cell, keras.layers.SimpleRNNCell)
    large = not simple or batch_size * cell.units >= LARGE_STATE_OF_SIMPLE_RNN
    return bool(large and batch_size >= MANY_EXAMPLES.get(type(cell), math.inf))


def _reason_of_call(layer: keras.layers.RNN, cell: Any) -> str | None:
    """Return what calling a cell does in addition to the arithmetic in `steps`; None if nothing."""
    if _origin(type(cell)) not in KNOWN_PACKAGES or "call" in vars(cell):
        return f"no compiled loop for {type(cell).__name__}"
    if cell.compute_dtype != layer.compute_dtype:
        return f"a cell that computes in {cell.compute_dtype}, a layer in {layer.compute_dtype}"
    if cell.activity_regularizer is not None:
        return "activity_regularizer of a cell"
    return None if cell.autocast and layer.autocast else "autocast=False"


def _reason_of_cell(cell: keras.Layer) -> str | None:
    if isinstance(cell, IndependentCell):
        return _reason_of_activations(cell)
    if type(cell) not in RECURRENT_CELLS:
        return f"no compiled loop for {type(cell).__name__}"
    if cell.recurrent_dropout:
        return "recurrent dropout"
    if cell.dropout == 1:
        return "a dropout rate of 1"
    if cell.dropout and getattr(cell, "implementation", 2) == 1:
        return "separate dropout for each gate (implementation=1)"
    return _reason_of_activations(cell)


def _reason_of_activations(cell: keras.Layer) -> str | None:
    for activation in activations_of(cell):
        if activation not in ELEMENTWISE:
            return f"activation {getattr(activation, '__name__', activation)}"
    return None


def _reason_of_frames(layer: keras.layers.RNN) -> str | None:
    cell = layer.cell
    if cell.dropout or cell.recurrent_dropout:
        return "dropout"
    if cell.built and not _fit_beside_the_state(cell.kernel.shape[-2], cell.filters):
        return "channels of a frame that do not fit into the state's last block of 16"
    return _reason_of_activations(cell) or _reason_of_convolution(cell)


def _fit_beside_the_state(channels: int, filters: int) -> bool:
    """Whether a frame's channels and the ones fit into the padding of the state's last block."""
    blocks = math.ceil(filters / CHANNELS_OF_A_BLOCK)
    return filters + channels + 1 <= blocks * CHANNELS_OF_A_BLOCK


def _reason_of_convolution(layer: keras.Layer) -> str | None:
    plain = {
        "strides": set(layer.strides) == {1},
        "dilation": set(layer.dilation_rate) == {1},
        f"padding {layer.padding}": layer.padding == "same",
        "channels first": layer.data_format == "channels_last",
    }
    return next((condition for condition, holds in plain.items() if not holds), None)
