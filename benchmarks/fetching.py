"""Fetch a data set from a given server: `fetching.py ADDRESS SHA256`."""

import sys
from dataclasses import replace
from pathlib import Path

from rnnbench.data.dataset import DATASETS
from rnnbench.data.download import Digest, RemoteFile
from rnnbench.data.fetch import fetch
from rnnbench.errors import reports_errors
from rnnbench.params import load_params

PARAMS_FILE = Path(__file__).parent.parent / "params.yaml"


@reports_errors
def main(address: str, sha256: str) -> None:
    """Fetch MNIST from `address` into data/raw of the working directory."""
    dataset = DATASETS["mnist"]
    source = RemoteFile("mnist.npz", Digest("sha256", sha256), address)
    route = replace(dataset.routes["upstream"], sources=(source,))
    DATASETS["mnist"] = replace(dataset, routes={"upstream": route}, counts=None, content=None)
    fetch("mnist", load_params(PARAMS_FILE))


if __name__ == "__main__":
    main(*sys.argv[1:])
