"""Training: seeds, the loop around `fit`, timing, devices."""
