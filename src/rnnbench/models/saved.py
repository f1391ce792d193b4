"""Saved models: Keras's own format, which holds no code."""

from pathlib import Path

import keras

from rnnbench.errors import RnnbenchError
from rnnbench.models.variant import CELLS, VARIANTS


def save_model(model: keras.Model, path: Path) -> None:
    """Save a model without the optimizer's state, which prediction does not need."""
    bare = type(model).from_config(model.get_config())
    bare.set_weights(model.get_weights())
    bare.save(path)


def load_model(path: Path) -> keras.Model:
    """Load a saved model.

    Raises
    ------
    RnnbenchError
        If the file is missing or damaged, contains an unknown class, or contains code, which
        Keras's safe mode refuses.
    """
    components = (*VARIANTS.values(), *CELLS.values())
    own = [component.define_class() for component in components if component.define_class]
    classes = {keras.saving.get_registered_name(each): each for each in own}
    try:
        return keras.saving.load_model(path, custom_objects=classes, compile=False, safe_mode=True)
    except Exception as error:  # for damaged and hostile files Keras raises many kinds of errors
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise RnnbenchError(
            f"{path} is not loaded, as it is not a model that this project saved: {reason}; restore"
            " the trained model with `dvc checkout` or `dvc pull`"
        ) from error
