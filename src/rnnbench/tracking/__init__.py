"""MLflow as a projection of what the files say."""
