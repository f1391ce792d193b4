"""The last output of an encoder as the input of each step of a forecaster (Srivastava et al. 2015).

Their unconditioned decoder gets the encoder's states; this one, as Keras's `RepeatVector`, reads
its output at every step.
"""

from typing import Any, Literal

from pydantic import PositiveInt

from rnnbench.models.variant import VARIANTS, Form, Variant
from rnnbench.params import Layer


class Repeat(Layer):
    """Options of the layer: the number of steps it makes."""

    type: Literal["repeat"] = "repeat"
    steps: PositiveInt


def define_layer() -> Any:
    """Define the Keras class: Keras's own `RepeatVector` takes no frames."""
    import keras
    from keras import ops

    from rnnbench.models.cell import PACKAGE

    @keras.saving.register_keras_serializable(PACKAGE)
    class Repeat(keras.layers.Layer):  # type: ignore[misc]
        """From (batch, ...) to (batch, steps, ...), each step the same."""

        def __init__(self, steps: int, **options: Any) -> None:
            super().__init__(**options)
            self.steps = steps

        def call(self, inputs: Any) -> Any:
            return ops.repeat(ops.expand_dims(inputs, 1), self.steps, axis=1)

        def compute_output_shape(self, input_shape: Any) -> Any:
            return (input_shape[0], self.steps, *input_shape[1:])

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "steps": self.steps}

    return Repeat


VARIANTS.add(
    "repeat",
    Variant(
        Repeat,
        lambda h: [Form("Repeat", Repeat(steps=2), "0")],
        define_class=define_layer,
        causal=False,
        makes_steps=True,
        tabulated=False,
    ),
)
