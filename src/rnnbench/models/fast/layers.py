"""Keras's layers with the compiled loop: how their arrays go in and come out."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from rnnbench.models.fast.convolutions import recur_over_frames
from rnnbench.models.fast.cores import PARTS_AT_ONCE
from rnnbench.models.fast.loop import pass_forward, recur
from rnnbench.models.fast.loop_in_16_bits import pass_forward_in_16_bits
from rnnbench.models.fast.rules import (
    CONVOLUTIONAL,
    MOST_UNROLLED,
    activations_of,
    cells_of,
    is_worth_cutting,
    reason_against,
)
from rnnbench.models.fast.steps import (
    GRUResetBeforeSteps,
    GRUSteps,
    LSTMSteps,
    SimpleRNNSteps,
    Steps,
    logistic,
)


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
    cell = cells_of(layer)[0]
    if training and cell.dropout:
        sequences *= cell.get_dropout_mask(sequences[:, 0, :])[:, None, :]
    arrays = [sequences, *([] if mask is None else [mask]), *keras.tree.flatten(initial_state)]

    def run(sequences: Any, *others: Any) -> tuple[Any, Any, Any]:
        part_mask, states = (None, others) if mask is None else (others[0], others[1:])
        states = keras.tree.pack_sequence_as(initial_state, states)
        return _run(layer, sequences, part_mask, states)

    whole = whole or not is_worth_cutting(layer, batch_size)
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
    cells = cells_of(layer)
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
        for activation in activations_of(cell)
    ]


def _resets_after(cell: keras.Layer) -> bool:
    return isinstance(cell, keras.layers.GRUCell) and bool(cell.reset_after)
