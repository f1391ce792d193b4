"""From parameters to Keras models."""
