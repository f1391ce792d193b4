"""Trying values of parameters: each combination is an experiment of DVC, judged on validation.

Every combination runs in a copy of the repository, by the same stages as the workspace, and is
saved as soon as it is done. The copies share the repository's DVC cache and its MLflow store.
"""
