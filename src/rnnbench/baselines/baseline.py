"""A baseline: a simple predictor, fitted on the training split and scored like a model.

Each module of this package adds its baselines to `BASELINES`, with a function that tells to which
views they apply. No other code depends on which baselines there are.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rnnbench.data.prepared import Array, Manifest, TrainingData
from rnnbench.registry import Registry

Predict = Callable[[Array], Array]


@dataclass(frozen=True)
class Baseline:
    """A predictor without a recurrent layer.

    Attributes
    ----------
    title : str
        Its name in tables and figures.
    applies_to : callable
        Takes the manifest of a view's training data and returns whether the baseline is defined
        for such data.
    fit : callable
        Takes the training data and returns the predictor: a function of inputs as they are stored,
        whose outputs are those that the view's task expects of a model, such as probabilities.
    is_bound : bool, default False
        Whether the function takes the targets in place of the inputs. Its loss is then the lowest
        that a predictor can have, and only the loss is reported.
    """

    title: str
    applies_to: Callable[[Manifest], bool]
    fit: Callable[[TrainingData], Predict]
    is_bound: bool = False


BASELINES: Registry[Baseline] = Registry("baseline", "rnnbench.baselines")
