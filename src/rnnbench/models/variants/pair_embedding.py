"""An embedding of words to which that of each word together with the word before it is added.

Source: the hashed pairs of words of fastText (Joulin et al. 2017, arXiv:1607.01759).
"""

from typing import Any, Literal

from pydantic import PositiveInt

from rnnbench.models.variant import KERAS_DEFAULT, VARIANTS, Form, Variant
from rnnbench.params import Layer

# An odd factor spreads the pairs over the rows; the product wraps around in 32 bits.
SPREAD = 73_244_475


class PairEmbedding(Layer):
    """Options of the layer; `pairs` is the number of vectors that all pairs share."""

    type: Literal["pair_embedding"] = "pair_embedding"
    units: PositiveInt
    pairs: PositiveInt
    mask_zero: bool = KERAS_DEFAULT


def define_layer() -> Any:
    """Define the Keras class."""
    import keras
    from keras import ops

    from rnnbench.models.cell import PACKAGE

    @keras.saving.register_keras_serializable(PACKAGE)
    class PairEmbedding(keras.layers.Embedding):  # type: ignore[misc]
        """From ids, (batch, steps), to vectors, (batch, steps, units).

        The vectors of pairs begin at 0, so that a pair that training does not have adds nothing.
        """

        def __init__(self, vocabulary_size: int, units: int, pairs: int, **options: Any) -> None:
            super().__init__(vocabulary_size, units, **options)
            self.pairs = keras.layers.Embedding(pairs, units, "zeros", name="pairs")

        def build(self, input_shape: Any = None) -> None:
            super().build(input_shape)
            self.pairs.build(input_shape)

        def call(self, inputs: Any) -> Any:
            ids = ops.cast(inputs, "int32")
            before = ops.pad(ids, ((0, 0), (1, 0)))[:, :-1]
            return super().call(ids) + self.pairs(
                ops.mod(before * SPREAD + ids, self.pairs.input_dim)
            )

        def get_config(self) -> dict[str, Any]:
            config = super().get_config()
            sizes = {"vocabulary_size": config.pop("input_dim"), "units": config.pop("output_dim")}
            return {**config, **sizes, "pairs": self.pairs.input_dim}

    return PairEmbedding


VARIANTS.add(
    "pair_embedding",
    Variant(
        PairEmbedding,
        lambda h: [Form("PairEmbedding", PairEmbedding(units=h, pairs=64), "v*h + 64*h")],
        define_class=define_layer,
        takes_ids=True,
        tabulated=False,
    ),
)
