"""The variants: one module for each, or for a few small ones, adds them to the registries."""
