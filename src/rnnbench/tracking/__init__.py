"""Logging runs to MLflow from their files."""
