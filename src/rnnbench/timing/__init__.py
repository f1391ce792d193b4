"""The time of a training step: stock Keras and the compiled loops, measured in turn.

Each of the two ways trains in its own process. Only these processes import `steps` and `training`;
the process that controls them does not need Keras.
"""
