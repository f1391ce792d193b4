"""Keras models built from the parameters in `params.yaml`."""
