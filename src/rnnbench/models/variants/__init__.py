"""One module for each variant, or for a few small ones; each adds them to the registries."""
