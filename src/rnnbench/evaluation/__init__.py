"""Evaluation on the test split, which no earlier stage opens."""
