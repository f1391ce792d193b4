"""Kinds of tasks, one module for each; `rnnbench.tasks.task` says what a kind consists of."""
