"""Baselines that a recurrent network has to beat, one module for each kind."""
