"""Pooling over the steps: the maximum, the average, or both, of each feature."""

from typing import Any, Literal

from rnnbench.models.variant import VARIANTS, Form, Variant
from rnnbench.params import Layer


class GlobalPooling1D(Layer):
    """Options of the layer: what of each feature is passed on."""

    type: Literal["global_pooling_1d"] = "global_pooling_1d"
    statistic: Literal["max", "average", "max_and_average"]


def define_layer() -> Any:
    """Define the Keras class.

    Keras's own `GlobalMaxPooling1D` takes no mask, and a chain of layers cannot hold both poolings.
    """
    import keras
    from keras import ops

    from rnnbench.models.cell import PACKAGE

    @keras.saving.register_keras_serializable(PACKAGE)
    class GlobalPooling1D(keras.layers.Layer):  # type: ignore[misc]
        """From (batch, steps, features) to (batch, features), or twice the features for both.

        Masked steps are left out; where all are, the result is 0.
        """

        def __init__(self, statistic: str, **options: Any) -> None:
            super().__init__(**options)
            self.statistic = statistic
            self.supports_masking = True

        def call(self, inputs: Any, mask: Any = None) -> Any:
            pooled = []
            if "max" in self.statistic:
                pooled.append(self._maximum(inputs, mask))
            if "average" in self.statistic:
                pooled.append(self._average(inputs, mask))
            return ops.concatenate(pooled, axis=-1)

        def _maximum(self, inputs: Any, mask: Any) -> Any:
            if mask is None:
                return ops.max(inputs, axis=1)
            read = ops.expand_dims(mask, -1)
            lowest = ops.cast(float("-inf"), inputs.dtype)
            highest = ops.max(ops.where(read, inputs, lowest), axis=1)
            return ops.where(ops.any(read, axis=1), highest, ops.zeros_like(highest))

        def _average(self, inputs: Any, mask: Any) -> Any:
            if mask is None:
                return ops.mean(inputs, axis=1)
            read = ops.expand_dims(mask, -1)
            # `mean` adds numbers of 16 bits in 32.
            average = ops.mean(ops.where(read, inputs, ops.zeros_like(inputs)), axis=1)
            share = ops.mean(ops.cast(read, "float32"), axis=1)
            return average / ops.cast(ops.where(share > 0, share, 1.0), average.dtype)

        def compute_mask(self, inputs: Any, mask: Any = None) -> None:
            return None

        def compute_output_shape(self, input_shape: Any) -> Any:
            features = input_shape[-1]
            return (input_shape[0], 2 * features if "_and_" in self.statistic else features)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "statistic": self.statistic}

    return GlobalPooling1D


def _forms(h: int) -> list[Form]:
    return [
        Form(f"GlobalPooling1D({one})", GlobalPooling1D(statistic=one), "0")
        for one in ("max", "average", "max_and_average")
    ]


VARIANTS.add(
    "global_pooling_1d",
    Variant(
        GlobalPooling1D,
        _forms,
        define_class=define_layer,
        causal=False,
        needs_steps=True,
        tabulated=False,
    ),
)
