"""What a training step costs: stock Keras and the compiled loops, measured in turn.

Each of the two ways trains in a process of its own. Nothing here needs Keras in the process that
asks them: `steps` and `training` are imported by the processes that train.
"""
