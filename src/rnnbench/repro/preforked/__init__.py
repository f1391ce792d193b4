"""Stage scripts that need not import TensorFlow and MLflow each time.

One process imports them once; each stage is a fork of it, with its own environment and output.
"""
