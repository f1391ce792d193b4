"""Replacing the methods of Keras's objects by compiled ones."""

import keras

from rnnbench.models.fast.convolutions import OneFilter
from rnnbench.models.fast.devices import Device
from rnnbench.models.fast.layers import Loop
from rnnbench.models.fast.rules import has_one_simple_filter
from rnnbench.models.fast.time_distributed import AllStepsAtOnce, is_dense_at_every_step
from rnnbench.models.fast.training_step import TrainingStep


def install(layer: keras.Layer, device: Device) -> None:
    """Replace methods of a layer and its sublayers; a device decides what tracing compiles.

    Methods that a user or an earlier call has already replaced stay.
    """
    for part in layer._flatten_layers():
        if isinstance(part, keras.layers.RNN):
            _put(part, "inner_loop", Loop(part, device))
        elif is_dense_at_every_step(part):
            _put(part, "call", AllStepsAtOnce(part))
        elif device.is_cpu and type(part) is keras.layers.Conv3D and has_one_simple_filter(part):
            _put(part, "convolution_op", OneFilter(part))
    if isinstance(layer, keras.Model):
        _put(layer, "train_step", TrainingStep(layer, device))


def _put(layer: keras.Layer, name: str, function: object) -> None:
    if name not in vars(layer):
        setattr(layer, name, function)
