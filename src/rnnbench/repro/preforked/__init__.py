"""Running stage scripts without importing TensorFlow and MLflow for each of them.

One process imports both once; each stage is a fork of it, with its own environment and output.
"""
