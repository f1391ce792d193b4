"""Stock Keras recurrent layers with a compiled loop, on TensorFlow.

`accelerate(model)` is all there is to call; the layers stay what they were, in class, weights,
configuration and files.
"""

from rnnbench.models.fast.layers import accelerate as accelerate
