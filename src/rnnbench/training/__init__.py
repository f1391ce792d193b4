"""Training: seeds, batches, the call of `fit`, timing and devices."""
