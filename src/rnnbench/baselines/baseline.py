"""A baseline: a simple predictor, fitted on the training split and scored as a model is.

A module of this package defines baselines and adds them to `BASELINES`, each with the views that
it applies to. Nothing else in the project asks which baselines a view has.
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
        What tables and figures call it.
    applies_to : callable
        Takes the manifest of a view's training data and returns whether the baseline is defined
        for such data.
    fit : callable
        Takes the training data and returns what predicts: a function of inputs as they are
        stored, which returns what the view's task expects of a model, probabilities for example.
    is_bound : bool, default False
        Whether it is given the targets in place of the inputs. It is then no predictor: its loss
        is the lowest that any can have, and nothing else of it is reported.
    """

    title: str
    applies_to: Callable[[Manifest], bool]
    fit: Callable[[TrainingData], Predict]
    is_bound: bool = False


BASELINES: Registry[Baseline] = Registry("baseline", "rnnbench.baselines")
