"""IndRNN (Li et al. 2018, arXiv:1803.04831), a recurrent layer of units independent of each other.

`h' = relu(x W + u h + b)` with one recurrent weight per unit, which is clipped to ±2^(1/T) for
sequences of T steps, so that the recurrence at most doubles a state over the sequence.
"""

from typing import Any, ClassVar, Literal

from pydantic import PositiveInt

from rnnbench.models.reference import Array, Forward, States, loop, relu, zero_states
from rnnbench.models.variant import KERAS_DEFAULT, VARIANTS, Form, Recurrent, Variant, loop_over


class IndRNN(Recurrent):
    """Options of the layer; the default activation is relu.

    With `memory_steps`, T above, recurrent weights are drawn between 2^(-1/T) and 2^(1/T), as in
    the last layer of the authors' models; without it, between 0 and 1 and clipped to ±1.
    """

    type: Literal["ind_rnn"] = "ind_rnn"
    memory_steps: PositiveInt = KERAS_DEFAULT


def define_cell() -> Any:
    """Define the Keras class of a step."""
    import keras
    from keras import ops

    from rnnbench.models.cell import PACKAGE, IndependentCell

    @keras.saving.register_keras_serializable(PACKAGE)
    class IndRNNCell(IndependentCell):
        """A step of IndRNN: the recurrent kernel is a vector.

        The kernel's initial values are small, as in the authors' code.
        """

        OPTIONS: ClassVar = ("activation", "memory_steps")

        def __init__(
            self,
            units: int,
            activation: str = "relu",
            memory_steps: int | None = None,
            **options: Any,
        ) -> None:
            super().__init__(units, **options)
            self.activation, self.memory_steps = activation, memory_steps

        def build(self, input_shape: Any) -> None:
            steps = self.memory_steps
            largest = 2.0 ** (1 / steps) if steps else 1.0
            smallest = 1 / largest if steps else 0.0
            shape = (input_shape[-1], self.units)
            kernel = keras.initializers.RandomNormal(stddev=0.001)
            self.kernel = self.add_weight(shape, kernel, name="kernel")
            self.recurrent_kernel = self.add_weight(
                (self.units,),
                keras.initializers.RandomUniform(smallest, largest),
                name="recurrent_kernel",
                constraint=lambda weights: ops.clip(weights, -largest, largest),
            )
            self.bias = self.add_weight((self.units,), "zeros", name="bias")

    return IndRNNCell


def ind_rnn(inputs: Array, weights: Any, mask: Array | None = None) -> Forward:
    """Compute the layer in NumPy from the list of `get_weights()`; see `reference.loop`."""
    kernel, recurrent_kernel, bias = weights

    def step(x: Array, states: States) -> States:
        h = relu(x @ kernel + recurrent_kernel * states[0] + bias)
        return (h,)

    return loop(step, inputs, zero_states(inputs, len(bias)), mask)


VARIANTS.add(
    "ind_rnn",
    Variant(
        IndRNN,
        lambda h: [Form("IndRNN", IndRNN(units=h), "x*h + 2*h", ind_rnn)],
        loop_over(define_cell),
        define_cell,
        recurrent=True,
    ),
)
