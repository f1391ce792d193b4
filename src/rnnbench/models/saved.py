"""Saved models: Keras's own format, which holds no code."""

from pathlib import Path

import keras


def save_model(model: keras.Model, path: Path) -> None:
    """Save a model."""
    model.save(path)


def load_model(path: Path) -> keras.Model:
    """Load a saved model; code within it would be refused (Keras's safe mode)."""
    return keras.saving.load_model(path, compile=False, safe_mode=True)
