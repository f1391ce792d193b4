"""Stage scripts that need not import TensorFlow and MLflow each time.

One process imports them once; each stage is a fork of it. A stage runs as ever, in a process of its
own with its own environment, only without the seconds of importing.
"""
