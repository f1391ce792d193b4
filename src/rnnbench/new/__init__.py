"""`rnnbench new`: entries of `params.yaml` for data of your own."""
