"""Kinds of tasks, one module for each; `rnnbench.tasks.task` defines their interface."""
