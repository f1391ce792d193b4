"""Long short-term memory (Hochreiter & Schmidhuber 1997; Gers et al. 2000), layer and cell."""

from typing import Annotated, Any, Literal

from pydantic import Field

from rnnbench.models.reference import lstm, on_listed_weights
from rnnbench.models.variant import (
    CELLS,
    KERAS_DEFAULT,
    VARIANTS,
    Component,
    Form,
    Recurrent,
    Variant,
)

FORMULA = "4*((x + h)*h + h)"
REFERENCE = on_listed_weights(lstm)
# The longest dependency, in steps, for which gates are initialised (Tallec & Ollivier 2018).
ChronoSteps = Annotated[int, Field(ge=3)]


class LSTM(Recurrent):
    """Options of the layer; `chrono_steps` sets initial biases for long dependencies."""

    type: Literal["lstm"] = "lstm"
    chrono_steps: ChronoSteps = KERAS_DEFAULT


class LSTMCell(Recurrent):
    """Options of the cell."""

    type: Literal["lstm_cell"] = "lstm_cell"


def define_initializer() -> Any:
    """Define the Keras class that initialises an LSTM's bias by `chrono`."""
    import keras
    from keras import ops

    from rnnbench.models.cell import PACKAGE, chrono, side_by_side

    @keras.saving.register_keras_serializable(PACKAGE)
    class ChronoBias(keras.initializers.Initializer):  # type: ignore[misc]
        """Forget gates get the biases of `chrono`, input gates their negatives."""

        def __init__(self, steps: int) -> None:
            self.steps = steps

        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            forget = chrono(self.steps)
            parts = (lambda *size, **kind: -forget(*size, **kind), forget, ops.zeros, ops.zeros)
            return side_by_side(*parts)(shape, dtype)

        def get_config(self) -> dict[str, Any]:
            return {"steps": self.steps}

    return ChronoBias


def _build(chrono_steps: int | None = None, **options: Any) -> Any:
    import keras

    if chrono_steps is None:
        return keras.layers.LSTM(**options)
    bias = define_initializer()(chrono_steps)
    return keras.layers.LSTM(bias_initializer=bias, unit_forget_bias=False, **options)


VARIANTS.add(
    "lstm",
    Variant(
        LSTM,
        lambda h: [Form("LSTM", LSTM(units=h), FORMULA, REFERENCE)],
        _build,
        define_initializer,
        recurrent=True,
    ),
)
CELLS.add(
    "lstm_cell",
    Component(LSTMCell, lambda h: [Form("LSTMCell", LSTMCell(units=h), FORMULA, REFERENCE)]),
)
