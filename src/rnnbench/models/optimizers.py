"""The optimizers of training recipes: Keras's classes with the arithmetic that a recipe names.

Versions of Keras differ in two places (`docs/optimizers.md`): in how the gradients of an embedding
row that a batch uses several times enter the optimizer, and in where RMSprop adds epsilon.
"""

from collections.abc import Sequence
from typing import Any

import keras

from rnnbench.params import Training

RHO = 0.9  # decay of RMSprop's mean of squares; Keras's default


class SumsRepeatedIds:
    """Mixin for a Keras optimizer: sum the gradients of repeated ids before the update.

    With TensorFlow the gradient of an embedding is a `tf.IndexedSlices` with one slice for every
    occurrence of an id, and Keras 3 squares each slice separately. TensorFlow's conversion to a
    dense tensor sums them. Other back ends compute dense gradients.

    `apply` is the one method that `fit` calls on every back end, directly or through
    `apply_gradients`, `stateless_apply` or a `LossScaleOptimizer` around this optimizer.
    """

    def apply(
        self, grads: Sequence[Any], trainable_variables: Sequence[keras.Variable] | None = None
    ) -> None:
        """Update the variables from dense gradients."""
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            grads = [None if grad is None else tf.convert_to_tensor(grad) for grad in grads]
        super().apply(grads, trainable_variables)  # type: ignore[misc]


@keras.saving.register_keras_serializable("rnnbench")
class SummedAdam(SumsRepeatedIds, keras.optimizers.Adam):  # type: ignore[misc]
    """Adam that squares the summed gradient of an id that a batch repeats."""


@keras.saving.register_keras_serializable("rnnbench")
class SummedRMSprop(SumsRepeatedIds, keras.optimizers.RMSprop):  # type: ignore[misc]
    """RMSprop that squares the summed gradient of an id that a batch repeats."""


OPTIMIZERS = {
    "separate": {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop},
    "summed": {"adam": SummedAdam, "rmsprop": SummedRMSprop},
}


class WithoutBiasCorrection:
    """Mixin for a Keras schedule: cancel the factor sqrt(1 - beta_2^t) of Adam's learning rate.

    Step t of Adam (Kingma and Ba 2015) subtracts
    `rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)`. With beta_1 = 0, m is
    the gradient; with this schedule, the step is `rate * gradient / (sqrt(v) + epsilon)`, which is
    that of RMSprop with rho = beta_2 and epsilon outside the root.

    Parameters
    ----------
    beta_2 : float
        The optimizer's `beta_2`.
    **schedule
        Arguments of Keras's schedule.
    """

    def __init__(self, beta_2: float, **schedule: Any) -> None:
        super().__init__(**schedule)
        self.beta_2 = beta_2

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step, counted from 0."""
        steps = keras.ops.cast(step, keras.config.floatx()) + 1.0
        correction = keras.ops.sqrt(1.0 - keras.ops.power(self.beta_2, steps))
        return super().__call__(step) / correction  # type: ignore[misc]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments from which `from_config` makes the same schedule."""
        return {**super().get_config(), "beta_2": self.beta_2}  # type: ignore[misc]


@keras.saving.register_keras_serializable("rnnbench")
class InverseTimeDecayWithoutBiasCorrection(
    WithoutBiasCorrection,
    keras.optimizers.schedules.InverseTimeDecay,  # type: ignore[misc]
):
    """Inverse time decay for an Adam that is to be RMSprop."""


@keras.saving.register_keras_serializable("rnnbench")
class CosineDecayWithoutBiasCorrection(
    WithoutBiasCorrection,
    keras.optimizers.schedules.CosineDecay,  # type: ignore[misc]
):
    """Cosine decay for an Adam that is to be RMSprop."""


def build_optimizer(training: Training, steps: int) -> keras.optimizers.Optimizer:
    """Make the optimizer of a training recipe.

    The learning rate of step t is `learning_rate / (1 + learning_rate_decay * t)`, which is what
    the `decay` argument of Keras's older optimizers did, or with `learning_rate_schedule` "cosine"
    `learning_rate * (1 + cos(pi * t / steps)) / 2` (Loshchilov and Hutter 2017, without restarts).

    Parameters
    ----------
    training : Training
        The recipe. `repeated_ids` decides between Keras's class and that class with
        `SumsRepeatedIds`. RMSprop with `epsilon_place` "outside_root" is Keras's Adam without
        momentum (beta_1 = 0) and without bias correction, equal up to rounding; it stores one
        more number per weight than Keras's RMSprop.
    steps : int
        Of the whole training, over which a cosine falls to 0.

    Returns
    -------
    keras.optimizers.Optimizer
        It can be saved with a model, compiled by `accelerate` and wrapped in a
        `LossScaleOptimizer`.
    """
    optimizers = OPTIMIZERS[training.repeated_ids]
    options = {"epsilon": training.epsilon, "global_clipnorm": training.gradient_clipping}
    rate = training.learning_rate
    schedules: tuple[Any, Any] = (
        keras.optimizers.schedules.InverseTimeDecay,
        InverseTimeDecayWithoutBiasCorrection,
    )
    falling = {"decay_steps": 1, "decay_rate": training.learning_rate_decay}
    if training.learning_rate_schedule == "cosine":
        schedules = keras.optimizers.schedules.CosineDecay, CosineDecayWithoutBiasCorrection
        falling = {"decay_steps": steps}
    plain, without_bias_correction = schedules
    if training.optimizer == "rmsprop" and training.epsilon_place == "outside_root":
        schedule = without_bias_correction(RHO, initial_learning_rate=rate, **falling)
        betas = {"beta_1": 0.0, "beta_2": RHO}
        return optimizers["adam"](schedule, **betas, **options, name="rmsprop")
    constant = not (training.learning_rate_schedule or training.learning_rate_decay)
    schedule = rate if constant else plain(initial_learning_rate=rate, **falling)
    return optimizers[training.optimizer](schedule, **options)
