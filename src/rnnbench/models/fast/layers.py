"""The compiled loop in Keras's layers: conversion of their arrays, weights and activations."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from rnnbench.models.cell import IndependentCell
from rnnbench.models.fast.convolutions import recur_over_frames
from rnnbench.models.fast.cores import PARTS_AT_ONCE
from rnnbench.models.fast.devices import Device
from rnnbench.models.fast.linear import run_linear_cell
from rnnbench.models.fast.loop import pass_forward, recur
from rnnbench.models.fast.loop_in_16_bits import pass_forward_in_16_bits
from rnnbench.models.fast.rules import (
    CONVOLUTIONAL,
    MOST_UNROLLED,
    activations_of,
    cells_of,
    is_linear,
    reason_against,
)
from rnnbench.models.fast.steps import (
    GRUResetBeforeSteps,
    GRUSteps,
    IndependentSteps,
    LSTMSteps,
    SimpleRNNSteps,
    Steps,
    logistic,
)

# Each takes up to a second to compile; a fixed length needs one, or one for each batch size.
MOST_SHAPES = 4


class Loop:
    """A replacement for `RNN.inner_loop`, a layer's loop over the steps.

    Attributes
    ----------
    reason : str or None
        Why Keras's loop was used at the last tracing; None if the compiled loop was used.
    """

    def __init__(self, layer: keras.layers.RNN, device: Device) -> None:
        self._layer = layer
        self._device = device
        self._shapes: set[tuple[int | None, ...]] = set()
        self.reason = reason_against(layer) or device.reason_against(layer)

    def __call__(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any, Any]:
        """Return the same as `RNN.inner_loop`: last output, outputs, last states."""
        layer, device = self._layer, self._device
        unsupported = (
            reason_against(layer)
            or next(_reasons_against_arrays(layer, sequences, initial_state, mask), None)
            or self._reason_against_shape(sequences)
        )
        self.reason = unsupported or device.reason_against(layer)
        if self.reason:
            unrolls = device.is_cpu and not unsupported and _is_short(sequences, mask)
            return _run_stock(layer, sequences, initial_state, mask, training, unrolls)
        if isinstance(layer, CONVOLUTIONAL):
            return _loop_over_frames(layer, not device.is_cpu, sequences, initial_state)
        if is_linear(layer):
            return _loop_over_linear_cell(layer, device, sequences, initial_state)
        return _loop(layer, device, sequences, initial_state, mask, training)

    def _reason_against_shape(self, sequences: Any) -> str | None:
        """Record the shape, for which XLA compiles the loop, and refuse more than a few shapes."""
        batch = sequences.shape[0]
        fewest = self._device.batch_size
        shape = (batch and max(batch, fewest), *sequences.shape[1:])
        if len(self._shapes) == MOST_SHAPES and shape not in self._shapes:
            return f"more than {MOST_SHAPES} different shapes of its sequences"
        self._shapes.add(shape)
        return None


def _reasons_against_arrays(
    layer: keras.layers.RNN, sequences: Any, initial_state: Any, mask: Any
) -> Iterator[str]:
    """Yield the properties of the arrays that the compiled loop does not support."""
    over_frames = isinstance(layer, CONVOLUTIONAL)
    rank = len(layer.cell.kernel_size) + 3 if over_frames else 3
    if not isinstance(sequences, tf.Tensor) or sequences.shape.rank != rank:
        yield f"sequences that are not a tensor of {rank} axes"
    states = [tf.convert_to_tensor(state) for state in keras.tree.flatten(initial_state)]
    dtypes = {array.dtype.name for array in (sequences, *states)}
    if dtypes != {layer.compute_dtype}:
        found = ", ".join(sorted(dtypes))
        yield f"arrays of {found} in a layer that computes in {layer.compute_dtype}"
    batch, steps, *sides = sequences.shape[:-1]
    if None in sides or (steps is None and not over_frames):
        yield "lengths that may change from batch to batch"
    sizes = [layer.cell.filters] * 2 if over_frames else keras.tree.flatten(layer.state_size)
    shapes = [tf.TensorShape((batch, *sides, size)) for size in sizes]
    fits = len(states) == len(sizes) and all(
        shape.is_compatible_with(state.shape) for shape, state in zip(shapes, states, strict=True)
    )
    if steps == 0 or not fits:
        yield "no steps, or an initial state of another shape"
    if mask is not None and over_frames:
        yield "a mask of frames"
    elif mask is not None and is_linear(layer):
        yield "a mask"
    elif mask is not None and not _fits_steps(mask, batch, steps):
        yield "a mask of another shape than (batch, steps)"


def _fits_steps(mask: Any, batch: int | None, steps: int) -> bool:
    shape = tf.convert_to_tensor(keras.tree.flatten(mask)[0]).shape
    return shape.rank is not None and bool(shape.is_compatible_with((batch, steps)))


def _is_short(sequences: Any, mask: Any) -> bool:
    """Whether Keras's loop is worth unrolling.

    It is not with a mask: unrolled, the directions of a `Bidirectional` then return other numbers.
    """
    steps = sequences.shape[1]
    return mask is None and steps is not None and steps <= MOST_UNROLLED


def _run_stock(
    layer: keras.layers.RNN,
    sequences: Any,
    initial_state: Any,
    mask: Any,
    training: bool,
    unrolls: bool,
) -> tuple[Any, Any, Any]:
    """Compute a layer in Keras's own loop, as with `unroll=True` if `unrolls`."""
    before = layer.unroll
    layer.unroll = before or unrolls
    try:
        outputs: tuple[Any, Any, Any] = type(layer).inner_loop(
            layer, sequences, initial_state, mask, training
        )
        return outputs
    finally:
        layer.unroll = before


def _loop(
    layer: keras.layers.RNN,
    device: Device,
    sequences: Any,
    initial_state: Any,
    mask: Any,
    training: bool,
) -> tuple[Any, Any, Any]:
    """Return the same as `RNN.inner_loop`: last output, outputs (batch, steps, units), last states.

    A batch is cut in two if the device computes parts concurrently. A batch smaller than usual,
    such as the last one of an epoch, is padded: otherwise XLA would compile the loop anew for its
    size, which takes seconds.
    """
    mask = keras.tree.flatten(mask)[0] if mask is not None else None
    if layer.go_backwards:
        sequences = tf.reverse(sequences, [1])
        mask = None if mask is None else tf.reverse(mask, [1])
    cell = cells_of(layer)[0]
    if training and getattr(cell, "dropout", False):
        sequences *= cell.get_dropout_mask(sequences[:, 0, :])[:, None, :]
    arrays = [sequences, *([] if mask is None else [mask]), *keras.tree.flatten(initial_state)]

    def run(sequences: Any, *others: Any) -> tuple[Any, Any, Any]:
        part_mask, states = (None, others) if mask is None else (others[0], others[1:])
        states = keras.tree.pack_sequence_as(initial_state, states)
        return _run(layer, sequences, part_mask, states)

    last, outputs, ends = _in_parts(run, arrays, device.batch_size, not device.cuts(layer))
    return last, outputs, ends


def _in_parts(
    compute: Callable[..., Any], arrays: Sequence[Any], fewest: int, one_part: bool
) -> Any:
    """Apply `compute` to a batch's arrays in parts, or in `one_part`, and join the results.

    TensorFlow computes independent parts on different cores. A batch is padded to the fewest
    examples for which XLA compiles, and to parts of equal size.
    """
    count = 1 if one_part else PARTS_AT_ONCE
    examples = tf.shape(arrays[0])[0]
    batch = tf.maximum(examples, fewest)
    missing = batch + -batch % count - examples
    parts = zip(*(tf.split(_padded(array, missing), count) for array in arrays), strict=True)
    computed = [compute(*part) for part in parts]
    return keras.tree.map_structure(
        lambda *cut: _first(tf.concat(cut, axis=0), examples, arrays[0].shape[0]), *computed
    )


def _loop_over_frames(
    layer: keras.layers.RNN, one_part: bool, sequences: Any, initial_state: Any
) -> tuple[Any, Any, Any]:
    """Return the same as `RNN.inner_loop` for a ConvLSTM without a mask."""
    if layer.go_backwards:
        sequences = tf.reverse(sequences, [1])
    activations = _compilable_activations(layer.cell)

    def run(sequences: Any, *states: Any) -> tuple[Any, Any, Any]:
        return recur_over_frames(layer.cell, activations, sequences, states, layer.return_sequences)

    arrays = [sequences, *initial_state]
    last, outputs, ends = _in_parts(run, arrays, 1, one_part)
    return last, outputs, ends


def _loop_over_linear_cell(
    layer: keras.layers.RNN, device: Device, sequences: Any, initial_state: Any
) -> tuple[Any, Any, Any]:
    """Return the same as `RNN.inner_loop` for a linear recurrence without a mask."""
    if layer.go_backwards:
        sequences = tf.reverse(sequences, [1])

    def run(sequences: Any, *states: Any) -> tuple[Any, Any, Any]:
        last, outputs, ends = run_linear_cell(layer, sequences, states)
        return last, last if outputs is None else outputs, ends

    arrays = [sequences, *keras.tree.flatten(initial_state)]
    last, outputs, ends = _in_parts(run, arrays, device.batch_size, True)
    return last, outputs, keras.tree.pack_sequence_as(initial_state, ends)


def _padded(array: Any, missing: Any) -> Any:
    """Return an array with its last example repeated `missing` times at the end.

    Padding with zeros could overflow although no example does, and make the gradient NaN.
    """
    return tf.concat([array, tf.repeat(array[-1:], missing, axis=0)], axis=0)


def _first(array: Any, examples: Any, batch: int | None) -> Any:
    """Return the first examples; unlike `array[:examples]`, this does not copy the whole array.

    `batch` is their number if it is known at tracing, else None.
    """
    rank = array.shape.rank
    first = tf.slice(array, [0] * rank, [examples, *[-1] * (rank - 1)])
    first.set_shape([batch, *array.shape[1:]])
    return first


def _run(
    layer: keras.layers.RNN, sequences: Any, mask: Any, initial_state: Any
) -> tuple[Any, Any, Any]:
    """Run the compiled loop of each cell on a part of a batch."""
    by_step = None if mask is None else tf.transpose(tf.cast(mask, tf.bool))[:, None, :]
    cells = cells_of(layer)
    states = list(initial_state) if len(cells) > 1 else [initial_state]
    in_16_bits = sequences.dtype == tf.bfloat16
    forward = pass_forward_in_16_bits if in_16_bits else pass_forward
    hidden: Any = tf.transpose(sequences, (1, 2, 0))
    ends: list[Any] = []
    for number, (cell, state) in enumerate(zip(cells, states, strict=True)):
        every_step = layer.return_sequences or number + 1 < len(cells)
        initial = [tf.transpose(array) for array in keras.tree.flatten(state)]
        hidden, end = recur(
            forward,
            _steps(cell),
            by_step,
            hidden,
            _projection(cell),
            _weights(cell),
            initial,
            every_step,
        )
        end = [tf.transpose(array) for array in end]
        ends += end
    outputs = None
    if layer.return_sequences:
        outputs = tf.transpose(hidden, (2, 0, 1))
        outputs.set_shape([None, sequences.shape[1], None])
    last, outputs = _outputs(layer, mask, end[0], outputs)
    return last, outputs, keras.tree.pack_sequence_as(initial_state, ends)


def _outputs(layer: keras.layers.RNN, mask: Any, last: Any, outputs: Any) -> tuple[Any, Any]:
    """Return the last output and all outputs, with Keras's values at masked steps.

    Keras repeats the previous output or, with `zero_output_for_mask` and before the first unmasked
    step, returns zeros.
    """
    if mask is not None:
        nonzero = tf.cast(mask, last.dtype)
        if not layer.zero_output_for_mask:
            nonzero = tf.minimum(tf.cumsum(nonzero, axis=1), 1)
        last *= nonzero[:, -1:]
        outputs = None if outputs is None else outputs * nonzero[..., None]
    return last, last if outputs is None else outputs


def _projection(cell: keras.Layer) -> list[Any]:
    """Return the inputs' kernel and bias."""
    kernel = _in_order(cell, cell.kernel)
    if not getattr(cell, "use_bias", True):
        return [kernel, tf.zeros((kernel.shape[1], 1), kernel.dtype)]
    bias = cell.bias[0] if _resets_after(cell) else cell.bias
    return [kernel, _in_order(cell, bias)[:, None]]


def _weights(cell: keras.Layer) -> list[Any]:
    if isinstance(cell, IndependentCell):
        return [tf.convert_to_tensor(cell.recurrent_kernel)[None]]
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
    if isinstance(cell, IndependentCell):
        return IndependentSteps(*activations)
    return SimpleRNNSteps(*activations)


def _compilable_activations(cell: keras.Layer) -> list[Any]:
    return [
        logistic if activation is keras.activations.sigmoid else activation
        for activation in activations_of(cell)
    ]


def _resets_after(cell: keras.Layer) -> bool:
    return isinstance(cell, keras.layers.GRUCell) and bool(cell.reset_after)
