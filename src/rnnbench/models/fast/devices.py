"""What of a layer or a model is compiled: on a CPU, and on a GPU.

Both are asked while TensorFlow traces, each time anew: then all is built, and what `compile`, a
frozen layer or a changed attribute decided counts.
"""

import math
from typing import Any, Protocol

import keras

from rnnbench.models.cudnn import loops_of, reason_against_cudnn
from rnnbench.models.fast.rules import (
    CONVOLUTIONAL,
    at_least_usual,
    has_own_cell,
    is_known,
    is_worth_cutting,
    reason_against,
    reason_of_size,
)
from rnnbench.models.fast.time_distributed import is_dense_at_every_step

# Up to here one core that only computes is faster than two that also start operations.
SMALL_STEP = 2**26  # parameters · examples · steps


class Device(Protocol):
    """What decides, on one kind of device, what is compiled of a layer or a model."""

    batch_size: int
    is_cpu: bool

    def compiles_step(self) -> bool:
        """Whether XLA compiles the model's whole training step."""

    def compiles_updates(self) -> bool:
        """Whether XLA compiles the optimizer's updates."""

    def reason_against(self, loop: keras.layers.RNN) -> str | None:
        """Return why the device computes a loop as fast without the compiled one, or None."""

    def cuts(self, loop: keras.layers.RNN) -> bool:
        """Whether it computes a batch faster in parts that run at once."""


class CPU:
    """Do what `rnnbench.models.fast.accelerate` says of a CPU."""

    is_cpu = True

    def __init__(self, root: keras.Layer, batch_size: int) -> None:
        self._root = root
        self.batch_size = batch_size

    def compiles_step(self) -> bool:
        """Whether one compiled function computes a step fastest.

        It does if the step is small, and where the loops are over cells of this project, which only
        a compiled step compiles.
        """
        model = self._root
        if not _computes_what_is_known(model):
            return False
        loops = loops_of(model)
        of_keras = [loop for loop in loops if not has_own_cell(loop)]
        reasons = [reason_against(loop) or self.reason_against(loop) for loop in of_keras]
        suited = all(map(_suits_xla, model._flatten_layers()))
        work = model.count_params() * at_least_usual(self.batch_size) * _longest(model)
        fits = work <= SMALL_STEP if of_keras else work < math.inf
        return bool(loops) and not any(reasons) and suited and fits

    def compiles_updates(self) -> bool:
        """Whether the optimizer is Keras's or of this project, and on one device."""
        return is_known(self._root.optimizer) and not _is_distributed(self._root)

    def reason_against(self, loop: keras.layers.RNN) -> str | None:
        """Return why Keras's loop is as fast."""
        return reason_of_size(loop, self.batch_size)

    def cuts(self, loop: keras.layers.RNN) -> bool:
        """Whether that is worth it: XLA's loop uses one core."""
        return not self.compiles_step() and is_worth_cutting(loop, self.batch_size)


class GPU:
    """Do what `rnnbench.models.fast.accelerate` says of a GPU."""

    is_cpu = False

    def __init__(self, root: keras.Layer, batch_size: int) -> None:
        self._root = root
        self.batch_size = batch_size

    def compiles_step(self) -> bool:
        """Whether cuDNN takes no layer.

        Where sums must be deterministic, XLA adds the gradients of words one after the other.
        """
        model = self._root
        if not _computes_what_is_known(model) or model.jit_compile:
            return False
        embeds = any(isinstance(part, keras.layers.Embedding) for part in model._flatten_layers())
        reasons = [reason_against_cudnn(loop) for loop in loops_of(model)]
        return bool(reasons) and all(reasons) and not embeds

    def compiles_updates(self) -> bool:
        """Never."""
        return False

    def reason_against(self, loop: keras.layers.RNN) -> str | None:
        """Return what else computes it."""
        if reason_against_cudnn(loop) is None:
            return "cuDNN computes it"
        if loop.compute_dtype == "bfloat16":
            return "computes in bfloat16"
        by_keras = _is_trained(self._root) and self._root.jit_compile
        return "XLA compiles the whole step" if by_keras or self.compiles_step() else None

    def cuts(self, loop: keras.layers.RNN) -> bool:
        """Never: a GPU needs no second core."""
        return False


def _is_trained(layer: keras.Layer) -> bool:
    return isinstance(layer, keras.Model) and layer.compiled and layer.optimizer is not None


def _is_distributed(model: keras.Model) -> bool:
    import tensorflow as tf

    return bool(tf.distribute.has_strategy() or model._distribute_strategy)


def _computes_what_is_known(model: keras.Layer) -> bool:
    """Whether a model is compiled, and all that its step computes with is made for XLA.

    A person's own layer, loss, metric or training step may hold what XLA does not know, such as
    strings, or computes otherwise, such as random numbers.
    """
    if not (_is_trained(model) and model.built) or model.run_eagerly or _is_distributed(model):
        return False
    layers = model._flatten_layers()
    compiled: list[Any] = keras.tree.flatten(model._compile_config.config)
    return all(is_known(part) for part in [*layers, *compiled]) and all(
        layer.supports_jit for layer in layers
    )


def _longest(model: keras.Model) -> float:
    """Return the steps of the longest sequence that a model reads; infinity if it says none."""
    inputs = getattr(model, "inputs", None) or []  # of a subclass, none
    lengths = [array.shape[1] for array in inputs if len(array.shape) > 1]
    return math.inf if None in lengths else max(lengths, default=math.inf)


def _suits_xla(layer: keras.Layer) -> bool:
    """Whether XLA computes what TensorFlow would, as fast and compiled in bearable time.

    It draws other random numbers, is slow at convolutions and at sums of 16 bits, and compiles a
    layer in `TimeDistributed` once for each step.
    """
    drops = getattr(layer, "dropout", hasattr(layer, "seed_generator"))
    convolves = hasattr(layer, "convolution_op") or isinstance(layer, CONVOLUTIONAL)
    slow = convolves or layer.compute_dtype == "bfloat16"
    distributed = isinstance(layer, keras.layers.TimeDistributed)
    return not (drops or slow or (distributed and not is_dense_at_every_step(layer)))
