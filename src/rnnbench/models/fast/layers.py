"""Keras's layers with the compiled loop: how their arrays go in and come out."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from rnnbench.models.fast.convolutions import recur_over_frames
from rnnbench.models.fast.cores import PARTS_AT_ONCE
from rnnbench.models.fast.devices import Device
from rnnbench.models.fast.loop import pass_forward, recur
from rnnbench.models.fast.loop_in_16_bits import pass_forward_in_16_bits
from rnnbench.models.fast.rules import (
    CONVOLUTIONAL,
    MOST_UNROLLED,
    activations_of,
    cells_of,
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

# Each takes up to a second to compile; a fixed length needs one, or one for each size of batch.
MOST_SHAPES = 4


class Loop:
    """A layer's loop over the steps, in place of `RNN.inner_loop`.

    Attributes
    ----------
    reason : str or None
        Why Keras's loop computed the layer the last time; None if the compiled one did.
    """

    def __init__(self, layer: keras.layers.RNN, device: Device) -> None:
        self._layer = layer
        self._device = device
        self._shapes: set[tuple[int | None, ...]] = set()
        self.reason = reason_against(layer) or device.reason_against(layer)

    def __call__(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any, Any]:
        """Return what `RNN.inner_loop` does: last output, outputs, last states."""
        layer, device = self._layer, self._device
        uncomputed = (
            reason_against(layer)
            or next(_reasons_against_arrays(layer, sequences, initial_state, mask), None)
            or self._reason_against_shape(sequences)
        )
        self.reason = uncomputed or device.reason_against(layer)
        if self.reason:
            unrolls = device.is_cpu and not uncomputed and _is_short(sequences, mask)
            return _run_stock(layer, sequences, initial_state, mask, training, unrolls)
        if isinstance(layer, CONVOLUTIONAL):
            return _loop_over_frames(layer, not device.is_cpu, sequences, initial_state)
        return _loop(layer, device, sequences, initial_state, mask, training)

    def _reason_against_shape(self, sequences: Any) -> str | None:
        """Count the shapes for each of which XLA compiles the loop, and refuse many."""
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
    """Say which of its arrays the compiled loop does not compute with."""
    over_frames = isinstance(layer, CONVOLUTIONAL)
    rank = len(layer.cell.kernel_size) + 3 if over_frames else 3
    if not isinstance(sequences, tf.Tensor) or sequences.shape.rank != rank:
        yield f"sequences that are no array of {rank} axes"
    states = [tf.convert_to_tensor(state) for state in keras.tree.flatten(initial_state)]
    dtypes = {array.dtype.name for array in (sequences, *states)}
    if dtypes != {layer.compute_dtype}:
        yield f"arrays of {', '.join(sorted(dtypes))} where it computes in {layer.compute_dtype}"
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
    elif mask is not None and not _fits_steps(mask, batch, steps):
        yield "a mask of another shape than (batch, steps)"


def _fits_steps(mask: Any, batch: int | None, steps: int) -> bool:
    shape = tf.convert_to_tensor(keras.tree.flatten(mask)[0]).shape
    return shape.rank is not None and bool(shape.is_compatible_with((batch, steps)))


def _is_short(sequences: Any, mask: Any) -> bool:
    """Whether Keras's loop is worth unrolling.

    Not with a mask: the directions of a `Bidirectional` then put out other numbers unrolled.
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
    """Let Keras's own loop compute a layer, as with `unroll=True` if it is to be unrolled."""
    before = layer.unroll
    layer.unroll = before or unrolls
    try:
        found: tuple[Any, Any, Any] = type(layer).inner_loop(
            layer, sequences, initial_state, mask, training
        )
        return found
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
    """Do what `RNN.inner_loop` does: last output, outputs (batch, steps, units), last states.

    A batch is cut in two where the device computes parts at once. A smaller batch than announced,
    as the last of an epoch is, is filled up: XLA would compile the loop anew for its size, which
    takes seconds.
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

    last, outputs, ends = _in_parts(run, arrays, device.batch_size, not device.cuts(layer))
    return last, outputs, ends


def _in_parts(compute: Callable[..., Any], arrays: Sequence[Any], fewest: int, whole: bool) -> Any:
    """Return what `compute` makes of a batch's arrays, of each part by itself unless `whole`.

    TensorFlow runs what does not depend on each other on different cores. A batch is filled up
    to the fewest examples that XLA is to compile for, and to equal parts.
    """
    count = 1 if whole else PARTS_AT_ONCE
    examples = tf.shape(arrays[0])[0]
    batch = tf.maximum(examples, fewest)
    missing = batch + -batch % count - examples
    parts = zip(*(tf.split(_filled_up(array, missing), count) for array in arrays), strict=True)
    computed = [compute(*part) for part in parts]
    return keras.tree.map_structure(
        lambda *cut: _first(tf.concat(cut, axis=0), examples, arrays[0].shape[0]), *computed
    )


def _loop_over_frames(
    layer: keras.layers.RNN, whole: bool, sequences: Any, initial_state: Any
) -> tuple[Any, Any, Any]:
    """Do what `RNN.inner_loop` does for a ConvLSTM without a mask."""
    if layer.go_backwards:
        sequences = tf.reverse(sequences, [1])
    activations = _compilable_activations(layer.cell)

    def run(sequences: Any, *states: Any) -> tuple[Any, Any, Any]:
        return recur_over_frames(layer.cell, activations, sequences, states, layer.return_sequences)

    arrays = [sequences, *initial_state]
    last, outputs, ends = _in_parts(run, arrays, 1, whole)
    return last, outputs, ends


def _filled_up(array: Any, missing: Any) -> Any:
    """Return an array with its last example repeated after it; as it is if none is missing.

    Zeros instead could overflow where no example does, and the gradient would not be a number.
    """
    return tf.concat([array, tf.repeat(array[-1:], missing, axis=0)], axis=0)


def _first(array: Any, examples: Any, batch: int | None) -> Any:
    """Return the first examples; unlike `array[:examples]` this does not copy all of them.

    `batch` is how many there are, if that is known before anything is computed.
    """
    rank = array.shape.rank
    first = tf.slice(array, [0] * rank, [examples, *[-1] * (rank - 1)])
    first.set_shape([batch, *array.shape[1:]])
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
            forward,
            _steps(cell),
            by_step,
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
