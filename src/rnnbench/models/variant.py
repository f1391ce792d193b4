"""Variants of layers and cells: what each accepts, how it is built, which forms it has.

A variant is one module of `rnnbench.models.variants`, which adds it to a registry here. Parameters,
models, the layer table, descriptions and contract tests follow from the registries. The modules are
imported to read `params.yaml`; they must not import Keras.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import PositiveInt

from rnnbench.models.reference import Forward
from rnnbench.params import Layer
from rnnbench.registry import Registry

if TYPE_CHECKING:
    import keras

Activation = Literal["tanh", "relu", "sigmoid", "softmax", "linear"]
# The value of an option that is absent. It is never passed on, and null is not accepted: to Keras,
# an activation of null is a linear one, not the default.
KERAS_DEFAULT: Any = None


class Sized(Layer):
    """The option that every recurrent layer of vectors has."""

    units: PositiveInt


class Recurrent(Sized):
    """The options that Keras's recurrent layers of vectors and their cells share."""

    activation: Activation = KERAS_DEFAULT


@dataclass(frozen=True)
class Form:
    """A form of a layer: a row of the layer table, and an example for the contract tests.

    Attributes
    ----------
    name : str
        In Keras's names, for example "GRU(reset_after=False)".
    layer : Layer
        Its options.
    formula : str
        Number of parameters in Python's notation, with x inputs and h units per step (channels and
        filters of a frame) and v words of the vocabulary.
    reference : callable, optional
        The same in NumPy: returns `Forward` from the inputs, the list that Keras's `get_weights()`
        returns, and the mask, an array of bool or None.
    """

    name: str
    layer: Layer
    formula: str
    reference: Callable[[Any, Sequence[Any], Any], Forward] | None = None


@dataclass(frozen=True)
class Component:
    """A kind of layer or cell.

    Attributes
    ----------
    options : type of Layer
        What `params.yaml` accepts. The class has the name of the Keras class.
    forms : callable
        Returns its forms with h units; wrappers have one for each layer or cell in a registry.
    build : callable, optional
        Makes the Keras object from the options that are given and, for a layer, the keywords of
        `build_layer`. The default is the Keras class.
    define_class : callable, optional
        Defines and returns the class that saved models hold beside Keras's own, decorated with
        `keras.saving.register_keras_serializable`: the layer or cell itself or, where `build` is
        given, what `build` puts into Keras's layer, such as the cell of a loop.
    """

    options: type[Layer]
    forms: Callable[[int], Sequence[Form]]
    build: Callable[..., Any] | None = None
    define_class: Callable[[], Any] | None = None

    def make(self, layer: Layer, **keywords: Any) -> Any:
        """Make the Keras object of some options; options that are absent are left to Keras."""
        given = {name: value for name, value in layer if name in layer.model_fields_set}
        given.pop("type", None)
        return (self.build or self._keras_class())(**given, **keywords)

    def _keras_class(self) -> Any:
        if self.define_class:
            return self.define_class()
        import keras

        return getattr(keras.layers, self.options.__name__)


@dataclass(frozen=True)
class Variant(Component):
    """A layer that models may name.

    Attributes
    ----------
    recurrent : bool
        Whether it carries a state from step to step. Its `build` then takes `return_sequences` and
        `return_state`.
    causal : bool
        Whether the output of a step depends on that step and earlier ones alone.
    needs_steps : bool
        Whether it takes sequences alone, without being recurrent.
    makes_steps : bool
        Whether it makes a sequence of what has no steps: the recurrent layer before it returns its
        last step alone.
    frames : bool
        Whether a step is an image instead of a vector.
    takes_ids : bool
        Whether it takes token ids instead of numbers. Its `build` then takes `vocabulary_size`.
    tabulated : bool
        Whether its forms are rows of the layer table.
    """

    recurrent: bool = False
    causal: bool = True
    needs_steps: bool = False
    makes_steps: bool = False
    frames: bool = False
    takes_ids: bool = False
    tabulated: bool = True


VARIANTS: Registry[Variant] = Registry("layer", "rnnbench.models.variants")
# What `rnn` loops over.
CELLS: Registry[Component] = Registry("cell", "rnnbench.models.variants")


def build_layer(layer: Layer, **keywords: Any) -> "keras.Layer":
    """Make a Keras layer.

    Parameters
    ----------
    layer : Layer
        Its options; those that are absent are left to Keras.
    **keywords
        What the model around it decides: `name`; for a recurrent layer `return_sequences` and
        `return_state`; for an embedding `vocabulary_size`.

    Raises
    ------
    RnnbenchError
        If the variant is not registered.
    """
    return VARIANTS[layer.type].make(layer, **keywords)


def build_cell(cell: Layer) -> "keras.Layer":
    """Make the Keras cell that a loop steps, a stack of cells included."""
    return CELLS[cell.type].make(cell)


def loop_over(define_cell: Callable[[], Any]) -> Callable[..., "keras.layers.RNN"]:
    """Return the `build` of a layer that is Keras's loop over a cell of this project."""

    def build(
        name: str | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        **options: Any,
    ) -> "keras.layers.RNN":
        import keras

        return keras.layers.RNN(
            define_cell()(**options),
            name=name,
            return_sequences=return_sequences,
            return_state=return_state,
        )

    return build
