"""Saved models: Keras's own format, which holds no code."""

from pathlib import Path

import keras

from rnnbench.models.variant import CELLS, VARIANTS


def save_model(model: keras.Model, path: Path) -> None:
    """Save a model without the optimizer's state, which prediction does not need."""
    bare = type(model).from_config(model.get_config())
    bare.set_weights(model.get_weights())
    bare.save(path)


def load_model(path: Path) -> keras.Model:
    """Load a saved model; code within it would be refused (Keras's safe mode)."""
    components = (*VARIANTS.values(), *CELLS.values())
    own = [component.define_class() for component in components if component.define_class]
    classes = {keras.saving.get_registered_name(each): each for each in own}
    return keras.saving.load_model(path, custom_objects=classes, compile=False, safe_mode=True)
