"""The parts of a layer or a model that are compiled, on a CPU and on a GPU.

This is decided at each tracing by TensorFlow: by then the model is built, and the effects of
`compile`, of frozen layers and of changed attributes are known.
"""

import math
from typing import Any, Protocol

import keras

from rnnbench.models.cudnn import loops_of, reason_against_cudnn
from rnnbench.models.fast.rules import (
    CONVOLUTIONAL,
    at_least_usual,
    is_compiled_with_its_step,
    is_known,
    is_worth_cutting,
    reason_against,
    reason_of_size,
)
from rnnbench.models.fast.time_distributed import is_dense_at_every_step

SEQUENCE_RANK = 3  # of (batch, steps, features); with images, more
# Up to this size, a compiled step on one core is faster than single operations on two cores.
SMALL_STEP = 2**26  # parameters · examples · steps


class Device(Protocol):
    """The decisions, for one kind of device, which parts of a layer or a model are compiled."""

    batch_size: int
    is_cpu: bool

    def compiles_step(self) -> bool:
        """Whether XLA compiles the model's whole training step."""

    def compiles_updates(self) -> bool:
        """Whether XLA compiles the optimizer's updates."""

    def reason_against(self, loop: keras.layers.RNN) -> str | None:
        """Return why the compiled loop is no faster on the device; None if it is faster."""

    def cuts(self, loop: keras.layers.RNN) -> bool:
        """Whether a batch is computed faster in parts that run concurrently."""


class CPU:
    """The decisions for a CPU, as described in `rnnbench.models.fast.accelerate`."""

    is_cpu = True

    def __init__(self, root: keras.Layer, batch_size: int) -> None:
        self._root = root
        self.batch_size = batch_size

    def compiles_step(self) -> bool:
        """Whether a step is fastest as one compiled function.

        It is if the step is small, or if all loops are compiled only within a step.
        """
        model = self._root
        if not _computes_what_is_known(model):
            return False
        loops = loops_of(model)
        own_loops = [loop for loop in loops if not is_compiled_with_its_step(loop)]
        reasons = [reason_against(loop) or self.reason_against(loop) for loop in own_loops]
        suited = all(map(_suits_xla, model._flatten_layers()))
        work = model.count_params() * at_least_usual(self.batch_size) * _longest(model)
        fits = work <= SMALL_STEP if own_loops else work < math.inf
        return bool(loops) and not any(reasons) and suited and fits

    def compiles_updates(self) -> bool:
        """Whether the optimizer is Keras's or this project's, and the model is on one device."""
        return is_known(self._root.optimizer) and not _is_distributed(self._root)

    def reason_against(self, loop: keras.layers.RNN) -> str | None:
        """Return why Keras's loop is as fast."""
        return reason_of_size(loop, self.batch_size)

    def cuts(self, loop: keras.layers.RNN) -> bool:
        """Whether the layer is large enough; XLA's loop uses one core."""
        return not self.compiles_step() and is_worth_cutting(loop, self.batch_size)


class GPU:
    """The decisions for a GPU, as described in `rnnbench.models.fast.accelerate`."""

    is_cpu = False

    def __init__(self, root: keras.Layer, batch_size: int) -> None:
        self._root = root
        self.batch_size = batch_size

    def compiles_step(self) -> bool:
        """Whether no layer runs in cuDNN or is an embedding, and Keras does not compile the step.

        With deterministic operations, XLA adds the gradients of an embedding one after another.
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
        """Return what computes the layer instead of the compiled loop."""
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
    """Whether a model is compiled and every part of its step is known to work in XLA.

    A user's own layer, loss, metric or training step may contain operations that XLA does not
    support, such as those on strings, or computes differently, such as random numbers.
    """
    if not (_is_trained(model) and model.built) or model.run_eagerly or _is_distributed(model):
        return False
    layers = model._flatten_layers()
    compiled: list[Any] = keras.tree.flatten(model._compile_config.config)
    return all(is_known(part) for part in [*layers, *compiled]) and all(
        layer.supports_jit for layer in layers
    )


def _longest(model: keras.Model) -> float:
    """Return the number of steps of a model's longest sequence; infinity if it is unknown.

    A layer within may make a sequence longer, as `Reshape` does with the rows of an image.
    """
    inputs = getattr(model, "inputs", None) or []  # a subclassed model has none
    within = keras.tree.flatten([getattr(layer, "output", []) for layer in model.layers])
    shapes = [array.shape for array in within if len(array.shape) >= SEQUENCE_RANK]
    shapes += [array.shape for array in inputs if len(array.shape) > 1]
    lengths = [shape[1] for shape in shapes]
    return math.inf if None in lengths else max(lengths, default=math.inf)


def _suits_xla(layer: keras.Layer) -> bool:
    """Whether XLA computes the same as TensorFlow, as fast, and compiles in reasonable time.

    XLA draws other random numbers, is slow for convolutions and for 16-bit arithmetic, and compiles
    a layer in `TimeDistributed` once for each step.
    """
    drops = getattr(layer, "dropout", hasattr(layer, "seed_generator"))
    convolves = hasattr(layer, "convolution_op") or isinstance(layer, CONVOLUTIONAL)
    slow = convolves or layer.compute_dtype == "bfloat16"
    distributed = isinstance(layer, keras.layers.TimeDistributed)
    return not (drops or slow or (distributed and not is_dense_at_every_step(layer)))
