"""What of a layer or a model is compiled: on a CPU, and on a GPU."""

import math

import keras

from rnnbench.models.cudnn import loops_of, reason_against_cudnn
from rnnbench.models.fast.convolutions import convolve_with_one_filter
from rnnbench.models.fast.layers import accelerate_loop, unroll_loop
from rnnbench.models.fast.optimizer import compile_updates
from rnnbench.models.fast.rules import (
    CONVOLUTIONAL,
    at_least_usual,
    has_one_simple_filter,
    reason_of_size,
    reason_on_cpu,
)
from rnnbench.models.fast.time_distributed import is_dense_at_every_step
from rnnbench.models.fast.training_step import compile_training_step

# Up to here one core that only computes is faster than two that also start operations.
SMALL_STEP = 2**26  # parameters · examples · steps


def accelerate_on_cpu(layer: keras.Layer, batch_size: int) -> None:
    """Do what `rnnbench.models.fast.accelerate` says of a CPU."""
    trained = getattr(layer, "optimizer", None) is not None
    small = trained and _is_small(layer, batch_size)
    for part in layer._flatten_layers():
        if isinstance(part, keras.layers.RNN):
            _accelerate_loop_on_cpu(part, batch_size, whole=small)
        elif isinstance(part, keras.layers.Conv3D) and has_one_simple_filter(part):
            part.convolution_op = convolve_with_one_filter
    if trained:
        layer.jit_compile = False
        if small:
            compile_training_step(layer)
        else:
            compile_updates(layer.optimizer)


def accelerate_on_gpu(layer: keras.Layer, batch_size: int) -> None:
    """Do what `rnnbench.models.fast.accelerate` says of a GPU."""
    trained = getattr(layer, "optimizer", None) is not None
    if trained and layer.jit_compile:
        return
    loops = loops_of(layer)
    of_keras = [loop for loop in loops if reason_against_cudnn(loop) is not None]
    # Where sums must be deterministic, XLA adds the gradients of words one after the other.
    embeds = any(isinstance(part, keras.layers.Embedding) for part in layer._flatten_layers())
    if trained and of_keras and of_keras == loops and not embeds:
        compile_training_step(layer)
        return
    for loop in of_keras:
        if loop.compute_dtype != "bfloat16":
            accelerate_loop(loop, batch_size, whole=True)


def _accelerate_loop_on_cpu(loop: keras.layers.RNN, batch_size: int, *, whole: bool) -> None:
    if reason_of_size(loop, batch_size) is None:
        accelerate_loop(loop, batch_size, whole=whole)
    else:
        unroll_loop(loop)


def _is_small(model: keras.Model, batch_size: int) -> bool:
    """Whether a step is so small that one compiled function computes it fastest."""
    loops = loops_of(model)
    reasons = [reason_on_cpu(loop, batch_size) for loop in loops]
    suited = all(map(_suits_xla, model._flatten_layers()))
    work = model.count_params() * at_least_usual(batch_size) * _longest(model)
    return bool(loops) and not any(reasons) and suited and work <= SMALL_STEP


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
