"""Evaluation on the test split, which nothing before it opens."""
