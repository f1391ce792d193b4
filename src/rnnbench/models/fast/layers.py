"""Which layers run the compiled loop, and how their arrays go in and come out."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from rnnbench.models.fast.convolutions import recur_over_frames
from rnnbench.models.fast.cores import PARTS_AT_ONCE
from rnnbench.models.fast.loop import pass_forward, recur
from rnnbench.models.fast.loop_in_16_bits import pass_forward_in_16_bits
from rnnbench.models.fast.steps import (
    GRUResetBeforeSteps,
    GRUSteps,
    LSTMSteps,
    SimpleRNNSteps,
    Steps,
    logistic,
)

# Not these: softmax and its kind, where an output depends on other units.
ELEMENTWISE = frozenset(
    getattr(keras.activations, name)
    for name in (
        *("elu", "exponential", "gelu", "hard_sigmoid", "hard_tanh", "leaky_relu", "linear"),
        *("mish", "relu", "relu6", "selu", "sigmoid", "silu", "softplus", "softsign", "tanh"),
    )
)
RECURRENT_CELLS = (keras.layers.SimpleRNNCell, keras.layers.LSTMCell, keras.layers.GRUCell)
CONVOLUTIONAL = (keras.layers.ConvLSTM1D, keras.layers.ConvLSTM2D, keras.layers.ConvLSTM3D)
CHANNELS_OF_A_BLOCK = 16
MOST_PLACES = 27  # of a kernel with one filter; each takes an array as large as the images
# From here on Keras's loop is as fast on a CPU, or faster: what a step multiplies fills a core by
# itself (`benchmarks/growth.py`).
MANY_EXAMPLES = {
    keras.layers.SimpleRNNCell: 128,
    keras.layers.LSTMCell: 256,
    keras.layers.GRUCell: 1024,
}
LARGE_STATE_OF_SIMPLE_RNN = 2**13  # examples · units
# Then a step of one layer can run beside one of the next where the loop is unrolled: 1.0 to 1.4
# times as fast, small layers most. Tracing takes 10 to 20 ms a step and layer.
MOST_UNROLLED = 50  # steps
# Below, a second loop costs more than it saves.
WORTH_CUTTING = 80_000  # entries of the kernels · examples
DEFAULT_EXAMPLES = 32  # of a batch of `fit`; also where fewer are announced


def accelerate_loop(layer: keras.layers.RNN, batch_size: int, *, whole: bool) -> None:
    """Give a layer the compiled loop unless there is a reason against it; uncut if `whole`."""
    if _is_accelerated(layer) or reason_against(layer) is not None:
        return
    if isinstance(layer, CONVOLUTIONAL):
        layer.inner_loop = partial(_loop_over_frames, layer, whole)
    else:
        layer.inner_loop = partial(_inner_loop, layer, batch_size, whole)


def unroll_loop(layer: keras.layers.RNN) -> None:
    """Let a layer that the compiled loop could compute keep Keras's, unrolled if it is short."""
    if not _is_accelerated(layer) and reason_against(layer) is None:
        layer.inner_loop = partial(_unrolled_if_short, layer)


def _is_accelerated(layer: keras.layers.RNN) -> bool:
    return isinstance(layer.inner_loop, partial)


def has_one_simple_filter(layer: keras.layers.Conv3D) -> bool:
    """Whether a convolution is one that `convolve_with_one_filter` computes faster."""
    one = layer.filters == 1 and layer.groups == 1
    small = math.prod(layer.kernel_size) <= MOST_PLACES
    return one and small and _reason_of_convolution(layer) is None


def reason_against(layer: keras.layers.RNN) -> str | None:
    """Return what of a layer the compiled loop does not compute; None if it computes all."""
    if layer.compute_dtype == "float16":
        return "computes in float16"
    if isinstance(layer, CONVOLUTIONAL):
        return _reason_of_frames(layer)
    if layer.unroll:
        return "unroll=True"
    cells = _cells(layer)
    if any(getattr(cell, "dropout", 0) for cell in cells[1:]):
        return "dropout between stacked cells"
    return next(filter(None, map(_reason_of_cell, cells)), None)


def reason_on_cpu(layer: keras.layers.RNN, batch_size: int) -> str | None:
    """Return why a CPU runs Keras's loop for a layer; None where it runs the compiled one."""
    return reason_against(layer) or reason_of_size(layer, batch_size)


def reason_of_size(layer: keras.layers.RNN, batch_size: int) -> str | None:
    """Return why a CPU computes a layer as fast in Keras's loop; None where it does not."""
    large = not isinstance(layer, CONVOLUTIONAL) and any(
        _has_large_steps(cell, batch_size) for cell in _cells(layer)
    )
    return "Keras's loop is as fast for steps as large" if large else None


def _reason_of_cell(cell: keras.Layer) -> str | None:
    if type(cell) not in RECURRENT_CELLS:
        return f"no compiled loop for {type(cell).__name__}"
    if cell.recurrent_dropout:
        return "recurrent dropout"
    if cell.dropout and getattr(cell, "implementation", 2) == 1:
        return "dropout of each gate by itself (implementation=1)"
    return _reason_of_activations(cell)


def _reason_of_activations(cell: keras.Layer) -> str | None:
    for activation in _activations(cell):
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
    """Whether a frame's channels and one of ones cost nothing where convolutions fill up to 16."""
    blocks = math.ceil(filters / CHANNELS_OF_A_BLOCK)
    return filters + channels + 1 <= blocks * CHANNELS_OF_A_BLOCK


def _reason_of_convolution(layer: keras.Layer) -> str | None:
    plain = {
        "strides": set(layer.strides) == {1},
        "dilation": set(layer.dilation_rate) == {1},
        f"padding {layer.padding}": layer.padding == "same",
        "channels first": layer.data_format == "channels_last",
    }
    return next((what for what, holds in plain.items() if not holds), None)


def at_least_usual(batch_size: int) -> int:
    """Return how many examples to expect where `batch_size` are announced."""
    return max(batch_size, DEFAULT_EXAMPLES)


def _has_large_steps(cell: keras.Layer, batch_size: int) -> bool:
    simple = isinstance(cell, keras.layers.SimpleRNNCell)
    large = not simple or batch_size * cell.units >= LARGE_STATE_OF_SIMPLE_RNN
    return bool(large and batch_size >= MANY_EXAMPLES.get(type(cell), math.inf))


def _inner_loop(
    layer: keras.layers.RNN,
    batch_size: int,
    whole: bool,
    sequences: Any,
    initial_state: Any,
    mask: Any,
    training: bool = False,
) -> tuple[Any, Any, Any]:
    """Do what `RNN.inner_loop` does: last output, outputs (batch, steps, units), last states.

    A batch that need not stay whole is cut in two where that is worth it: XLA's loop uses one core.
    A smaller batch, as the last of an epoch is, is filled up: XLA would compile the loop anew for
    its size, which takes seconds.
    """
    mask = keras.tree.flatten(mask)[0] if mask is not None else None
    if layer.go_backwards:
        sequences = tf.reverse(sequences, [1])
        mask = None if mask is None else tf.reverse(mask, [1])
    cell = _cells(layer)[0]
    if training and cell.dropout:
        sequences *= cell.get_dropout_mask(sequences[:, 0, :])[:, None, :]
    arrays = [sequences, *([] if mask is None else [mask]), *keras.tree.flatten(initial_state)]

    def run(sequences: Any, *others: Any) -> tuple[Any, Any, Any]:
        part_mask, states = (None, others) if mask is None else (others[0], others[1:])
        states = keras.tree.pack_sequence_as(initial_state, states)
        return _run(layer, sequences, part_mask, states)

    whole = whole or _entries(layer) * at_least_usual(batch_size) < WORTH_CUTTING
    last, outputs, ends = _in_parts(run, arrays, batch_size, whole)
    return last, outputs, ends


def _in_parts(compute: Callable[..., Any], arrays: Sequence[Any], fewest: int, whole: bool) -> Any:
    """Return what `compute` makes of a batch's arrays, of each part by itself unless `whole`.

    TensorFlow runs what does not depend on each other on different cores. A batch is filled up
    with zeros to the fewest examples that XLA is to compile for, and to equal parts.
    """
    count = 1 if whole else PARTS_AT_ONCE
    examples = tf.shape(arrays[0])[0]
    batch = tf.maximum(examples, fewest)
    missing = batch + -batch % count - examples
    parts = zip(*(tf.split(_filled_up(array, missing), count) for array in arrays), strict=True)
    computed = [compute(*part) for part in parts]
    return keras.tree.map_structure(
        lambda *cut: _first(tf.concat(cut, axis=0), examples), *computed
    )


def _unrolled_if_short(
    layer: keras.layers.RNN,
    sequences: Any,
    initial_state: Any,
    mask: Any,
    training: bool = False,
) -> Any:
    """Do what `RNN.inner_loop` does, by Keras's own, as with `unroll=True` where that pays.

    Not with a mask: the directions of a `Bidirectional` then put out other numbers unrolled.
    """
    steps = sequences.shape[1]
    layer.unroll = mask is None and steps is not None and steps <= MOST_UNROLLED
    try:
        return type(layer).inner_loop(layer, sequences, initial_state, mask, training)
    finally:
        layer.unroll = False


def _entries(layer: keras.layers.RNN) -> int:
    """Return how many numbers the kernels of all cells hold."""
    kernels = [kernel for cell in _cells(layer) for kernel in (cell.kernel, cell.recurrent_kernel)]
    return sum(math.prod(kernel.shape) for kernel in kernels)


def _loop_over_frames(
    layer: keras.layers.RNN,
    whole: bool,
    sequences: Any,
    initial_state: Any,
    mask: Any,
    training: bool = False,
) -> tuple[Any, Any, Any]:
    """Do what `RNN.inner_loop` does for a ConvLSTM; with a mask, Keras's own does."""
    if mask is not None:
        stock: tuple[Any, Any, Any] = type(layer).inner_loop(
            layer, sequences, initial_state, mask, training
        )
        return stock
    if layer.go_backwards:
        sequences = tf.reverse(sequences, [1])
    activations = _compilable_activations(layer.cell)

    def run(sequences: Any, *states: Any) -> tuple[Any, Any, Any]:
        return recur_over_frames(layer.cell, activations, sequences, states, layer.return_sequences)

    arrays = [sequences, *initial_state]
    last, outputs, ends = _in_parts(run, arrays, 1, whole)
    return last, outputs, ends


def _filled_up(array: Any, missing: Any) -> Any:
    """Return an array with zeros after its examples; the array itself if none is missing."""
    return tf.pad(array, [[0, missing], *[[0, 0]] * (array.shape.rank - 1)])


def _first(array: Any, examples: Any) -> Any:
    """Return the first examples; unlike `array[:examples]` this does not copy all of them."""
    rank = array.shape.rank
    first = tf.slice(array, [0] * rank, [examples, *[-1] * (rank - 1)])
    first.set_shape([None, *array.shape[1:]])
    return first


def _run(
    layer: keras.layers.RNN, sequences: Any, mask: Any, initial_state: Any
) -> tuple[Any, Any, Any]:
    """Do what `_inner_loop` does with a part of a batch."""
    by_step = None if mask is None else tf.transpose(tf.cast(mask, tf.bool))[:, None, :]
    cells = _cells(layer)
    states = list(initial_state) if len(cells) > 1 else [initial_state]
    in_16_bits = sequences.dtype == tf.bfloat16
    forward = pass_forward_in_16_bits if in_16_bits else pass_forward
    hidden: Any = tf.transpose(sequences, (1, 2, 0))
    ends: list[Any] = []
    for number, (cell, state) in enumerate(zip(cells, states, strict=True)):
        every_step = layer.return_sequences or number + 1 < len(cells)
        begin = [tf.transpose(one) for one in keras.tree.flatten(state)]
        hidden, end = recur(
            partial(forward, _steps(cell), by_step),
            hidden,
            _projection(cell),
            _weights(cell),
            begin,
            every_step,
        )
        end = [tf.transpose(one) for one in end]
        ends += end
    outputs = None
    if layer.return_sequences:
        outputs = tf.transpose(hidden, (2, 0, 1))
        outputs.set_shape([None, sequences.shape[1], None])
    last, outputs = _outputs(layer, mask, end[0], outputs)
    return last, outputs, keras.tree.pack_sequence_as(initial_state, ends)


def _outputs(layer: keras.layers.RNN, mask: Any, last: Any, outputs: Any) -> tuple[Any, Any]:
    """Return the last output and all of them; at a masked step Keras repeats, or puts out zeros.

    There is nothing to repeat before the first step that is not masked: zeros again.
    """
    if mask is not None:
        shown = tf.cast(mask, last.dtype)
        if not layer.zero_output_for_mask:
            shown = tf.minimum(tf.cumsum(shown, axis=1), 1)
        last *= shown[:, -1:]
        outputs = None if outputs is None else outputs * shown[..., None]
    return last, last if outputs is None else outputs


def _projection(cell: keras.Layer) -> list[Any]:
    """Return the inputs' kernel and bias."""
    kernel = _in_order(cell, cell.kernel)
    if not cell.use_bias:
        return [kernel, tf.zeros((kernel.shape[1], 1), kernel.dtype)]
    bias = cell.bias[0] if _resets_after(cell) else cell.bias
    return [kernel, _in_order(cell, bias)[:, None]]


def _weights(cell: keras.Layer) -> list[Any]:
    kernel = _in_order(cell, cell.recurrent_kernel)
    if not _resets_after(cell):
        return [kernel]
    if cell.use_bias:
        return [kernel, cell.bias[1][:, None]]
    return [kernel, tf.zeros((3 * cell.units, 1), kernel.dtype)]


def _in_order(cell: keras.Layer, weight: Any) -> Any:
    """Return a weight with its gates in the order of `steps`."""
    weight = tf.convert_to_tensor(weight)
    if not isinstance(cell, keras.layers.LSTMCell):
        return weight
    i, f, g, o = tf.split(weight, 4, axis=-1)
    return tf.concat([g, i, f, o], axis=-1)


def _steps(cell: keras.Layer) -> Steps:
    activations = _compilable_activations(cell)
    if isinstance(cell, keras.layers.LSTMCell):
        return LSTMSteps(*activations)
    if _resets_after(cell):
        return GRUSteps(*activations)
    if isinstance(cell, keras.layers.GRUCell):
        return GRUResetBeforeSteps(*activations)
    return SimpleRNNSteps(*activations)


def _compilable_activations(cell: keras.Layer) -> list[Any]:
    return [
        logistic if activation is keras.activations.sigmoid else activation
        for activation in _activations(cell)
    ]


def _activations(cell: keras.Layer) -> list[Any]:
    if isinstance(cell, keras.layers.SimpleRNNCell):
        return [cell.activation]
    return [cell.activation, cell.recurrent_activation]


def _resets_after(cell: keras.Layer) -> bool:
    return isinstance(cell, keras.layers.GRUCell) and bool(cell.reset_after)


def _cells(layer: keras.layers.RNN) -> list[keras.Layer]:
    cell = layer.cell
    return list(cell.cells) if isinstance(cell, keras.layers.StackedRNNCells) else [cell]
