"""How far back a model's last output depends on its inputs: gradients of the loss by time lag.

In a recurrent network, the gradient for a step is a product with one Jacobian per later step, which
vanishes or explodes with their number (Bengio, Simard & Frasconi 1994; Pascanu, Mikolov & Bengio
2013).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd

from rnnbench.data.prepared import Manifest, Split
from rnnbench.models.inputs import as_targets, scaled
from rnnbench.tasks.task import TASKS

EXAMPLES = 64

Numbers = npt.NDArray[np.float64]


def share_gradient_by_lag(
    model: keras.Model, split: Split, manifest: Manifest, from_logits: bool
) -> pd.DataFrame:
    """Return the share of the gradient's norm at each step, one row per lag.

    The loss is that of the last step's output, or of the only output. The gradient is taken with
    respect to the inputs of a step, or to the embedding of its token. Its norm is averaged over at
    most 64 examples, evenly spaced in the split, and divided by the sum over all steps.

    Parameters
    ----------
    model : keras.Model
        A trained model.
    split : Split
        The examples.
    manifest : Manifest
        The view's manifest.
    from_logits : bool
        Whether the model's outputs are logits.

    Returns
    -------
    DataFrame
        `lag`, the number of steps from an input to the last one, and `share`. Empty if all
        gradients are zero or any is not finite.
    """
    count = len(split.inputs)
    chosen = np.unique(np.linspace(0, count - 1, min(EXAMPLES, count)).astype(np.int64))
    inputs, targets = scaled(split.inputs[chosen]), as_targets(np.asarray(split.targets)[chosen])
    head = TASKS[manifest.task]
    measure = head.loss(manifest, from_logits)

    def loss(outputs: Any) -> Any:
        if head.targets_each_step:
            return measure(targets[:, -1:], outputs[:, -1:])
        return measure(targets, outputs)

    gradients = _differentiate(model, inputs, loss)
    steps = gradients.shape[1]
    norms = np.linalg.norm(gradients.reshape(len(gradients), steps, -1), axis=2).mean(axis=0)
    total = norms.sum()
    if not np.isfinite(total) or total == 0:
        return pd.DataFrame({"lag": [], "share": []})
    return pd.DataFrame({"lag": np.arange(steps), "share": norms[::-1] / total})


def _differentiate(
    model: keras.Model, inputs: npt.NDArray[Any], loss: Callable[[Any], Any]
) -> Numbers:
    """Return the gradient of a loss for each step's features, shape (examples, steps, ...)."""
    first = model.layers[0]
    if not isinstance(first, keras.layers.Embedding):
        return _gradient(lambda values: loss(model(values, training=False)), inputs)

    def embedded_loss(values: Any) -> Any:
        with _returning(first, values):
            return loss(model(inputs, training=False))

    return _gradient(embedded_loss, keras.ops.convert_to_numpy(first(inputs)))


@contextmanager
def _returning(layer: keras.Layer, values: Any) -> Iterator[None]:
    """Let a layer return given values; it still computes its mask from its inputs."""
    layer.call = lambda *_, **__: values
    try:
        yield
    finally:
        del layer.call


def _gradient(function: Callable[[Any], Any], values: npt.NDArray[Any]) -> Numbers:
    given = keras.ops.convert_to_tensor(values)
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.grad(function)(given), dtype=np.float64)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(given)
        result = function(given)
    return np.asarray(tape.gradient(result, given), dtype=np.float64)
