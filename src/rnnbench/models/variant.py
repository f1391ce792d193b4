"""Variants of layers and cells: the options of each, how it is built and its forms.

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
# The value of an absent option. It is never passed to Keras, and null is not accepted: for Keras, a
# null activation is a linear one, not the default.
KERAS_DEFAULT: Any = None


class Sized(Layer):
    """The option that all recurrent layers of vectors share."""

    units: PositiveInt


class Recurrent(Sized):
    """The options that Keras's recurrent layers of vectors and their cells share."""

    activation: Activation = KERAS_DEFAULT


@dataclass(frozen=True)
class Form:
    """A form of a layer: one row of the layer table and one example for the contract tests.

    Attributes
    ----------
    name : str
        The form in Keras's names, for example "GRU(reset_after=False)".
    layer : Layer
        The options.
    formula : str
        Number of parameters in Python's notation, with x inputs and h units per step (channels and
        filters for frames) and v words in the vocabulary.
    reference : callable, optional
        The form in NumPy: returns `Forward` from the inputs, the list that Keras's `get_weights()`
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
        The options that `params.yaml` accepts. The class has the name of the Keras class.
    forms : callable
        Returns the forms with h units; wrappers have one for each layer or cell in a registry.
    build : callable, optional
        Makes the Keras object from the given options and, for a layer, the keywords of
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
        """Make the Keras object from its options; absent options have Keras's defaults."""
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
    recurrent : bool, default False
        Whether it carries a state from step to step. Its `build` then takes `return_sequences` and
        `return_state`.
    causal : bool, default True
        Whether the output of a step depends only on that step and earlier ones.
    needs_steps : bool, default False
        Whether it takes only sequences, although it is not recurrent.
    makes_steps : bool, default False
        Whether it makes a sequence of an input without steps; the recurrent layer before it then
        returns only its last step.
    frames : bool, default False
        Whether a step is an image instead of a vector.
    takes_ids : bool, default False
        Whether it takes token ids instead of numbers. Its `build` then takes `vocabulary_size`.
    tabulated : bool, default True
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
# The cells that the layer `rnn` can step.
CELLS: Registry[Component] = Registry("cell", "rnnbench.models.variants")


def build_layer(layer: Layer, **keywords: Any) -> "keras.Layer":
    """Make a Keras layer.

    Parameters
    ----------
    layer : Layer
        The options; absent ones have Keras's defaults.
    **keywords
        Arguments that depend on the model: `name`; for a recurrent layer `return_sequences` and
        `return_state`; for an embedding `vocabulary_size`.

    Raises
    ------
    RnnbenchError
        If the variant is not registered.
    """
    return VARIANTS[layer.type].make(layer, **keywords)


def build_cell(cell: Layer) -> "keras.Layer":
    """Make a Keras cell, or a stack of cells, for `keras.layers.RNN`."""
    return CELLS[cell.type].make(cell)


def loop_over(define_cell: Callable[[], Any]) -> Callable[..., "keras.layers.RNN"]:
    """Return the `build` of a layer that is `keras.layers.RNN` of a cell of this project."""

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
